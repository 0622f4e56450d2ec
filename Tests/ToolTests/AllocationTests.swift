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
        ["--loss", "contrastive", "--batch", "4", "--more-negatives", "window"],
        ["--loss", "contrastive", "--negatives", "20", "--targets", "mapped", "--learn-scale"],
        ["--loss", "contrastive", "--negatives", "20", "--targets", "trained", "--more-negatives", "earlier", "--batch", "2"],
        ["--loss", "contrastive", "--whiten-targets", "--random-share", "0.2", "--table-memory", "0", "--share-layers"],
        ["--output", "softmax"],
        ["--output", "adaptive-softmax", "--cutoffs", "5,12"],
        ["--output", "sampled-softmax", "--negatives", "10"],
        ["--input", "characters", "--filters", "1:8,3:8", "--highways", "1", "--output", "sampled-softmax", "--negatives", "10",
         "--share-layers"],
        ["--input", "characters", "--filters", "1:8,3:8", "--highways", "1", "--output", "continuous", "--table-memory", "1K"],
        ["--input", "subwords", "--output", "subword-softmax", "--batch", "4"],
        ["--input", "subwords", "--output", "subword-softmax", "--tie", "--share-layers", "--optimizer", "adagrad", "--rate", "0.1"],
        ["--output", "sampled-softmax", "--negatives", "10", "--optimizer", "adagrad", "--rate", "0.1", "--batch", "7"],
        ["--loss", "cosine", "--batch", "5", "--accumulate", "3", "--weight-decay", "0.01", "--dropout-kind", "non-recurrent"],
        ["--loss", "max-margin", "--batch", "16", "--window", "7", "--reset-state"],
        ["--encoder", "gru", "--loss", "l2", "--batch", "3", "--optimizer", "adagrad", "--rate", "0.1"],
        ["--encoder", "qrnn", "--zoneout", "0.2", "--loss", "cosine", "--batch", "3"],
        ["--encoder", "sru", "--projection", "8", "--loss", "cosine", "--batch", "3"],
        ["--encoder", "transformer", "--layers", "2", "--loss", "cosine", "--batch", "2"],
        ["--encoder", "transformer", "--layers", "2", "--positions", "learned", "--activation", "gelu", "--loss", "l2", "--window", "16"],
        ["--encoder", "transformer", "--layers", "2", "--objective", "masked", "--loss", "cosine", "--window", "9", "--batch", "3"],
        ["--output", "adaptive-softmax", "--cutoffs", "5,12", "--batch", "9", "--direction", "backward"],
        ["--objective", "masked", "--loss", "cosine", "--batch", "3"],
        ["--objective", "masked", "--encoder", "gru", "--output", "softmax", "--batch", "7", "--masked-share", "0.5"],
        ["--objective", "masked", "--loss", "contrastive", "--negatives", "20", "--targets", "trained", "--batch", "4"],
        ["--objective", "masked", "--input", "characters", "--filters", "1:8,3:8", "--highways", "1", "--output", "sampled-softmax",
         "--negatives", "10"],
        ["--objective", "masked", "--input", "subwords", "--output", "subword-softmax", "--tie", "--batch", "4"],
    ]

    /// A text that no system comes to the end of.
    private static let text = Task {
        let directory = try TemporaryDirectory()
        try directory.write("long.txt", Fixture.corpus(lines: 20_000))
        let (text, tokens, merges) = (directory.file("long.txt"), directory.file("long.tok"), directory.file("merges"))
        for (tool, arguments) in [
            ("tokenize", [text, "-o", tokens]), ("build-vocab", ["--bpe", "20", tokens, "-o", merges]),
            ("tokenize", ["--bpe", merges, text, "-o", directory.file("units.tok")]),
            ("build-vocab", [directory.file("units.tok"), "-o", directory.file("units.vocab")]),
        ] {
            let result = try await runTool(tool, arguments)
            try #require(result.status == 0, "\(result.errors)")
        }
        return directory
    }

    /// Allocations of a whole training of some steps.
    private func allocations(_ options: [String], steps: Int) async throws -> Int {
        let fixture = try await Fixture.shared.value, text = try await Self.text.value
        let readsUnits = options.contains("subwords"), tokens = text.file(readsUnits ? "units.tok" : "long.tok")
        let predictsVectors = !options.contains("--output") || options.contains("continuous")
        let readsVectors = !options.contains("--input")
        let table = readsVectors || predictsVectors ? ["--table", fixture.table] : []
        let vocabulary = predictsVectors ? [] : ["--vocab", readsUnits ? text.file("units.vocab") : fixture.vocabulary]
        let arguments = ["--preset", "tiny", "--batch", "1", "--quiet", "--steps", "\(steps)", "--evaluations", "0", tokens] + options + table
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
