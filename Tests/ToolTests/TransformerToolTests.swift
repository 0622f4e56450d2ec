import TestSupport
import Testing

/// Transformers, from training to vectors.
struct TransformerToolTests {
    private let quick = ["--preset", "tiny", "--encoder", "transformer", "--layers", "2", "--window", "8", "--batch", "4", "--steps", "30"]

    @Test(arguments: [[], ["--positions", "learned", "--activation", "gelu", "--heads", "4", "--feed-forward", "24"], ["--layers", "1"]])
    func fromTrainingToVectors(options: [String]) async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory(), model = directory.file("model")
        let trained = try await runTool(
            "train", quick + options + ["--evaluations", "2", "--table", fixture.table, fixture.tokens, "-o", model])
        #expect(trained.status == 0, "\(trained.errors)")
        let printed = try await runTool("train", ["--print", model]).text
        #expect(printed.contains("encoder transformer, ") && printed.contains("windows of at most 8 steps"), "\(printed)")
        #expect(printed.contains("forward.positions") == options.contains("learned"))
        // Longer sentences than it sees at once, too.
        let text = "the cat sees a bird .\n" + (0..<50).map { _ in "the cat sees" }.joined(separator: " ") + "\n"
        let encoded = try await runTool(
            "encode", ["--model", model, "--table", fixture.table, "--layers", "top", "--format", "json", "-"], input: Array(text.utf8))
        #expect(encoded.status == 0 && encoded.text.split(separator: "\n").count == 2, "\(encoded.errors)")
        let stateful = try await runTool(
            "encode", ["--model", model, "--table", fixture.table, "--stateful", "-"], input: Array("the cat\n".utf8))
        #expect(stateful.status == 64 && isOneLine(stateful.errors, naming: "--stateful is not used: the encoder transformer has no state"))
        let score = try await runTool("bench", ["score", "--model", model, "--table", fixture.table, fixture.tokens])
        #expect(score.status == 0, "\(score.errors)")
        let next = try await runTool(
            "bench", ["score", "--model", model, "--table", fixture.table, "--next", "3", fixture.tokens])
        #expect(next.status == 0, "\(next.errors)")
        let longer = try await runTool(
            "bench", ["score", "--model", model, "--table", fixture.table, "--window", "9", fixture.tokens])
        #expect(longer.status == 64, "\(longer.errors)")
        #expect(isOneLine(longer.errors, naming: "sees at most 8 words at once"), "\(longer.errors)")
    }

    /// Stopped after ten steps and gone on with, a run gives the same bytes; a checkpoint of another encoder is refused.
    @Test func aRunGoesOnWhereItWas() async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        func train(_ model: String, _ options: [String]) async throws -> ToolResult {
            try await runTool("train", options + ["--table", fixture.table, fixture.tokens, "-o", directory.file(model)])
        }
        let whole = try await train("whole", quick), checkpoints = ["--checkpoints", directory.file("checkpoints")]
        let kept = try await train("kept", quick + checkpoints + ["--checkpoint-every", "0s"])
        #expect(whole.status == 0 && kept.status == 0, "\(whole.errors)\(kept.errors)")
        #expect(try contents(of: directory.file("whole")) == contents(of: directory.file("kept")))
        let resumed = try await train("resumed", quick + checkpoints + ["--resume"])
        #expect(resumed.status == 0, "\(resumed.errors)")
        #expect(try contents(of: directory.file("whole")) == contents(of: directory.file("resumed")))
        let other = try await train(
            "other", ["--preset", "tiny", "--window", "8", "--batch", "4", "--steps", "30"] + checkpoints + ["--resume"])
        #expect(other.status == 78 && other.errors.contains("encoder transformer, not lstm; use the same options"), "\(other.errors)")
    }

    @Test(arguments: [
        (["--heads", "3"], "heads is 3, and must divide the width, 16; see --heads"),
        (["--positions", "learned", "--longest", "7"], "--window is 8, and the encoder sees at most 7 words at once; see --longest"),
        (["--positions", "learned", "--longest", "9"], "--longest is 9, and windows of training have 8 words"),
        (["--encoder", "sru", "--no-residual", "--highway-bias", "-2"], "--highway-bias with --no-residual is not used"),
        (["--reset-state"], "--reset-state is not used: this encoder carries no state"),
        (["--longest", "0"], "longest is 0, and must be from 3 to 65536"), (["--longest", "100000"], "longest is 100000, and must be from 3 to 65536"),
        (["--feed-forward", "0"], "feed-forward is 0"), (["--cell", "5"], "--cell is not used: transformer has no such option"),
        (["--no-residual"], "--no-residual is not used"), (["--width", "0"], "width is 0"),
        (["--encoder", "lstm", "--heads", "2"], "--heads is not used: lstm has no such option"),
        (["--encoder", "gru", "--positions", "learned"], "--positions is not used"),
    ])
    func optionsThatMakeNoNetwork(options: [String], complaint: String) async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        let result = try await runTool("train", quick + options + ["--table", fixture.table, fixture.tokens, "-o", directory.file("m")])
        #expect(result.status == 64 && result.errors.contains(complaint), "\(result.errors)")
    }

    @Test func presetsHaveTheirSizes() async throws {
        let fixture = try await Fixture.shared.value
        for (preset, weights) in [("transformer-base", 18_929_164), ("transformer-large", 75_607_052), ("gpt", 85_079_820)] {
            let result = try await runTool(
                "train", ["--preset", preset, "--batch", "1", "--window", "4", "--direction", "forward", "--dry-run", "--table", fixture.table, fixture.tokens])
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.text.contains("weights\t\(weights)"), "\(result.text)")
        }
    }
}
