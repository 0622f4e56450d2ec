import Glibc
import Synchronization
import TestSupport
import Testing

/// Runs of tools with input that was made to harm them: with limits for memory, time and the sizes of files, and a rule of how
/// they may end.
enum HostileRun {
    /// Seconds for which cases are tried, in another order each time: `HOSTILE=120`, and with `HOSTILE=all` until all have been. `nil`
    /// tries the same few each time, those of `make test`.
    private static let budget = getenv("HOSTILE").map { Double(String(cString: $0)) ?? .infinity }
    static let isThorough = budget != nil
    private static let end = ContinuousClock.now + .seconds(min(1e6, budget ?? 1e6))
    private static var isOver: Bool { ContinuousClock.now > end }

    /// Address space of a process, in KiB: sizes that are allowed and absurd must meet an end before the machine swaps.
    private static let memory = 4 << 20
    /// Greatest file, in KiB.
    private static let file = 256 << 10
    /// Seconds after which a long run is told to end, and seconds that it has to do so before it is killed.
    private static let isComplete = budget == .infinity, seconds = isComplete ? 5.0 : 1, patience = isComplete ? 60.0 : 1

    /// The statuses of sysexits.h that stand for what a user has done, or for what the machine lacks; not `software`.
    private static let allowed: Set = [0, 64, 65, 66, 69, 71, 73, 74, 75, 78]
    /// What `timeout` gives for a run that ended when it was told to, and for one that had to be killed.
    private static let told = 124, killed = 137

    /// Runs a command in a folder of its own and records an issue if it does not end as a tool should.
    /// - Parameters:
    ///   - files: names, with folders, and contents of what is in the folder.
    ///   - input: standard input.
    ///   - what: what is strange about the files, for the issue.
    static func check(_ command: [String], files: [String: [UInt8]] = [:], input: [UInt8] = [], _ what: String = "") async throws {
        // A benchmark ends its round first: it may be killed in it.
        let isBenchmark = command[0] == "bench"
        let seconds = isBenchmark && !isComplete ? 0.5 : seconds, patience = isBenchmark ? 0.5 : patience
        let result = try await slots.run { () -> ToolResult? in
            if isOver { return nil }
            let directory = try TemporaryDirectory()
            for (name, content) in files {
                if let folder = name.split(separator: "/").dropLast().first { mkdir(directory.file(String(folder)), 0o777) }
                try directory.write(name, content)
            }
            return try await runProgram(
                "/bin/bash",
                [
                    "-c",
                    """
                    cd '\(directory.path)' && export TMPDIR=$PWD || exit 99
                    ulimit -v \(memory); ulimit -f \(file); ulimit -c 0
                    timeout -k \(patience) \(seconds) "$@" > /dev/null
                    """, "bash", "\(toolDirectory)/\(command[0])",
                ] + command.dropFirst(), input: input)
        }
        guard let result else { return }
        if let fault = fault(result, mayBeKilled: !isComplete || isBenchmark) {
            let line = command.map { $0.isEmpty ? "''" : shortened($0, to: 200) }.joined(separator: " ")
            Issue.record("\(line)\(what.isEmpty ? "" : " with \(what)"): \(fault)\n\(shortened(result.errors, to: 1000))")
        }
    }

    /// What is wrong with how a run has ended.
    private static func fault(_ result: ToolResult, mayBeKilled: Bool) -> String? {
        for sign in ["Fatal error", "Stack dump", "error of the program", "ended by SIG"] where result.errors.contains(sign) {
            return "crashes (status \(result.status))"
        }
        if result.status == told || result.status == killed && mayBeKilled { return nil }
        guard allowed.contains(result.status) else { return "ends with status \(result.status)" }
        guard result.status != 0 else { return nil }
        let lines = result.errors.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 2, lines[1].isEmpty else { return "ends with status \(result.status) and \(lines.count - 1) lines" }
        return nil
    }

    private static func shortened(_ text: String, to count: Int) -> String {
        text.utf8.count > count ? "\(text.prefix(count))… (\(text.utf8.count) bytes)" : text
    }

    /// Runs at the same time: as many as there are processors, whatever tests run beside each other.
    private static let slots = Slots(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
}

/// Lets some tasks run at the same time, and others wait.
private actor Slots {
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ count: Int) { free = count }

    func run<Result: Sendable>(_ body: @Sendable () async throws -> Result) async throws -> Result {
        if free > 0 { free -= 1 } else { await withCheckedContinuation { waiting.append($0) } }
        defer { if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() } }
        return try await body()
    }
}

/// Does `body` for all elements, some of them at the same time.
func inParallel<Element: Sendable>(_ elements: [Element], _ body: @escaping @Sendable (Element) async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        var rest = (HostileRun.isThorough ? elements.shuffled() : elements)[...]
        // Tasks that wait for their turn cost memory: no more than can be at work soon.
        for element in rest.prefix(16) { group.addTask { try await body(element) } }
        rest = rest.dropFirst(16)
        while try await group.next() != nil {
            if let element = rest.popFirst() { group.addTask { try await body(element) } }
        }
    }
}
