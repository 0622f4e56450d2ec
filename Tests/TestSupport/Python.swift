import Subprocess

/// Debian's Python, which has the modules that `make test` installs; others on the PATH may not.
public enum Python {
    public static let path = "/usr/bin/python3"

    /// Whether it is there with all these modules: the condition of `.enabled`, so that a test is reported as skipped where
    /// it is not.
    public static func has(_ modules: String...) async throws -> Bool {
        try await runShell("\(path) -c 'import \(modules.joined(separator: ", "))'").status == 0
    }

    /// Runs a program in a folder. What it prints is its output.
    ///
    /// A conversation in which both sides wait for each other is ended after ten minutes; no program takes seconds.
    public static func run(_ program: String, in folder: TemporaryDirectory) async throws -> ToolResult {
        try folder.write("program.py", program)
        return try await runShell("cd '\(folder.path)' && PATH=\"$BIN:$PATH\" timeout 600 \(path) program.py")
    }
}
