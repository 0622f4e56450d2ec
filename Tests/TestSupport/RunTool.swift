import Subprocess
import SystemPackage
import Glibc

/// What a finished process left.
public struct ToolResult: Sendable {
    /// The exit status, or 128 plus the signal that ended it.
    public let status: Int
    public let output: [UInt8]
    public let errors: String

    /// Standard output as text.
    public var text: String { String(decoding: output, as: UTF8.self) }
}

/// The directory with the tools that were built together with these tests.
public let toolDirectory: String = {
    // The test runner lies in, or beside, the folder of the products: climb until `tokenize` is found.
    var directory = FilePath((try? readLink("/proc/self/exe")) ?? ".")
    // swift test loads the bundle from the build folder, which it names on the command line.
    for argument in CommandLine.arguments where argument.hasPrefix("/") && argument.hasSuffix(".xctest") {
        directory = FilePath(argument)
    }
    while !directory.components.isEmpty {
        if access(directory.appending("tokenize").string, X_OK) == 0 { return directory.string }
        directory.removeLastComponent()
    }
    return ".build/release"
}()

private func readLink(_ path: String) throws -> String {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBytes { readlink(path, $0.baseAddress!, $0.count) }
    return String(decoding: buffer[..<max(0, count)], as: UTF8.self)
}

/// Runs one of the tools and waits for it; both its pipes are drained meanwhile.
public func runTool(_ name: String, _ arguments: [String], input: [UInt8] = []) async throws -> ToolResult {
    try await runProgram("\(toolDirectory)/\(name)", arguments, input: input)
}

/// Runs a shell command line in which `$BIN` is the directory of the tools, and `shellFunctions` are known.
public func runShell(_ command: String, input: [UInt8] = []) async throws -> ToolResult {
    try await runProgram(
        "/bin/bash", ["-c", "set -o pipefail; BIN='\(toolDirectory)'; \(shellFunctions)\n\(command)"], input: input)
}

/// Runs any program with its full path. A program may end, or close its standard input, without having read all of it.
public func runProgram(_ path: String, _ arguments: [String], input: [UInt8] = []) async throws -> ToolResult {
    _ = writingToClosedPipesIsAnError
    // With a limit, room for as much would be reserved at once: half a gibibyte of address space for each process that runs.
    let record = try await run(
        .path(FilePath(path)), arguments: Arguments(arguments), environment: environment, input: PipedInput(bytes: input),
        output: .bytes(limit: .max), error: .bytes(limit: .max))
    let status: Int =
        switch record.terminationStatus {
        case .exited(let code): Int(code)
        case .signaled(let signal): 128 + Int(signal)
        }
    return ToolResult(
        status: status, output: record.standardOutput, errors: String(decoding: record.standardError, as: UTF8.self))
}

/// Standard input of a process that reads as much of it as it wants.
private struct PipedInput: InputProtocol {
    let bytes: [UInt8]

    func write(with writer: StandardInputWriter) async throws {
        do {
            _ = try await writer.write(bytes)
        } catch where error.underlyingError == .brokenPipe {
        }
    }
}

/// Makes SIGPIPE harmless in the tests' own process, once. Without this, a tool that refuses its options before it has read its
/// input ends the whole run of the tests, now and then. A handler, because programs started later would inherit an ignored signal.
private let writingToClosedPipesIsAnError: Void = { _ = signal(SIGPIPE) { _ in } }()

/// What a process gets: everything that this one has, but for what would change the words and the order of its output. Those
/// of a make that runs the tests are not for a make that a test runs.
private let environment: Environment = .inherit.updating([
    "LC_ALL": "C", "BASH_ENV": nil, "CDPATH": nil, "MAKEFLAGS": nil, "MAKELEVEL": nil, "MFLAGS": nil,
])

/// Whether the address space of processes has no limit: the condition of `.enabled` for tests of programs that reserve far more
/// than they use.
public let mayReserveAnything: Bool = {
    var limit = rlimit()
    return getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 && limit.rlim_cur == .max
}()

/// Whether a program is on the PATH: the condition of `.enabled`, so that tests of optional peers are reported as skipped where
/// it is not.
public func isInstalled(_ program: String) -> Bool {
    let paths = getenv("PATH").map { String(cString: $0) } ?? ""
    return paths.split(separator: ":").contains { access("\($0)/\(program)", X_OK) == 0 }
}
