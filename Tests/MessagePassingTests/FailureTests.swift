import TestSupport
import Testing

/// What ends a run: nothing may hang, and the reason is named once. `Communicator.fail` lists what was found.
@Suite(.enabled(if: !MPIImplementation.installed.isEmpty, "no mpiexec is installed"))
struct FailureTests {
    /// The lines that are RankProbe's and not mpiexec's.
    private func lines(_ result: ToolResult) -> [String] {
        result.errors.split(separator: "\n").map(String.init).filter { $0.hasPrefix("RankProbe: ") }
    }

    /// Runs three ranks, of which none comes to its end.
    private func run(_ arguments: String..., with implementation: MPIImplementation) async throws -> ToolResult {
        let result = try await runRanks(3, "RankProbe", arguments, with: implementation)
        // The status of `timeout`: they have hung.
        #expect(result.status != 124, "\(result.errors)")
        #expect(!result.text.contains("has left"))
        return result
    }

    @Test(arguments: MPIImplementation.installed, [0, 2])
    func aRankThatFailsSaysWhyAndEndsAllWithItsStatus(_ implementation: MPIImplementation, rank: Int) async throws {
        let result = try await run("fail", String(rank), with: implementation)
        #expect(result.status == 74)
        let lines = lines(result)
        #expect(lines.count == 1)
        #expect(lines.first?.hasPrefix("RankProbe: rank \(rank) on host ") == true)
        #expect(lines.first?.hasSuffix(", step 57: model: no space is left") == true)
    }

    /// SIGSTOP: one of the others misses its signs.
    @Test(arguments: MPIImplementation.installed, [0, 1])
    func aSilentRankIsNamedByOneOther(_ implementation: MPIImplementation, silent: Int) async throws {
        let result = try await run("--patience", "3", "signal", String(silent), "19", with: implementation)
        #expect(result.status == 69)
        // On a machine that is busy two may find it before one has told the other.
        let lines = lines(result)
        #expect((1...2).contains(lines.count), "\(lines)")
        #expect(lines.contains { $0.contains(", step 57: rank \(silent) on host ") && $0.hasSuffix(" has not answered for 3 seconds") }, "\(lines)")
    }

    /// A program that takes failures itself is told, and its waits throw.
    @Test(arguments: MPIImplementation.installed)
    func aProgramMayTakeFailuresItself(_ implementation: MPIImplementation) async throws {
        let result = try await run("--patience", "3", "throw", "1", with: implementation)
        #expect(result.text.contains("rank told: rank 1 on host "))
        #expect(lines(result).contains { $0.contains(": rank 1 on host ") && $0.hasSuffix(" has not answered for 3 seconds") })
    }

    /// SIGKILL, SIGTERM, and ends without `leave`: mpiexec ends the others. If a rank has said 0, MPICH's may say so, too.
    @Test(arguments: MPIImplementation.installed, [["signal", "1", "9"], ["signal", "2", "15"], ["exit", "1", "3"], ["exit", "0", "0"]])
    func aRankThatIsGoneEndsAll(_ implementation: MPIImplementation, arguments: [String]) async throws {
        let result = try await run(arguments[0], arguments[1], arguments[2], with: implementation)
        #expect(result.status != 0 || arguments.last == "0")
        // None, or one of a rank that has lived long enough.
        #expect(lines(result).count <= 1)
    }

    @Test(arguments: MPIImplementation.installed, ["TERM", "INT"])
    func aSignalToMpiexecEndsAll(_ implementation: MPIImplementation, signal: String) async throws {
        let folder = try TemporaryDirectory()
        // A shell's background jobs ignore SIGINT; mpiexec is to have it as on a terminal.
        let words = implementation.command(3, "RankProbe", ["wait"]).map { "'\($0)'" }.joined(separator: " ")
        let result = try await runShell(
            """
            cd '\(folder.path)'
            env --default-signal=INT \(words) > out 2> errors & mpiexec=$!
            ready() { [ "$(grep -c 'waits, process' out)" = 3 ]; }
            await $mpiexec ready
            ranks=$(sed -n 's/.*process //p' out)
            kill -\(signal) $mpiexec
            wait $mpiexec
            echo "status $?"
            # Nothing else ends them: a rank that stays lets the test hang, and be found.
            while running $ranks; do sleep 0.05; done
            grep RankProbe: errors
            """)
        // MPICH's mpiexec may end with 0 after SIGTERM.
        #expect(result.text.hasPrefix("status ") && (result.text != "status 0\n" || implementation.family == .mpich), "\(result.text)")
        #expect(!result.text.contains("RankProbe:"), "\(result.text)")
    }
}
