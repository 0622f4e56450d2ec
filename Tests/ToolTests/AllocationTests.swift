import TestSupport
import Testing

/// Training that has begun allocates nothing, whatever goes in and comes out.
struct AllocationTests {
    private static let systems: [[String]] = [
        ["--loss", "cosine"],
        ["--loss", "cosine", "--table-memory", "0"],
        ["--loss", "l2"],
        ["--loss", "vmf"],
        ["--loss", "max-margin"],
        ["--output", "softmax"],
        ["--output", "adaptive-softmax", "--cutoffs", "5,12"],
        ["--output", "sampled-softmax", "--negatives", "10"],
        ["--input", "characters", "--filters", "1:8,3:8", "--highways", "1", "--output", "sampled-softmax", "--negatives", "10",
         "--share-layers"],
    ]

    /// Allocations of a whole training of some steps.
    private func allocations(_ options: [String], steps: Int) async throws -> Int {
        let fixture = try await Fixture.shared.value
        let table = options.contains("characters") ? [] : ["--table", fixture.table]
        let vocabulary = options.contains("--output") ? ["--vocab", fixture.vocabulary] : []
        let arguments = ["--preset", "tiny", "--batch", "1", "--quiet", "--steps", "\(steps)", "--evaluations", "0", fixture.tokens] + options + table
            + vocabulary
        let result = try await runShell(
            "LD_PRELOAD=$BIN/libAllocationCounter.so $BIN/train \(arguments.joined(separator: " ")) -o /dev/null")
        try #require(result.status == 0, "\(result.errors)")
        let count = result.errors.split(separator: " ").last.flatMap { Int($0.dropLast()) }
        return try #require(count, "\(result.errors)")
    }

    @Test(arguments: systems) func stepsAllocateNothing(system: [String]) async throws {
        // Within one pass over the text, for which files are opened anew; and without evaluations, which take memory of their own.
        let some = try await allocations(system, steps: 40), more = try await allocations(system, steps: 240)
        #expect(more - some < 40, "\(some) in 40 steps, \(more) in 240")
    }
}
