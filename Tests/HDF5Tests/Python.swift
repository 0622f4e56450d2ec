import TestSupport
import Testing

/// h5py, the independent implementation of what passes between files and arrays (the bytes are by the same library).
extension Python {
    static func hasH5py() async throws -> Bool { try await has("h5py", "numpy") }

    /// Runs a program with `h5py`, `n` (numpy) and `path`, and returns what it printed, without the last line's end.
    static func run(_ program: String, path file: String) async throws -> String {
        let directory = try TemporaryDirectory()
        let script = try directory.write("program.py", "import h5py, sys\nimport numpy as n\npath = sys.argv[1]\n\(program)\n")
        let result = try await runProgram(path, [script, file])
        #expect(result.status == 0 && result.errors == "", "\(result.errors)")
        return result.text.hasSuffix("\n") ? String(result.text.dropLast()) : result.text
    }
}
