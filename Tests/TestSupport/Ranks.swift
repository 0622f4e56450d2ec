import Glibc

/// An implementation of MPI that is installed, by the program that starts processes.
public struct MPIImplementation: Sendable, Equatable, CustomStringConvertible {
    public enum Family: Sendable { case mpich, openMPI }

    public let family: Family
    /// The full path of its mpiexec.
    public let path: String

    public var description: String { family == .mpich ? "MPICH" : "Open MPI" }

    /// Those that are here: the condition of `.enabled`, so that a test is reported as skipped where there is none, and the arguments of a
    /// test. Where the names do not say whose an mpiexec is, it says so itself.
    ///
    /// One that cannot bring two processes together on this machine, as in some containers, is left out with a line on stderr.
    public static let installed: [MPIImplementation] = found.filter { implementation in
        let words = implementation.command(2, "RankProbe", ["names"]).map { "'\($0)'" }.joined(separator: " ")
        guard firstOutput(of: "timeout -k 5 60 \(words) 2>&1")?.contains("rank 1 of 2 on ") != true else { return true }
        let line = "\(implementation) (\(implementation.path)) cannot run two processes here: its tests are skipped\n"
        _ = line.utf8.withContiguousStorageIfAvailable { write(STDERR_FILENO, $0.baseAddress, $0.count) }
        return false
    }

    private static let found: [MPIImplementation] = {
        let named = [("mpiexec.mpich", Family.mpich), ("mpiexec.openmpi", .openMPI)].compactMap { name, family in
            place(of: name).map { MPIImplementation(family: family, path: $0) }
        }
        guard named.isEmpty, let path = place(of: "mpiexec"), let version = firstOutput(of: "'\(path)' --version 2>&1") else { return named }
        if version.contains("Open MPI") || version.contains("OpenRTE") { return [MPIImplementation(family: .openMPI, path: path)] }
        return version.contains("HYDRA") || version.contains("MPICH") ? [MPIImplementation(family: .mpich, path: path)] : []
    }()

    /// The words that start ranks of one of the tools, or of a program of the tests, on this machine, be it as root and on few processors.
    public func command(_ count: Int, _ tool: String, _ arguments: [String]) -> [String] {
        let own = family == .openMPI ? ["--allow-run-as-root", "--oversubscribe", "--bind-to", "none"] : []
        return [path] + own + ["-n", String(count), "\(toolDirectory)/\(tool)"] + arguments
    }
}

/// Runs one of the tools as so many ranks, and waits for all. What they print is mixed, line by line, and mpiexec adds lines of its own to
/// the errors. Ranks that hang are ended after two minutes; no test takes more than seconds.
public func runRanks(
    _ count: Int, _ tool: String, _ arguments: [String], with implementation: MPIImplementation
) async throws -> ToolResult {
    let timeout = place(of: "timeout") ?? "/usr/bin/timeout"
    return try await runProgram(timeout, ["-k", "10", "120"] + implementation.command(count, tool, arguments))
}

/// The path of a program on the PATH.
private func place(of program: String) -> String? {
    let folders = getenv("PATH").map { String(cString: $0) } ?? ""
    return folders.split(separator: ":").map { "\($0)/\(program)" }.first { access($0, X_OK) == 0 }
}

/// The first kibibytes of what a command of the shell prints.
private func firstOutput(of command: String) -> String? {
    guard let stream = popen(command, "r") else { return nil }
    defer { pclose(stream) }
    var bytes = [UInt8](repeating: 0, count: 8192)
    let count = fread(&bytes, 1, bytes.count, stream)
    return String(decoding: bytes[..<count], as: UTF8.self)
}
