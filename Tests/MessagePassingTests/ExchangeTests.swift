import TestSupport
import Testing

/// Messages between processes, under every mpiexec that is here; `make test` installs one.
@Suite(.enabled(if: !MPIImplementation.installed.isEmpty, "no mpiexec is installed"))
struct ExchangeTests {
    /// All ranks send each other messages of 0 bytes to 5 MB, in pieces of a mebibyte and of 30,000 bytes, again and again.
    @Test(arguments: MPIImplementation.installed, [1 << 20, 30_000])
    func messagesOfManySizesArriveWholeAndInOrder(_ implementation: MPIImplementation, pieceBytes: Int) async throws {
        let result = try await runRanks(3, "RankProbe", ["--piece", String(pieceBytes), "exchange"], with: implementation)
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.errors == "")
        for rank in 0..<3 {
            #expect(result.text.contains("rank \(rank) of 3: 276 messages, 0 wrong, 32494686 bytes counted\n"))
            #expect(result.text.contains("rank \(rank) has left\n"))
        }
    }

    @Test(arguments: MPIImplementation.installed)
    func everyRankKnowsTheOthersMachines(_ implementation: MPIImplementation) async throws {
        let host = try await runShell("uname -n").text.split(separator: "\n").joined()
        let result = try await runRanks(4, "RankProbe", ["names"], with: implementation)
        #expect(result.status == 0, "\(result.errors)")
        for rank in 0..<4 { #expect(result.text.contains("rank \(rank) of 4 on \(host), all on \(host) \(host) \(host) \(host): ")) }
        #expect(result.text.contains(implementation.family == .mpich ? "MPICH " : "Open MPI "))
    }

    @Test(arguments: MPIImplementation.installed)
    func oneRankIsEnough(_ implementation: MPIImplementation) async throws {
        let result = try await runRanks(1, "RankProbe", ["exchange"], with: implementation)
        #expect(result.status == 0 && result.text == "rank 0 of 1: 0 messages, 0 wrong, 0 bytes counted\nrank 0 has left\n")
    }

    @Test func withoutMpiexecNoLibraryIsOpened() async throws {
        let result = try await runTool("RankProbe", ["--library", "/nowhere/libmpi.so", "exchange"])
        #expect(result.status == 0 && result.text == "started by itself\n")
    }

    /// A thousand messages more take no more memory, be it ever so little: neither this code nor the library allocates for them.
    @Test(arguments: MPIImplementation.installed)
    func messagesAllocateNothing(_ implementation: MPIImplementation) async throws {
        func allocations(messages: Int) async throws -> Int {
            let command = implementation.command(2, "RankProbe", ["stream", "1000", String(messages)]).map {
                $0.hasSuffix("/RankProbe") ? "env LD_PRELOAD=$BIN/libAllocationCounter.so \($0)" : $0
            }
            let result = try await runShell(command.joined(separator: " "))
            #expect(result.status == 0, "\(result.errors)")
            let counts = result.errors.split(separator: "\n").compactMap { Int($0.drop { !$0.isNumber }) }
            #expect(counts.count == 2)
            return counts.max() ?? 0
        }
        let (few, many) = (try await allocations(messages: 100), try await allocations(messages: 1100))
        // The beginning and the end vary a little.
        #expect(many - few < 500, "\(few) allocations with 100 messages, \(many) with 1100")
    }

    // MARK: Libraries

    /// With the library of another implementation, each process is alone. It says so in one line.
    @Test(
        .enabled(if: MPIImplementation.installed.count > 1, "only one implementation of MPI is installed"),
        arguments: MPIImplementation.installed)
    func theLibraryOfAnotherMpiexecIsRefused(_ implementation: MPIImplementation) async throws {
        let other = implementation.family == .mpich ? "libmpi.so.40" : "libmpich.so.12"
        let result = try await runRanks(2, "RankProbe", ["--library", other, "exchange"], with: implementation)
        #expect(result.status == 69)
        #expect(result.errors.contains(", \(other): sees 1 of the 2 processes that were started: it is not the library of this mpiexec"))
        #expect(result.errors.contains("RankProbe: rank 0 on host ") || result.errors.contains("RankProbe: rank 1 on host "))
    }

    @Test(.enabled(if: MPIImplementation.installed.count > 1, "only one implementation of MPI is installed"))
    func twoLibrariesInOneProcessAreRefused() async throws {
        let implementation = try #require(MPIImplementation.installed.first { $0.family == .mpich })
        let command = implementation.command(2, "RankProbe", ["exchange"]).map {
            $0.hasSuffix("/RankProbe") ? "env LD_PRELOAD=libmpi.so.40 \($0)" : $0
        }
        let result = try await runShell(command.joined(separator: " "))
        #expect(result.status == 69)
        #expect(result.errors.contains("is in this process already, and two MPI libraries cannot be used at once"))
    }

    @Test(arguments: MPIImplementation.installed)
    func whatIsNoLibraryOfMPIIsRefused(_ implementation: MPIImplementation) async throws {
        let missing = try await runRanks(2, "RankProbe", ["--library", "/nowhere/libmpi.so", "exchange"], with: implementation)
        #expect(missing.status == 69 && missing.errors.contains(": /nowhere/libmpi.so: is not there; "))
        let other = try await runRanks(2, "RankProbe", ["--library", "libz.so.1", "exchange"], with: implementation)
        #expect(other.status == 69 && other.errors.contains(": libz.so.1: is no MPI library: it has no MPI_Init_thread"))
    }
}
