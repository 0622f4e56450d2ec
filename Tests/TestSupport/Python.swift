import Glibc
import Subprocess

/// Debian's Python, which has the modules that `make test` installs; others on the PATH may not.
public enum Python {
    public static let path = "/usr/bin/python3"
    /// The Python to look for PyTorch in, which `make test` does not install: the one that PYTHON names, if it is set.
    public static let torchPath = getenv("PYTHON").map { String(cString: $0) } ?? path

    /// Whether it is there with all these modules: the condition of `.enabled`, so that a test is reported as skipped where
    /// it is not.
    public static func has(_ modules: String...) async throws -> Bool { try await has(modules, path) }

    /// Whether PyTorch is there.
    public static func hasTorch() async throws -> Bool { try await has(["torch"], torchPath) }

    private static func has(_ modules: [String], _ path: String) async throws -> Bool {
        try await runShell("'\(path)' -c 'import \(modules.joined(separator: ", "))'").status == 0
    }

    /// Runs a program in a folder, with python/contour.py among the modules that it finds. What it prints is its output.
    ///
    /// A conversation in which both sides wait for each other is ended after ten minutes; no program takes seconds.
    public static func run(_ program: String, in folder: TemporaryDirectory) async throws -> ToolResult {
        try await run(program, in: folder, path)
    }

    /// Runs a program that needs PyTorch in the same way.
    public static func runTorch(_ program: String, in folder: TemporaryDirectory) async throws -> ToolResult {
        try await run(program, in: folder, torchPath)
    }

    private static func run(_ program: String, in folder: TemporaryDirectory, _ path: String) async throws -> ToolResult {
        try folder.write("program.py", program)
        return try await runShell(
            """
            export PYTHONPATH="$PWD/python${PYTHONPATH:+:$PYTHONPATH}" PYTHONDONTWRITEBYTECODE=1
            cd '\(folder.path)' && PATH="$BIN:$PATH" timeout 600 '\(path)' program.py
            """)
    }
}
