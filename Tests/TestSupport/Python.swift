import Subprocess

/// Debian's Python, which has the modules that `make test` installs; others on the PATH may not.
public enum Python {
    public static let path = "/usr/bin/python3"

    /// Whether it is there with all modules; says so where it is not, because the test is then skipped.
    public static func has(_ modules: String...) async throws -> Bool {
        let names = modules.joined(separator: ", ")
        if try await runShell("\(path) -c 'import \(names)'").status == 0 { return true }
        print("skipped: \(path) with \(names) is not installed")
        return false
    }

    /// Runs a program in a folder. What it prints is its output.
    public static func run(_ program: String, in folder: TemporaryDirectory) async throws -> ToolResult {
        try folder.write("program.py", program)
        return try await runShell("cd '\(folder.path)' && PATH=\"$BIN:$PATH\" timeout 60 \(path) program.py")
    }
}
