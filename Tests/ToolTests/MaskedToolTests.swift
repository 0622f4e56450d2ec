import TestSupport
import Testing

/// Models of masked words, from training to vectors.
struct MaskedToolTests {
    private let quick = ["--preset", "tiny", "--objective", "masked", "--batch", "4", "--steps", "30", "--evaluations", "2"]

    @Test func fromTrainingToVectors() async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        let (model, log) = (directory.file("model"), directory.file("log"))
        let trained = try await runTool("train", quick + ["--table", fixture.table, "--log", log, fixture.tokens, "-o", model])
        #expect(trained.status == 0, "\(trained.errors)")
        #expect(trained.errors.contains("both"))
        let lines = try String(decoding: contents(of: log), as: UTF8.self).split(separator: "\n")
        #expect(lines.count { $0.contains("\"direction\":\"bidirectional\"") } == 2)
        let printed = try await runTool("train", ["--print", model])
        #expect(printed.text.contains("masked words 0.15 of all") && printed.text.contains("held-out bidirectional after step 30"))
        let encoded = try await runTool(
            "encode", ["--model", model, "--table", fixture.table, "--layers", "top", "--format", "json", "-"],
            input: Array("the cat sees a bird .\n".utf8))
        #expect(encoded.status == 0, "\(encoded.errors)")
        let score = try await runTool("bench", ["score", "--model", model, "--table", fixture.table, fixture.tokens])
        #expect(score.status == 78 && isOneLine(score.errors, naming: "predicts masked words"), "\(score.errors)")
        let merged = try await runTool("train", ["--merge", model, model, "-o", directory.file("merged")])
        #expect(merged.status == 78 && isOneLine(merged.errors, naming: "model of masked words"), "\(merged.errors)")
        let stateful = try await runTool(
            "encode", ["--model", model, "--table", fixture.table, "--stateful", "-"], input: Array("the cat\n".utf8))
        #expect(stateful.status == 64 && isOneLine(stateful.errors, naming: "--stateful"), "\(stateful.errors)")
        let long = (0..<1030).map { _ in "cat" }.joined(separator: " ")
        let inWindows = try await runTool(
            "encode", ["--model", model, "--table", fixture.table, "--format", "json", "-"], input: Array("the cat\n\(long)\n".utf8))
        #expect(inWindows.status == 0 && inWindows.text.split(separator: "\n").count == 2, "\(inWindows.errors)")
    }

    @Test(arguments: [
        (["--objective", "next-word", "--masked-share", "0.2"], "--masked-share is not used: it is of --objective masked"),
        (["--mask-vector-share", "0.2"], "--mask-vector-share is not used"), (["--random-word-share", "0.2"], "--random-word-share is not used"),
        (["--objective", "masked", "--direction", "forward"], "--direction forward is not used: it is of --objective next-word"),
        (["--objective", "masked", "--share-layers"], "--share-layers is not used"),
        (["--objective", "masked", "--reset-state"], "--reset-state is not used"),
        (["--objective", "masked", "--masked-share", "0"], "maskedShare is 0.0, and must be above 0 and at most 1"),
        (["--objective", "masked", "--masked-share", "nan"], "must be above 0 and at most 1; see --masked-share"),
        (["--objective", "masked", "--mask-vector-share", "0.8", "--random-word-share", "0.3"], "must not be above 1 together"),
        (["--objective", "masked", "--random-word-share=-0.5"], "and must be from 0 to 1; see --random-word-share"),
        (["--objective", "unmasked"], "--objective"),
    ])
    func optionsThatMakeNoSense(options: [String], complaint: String) async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        let result = try await runTool("train", ["--preset", "tiny", "--table", fixture.table] + options + [fixture.tokens, "-o", directory.file("m")])
        #expect(result.status == 64 && result.errors.contains(complaint), "\(result.errors)")
    }

    @Test func aDryRunPlansForMaskedWords() async throws {
        let fixture = try await Fixture.shared.value
        let result = try await runTool("train", quick + ["--dry-run", "--table", fixture.table, fixture.tokens])
        #expect(result.status == 0 && result.text.contains("memory, bidirectional output activations"), "\(result.errors)\(result.text)")
        #expect(result.text.contains("words to read in place of masked ones"))
    }

    /// A preset whose directions share layers trains one network.
    @Test func presetsThatShareLayers() async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        let result = try await runTool(
            "train", ["--preset", "elmo", "--cell", "8", "--projection", "4", "--filters", "1:4,2:4", "--objective", "masked", "--batch", "4",
                      "--steps", "3", "--negatives", "5", "--vocab", fixture.vocabulary, fixture.tokens, "-o", directory.file("model")])
        #expect(result.status == 0, "\(result.errors)")
        #expect(try await runTool("train", ["--print", directory.file("model")]).text.contains("bidirectional.input.characters"))
    }
}
