import TestSupport
import Testing

/// The systems that the continuous output is compared with, through the tools.
struct BaselineToolTests {
    /// Fixture, and a directory with merges, the text cut by them, and their vocabulary.
    private func setup() async throws -> (Fixture, TemporaryDirectory) {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        for (tool, arguments) in [
            ("build-vocab", ["--bpe", "25", fixture.vocabulary, "-o", directory.file("codes")]),
            ("tokenize", ["--bpe", directory.file("codes"), fixture.text, "-o", directory.file("units.tok")]),
            ("build-vocab", [directory.file("units.tok"), "-o", directory.file("units.vocab")]),
        ] {
            let result = try await runTool(tool, ["-q"] + arguments)
            try #require(result.status == 0, "\(tool): \(result.errors)")
        }
        return (fixture, directory)
    }

    private let quick = ["--preset", "tiny", "--steps", "20", "--evaluations", "1", "--batch", "8"]
    private let characters = ["--input", "characters", "--filters", "1:8,3:8"]

    @Test func everyBaselineFromTextToVectors() async throws {
        let (fixture, directory) = try await setup()
        let codes = directory.file("codes"), units = directory.file("units.tok"), model = directory.file("model")
        for (train, encode) in [
            (characters + ["--output", "sampled-softmax", "--negatives", "10", "--share-layers", "--vocab", fixture.vocabulary,
              "--recipe", "elmo", "--dropout-kind", "non-recurrent", fixture.tokens], []),
            (["--output", "adaptive-softmax", "--cutoffs", "5,12", "--table", fixture.table, "--vocab", fixture.vocabulary,
              fixture.tokens], ["--table", fixture.table]),
            (["--input", "subwords", "--output", "subword-softmax", "--share-layers", "--tie", "--vocab",
              directory.file("units.vocab"), units], ["--bpe", codes]),
            (characters + ["--output", "softmax", "--vocab", fixture.vocabulary, fixture.tokens], []),
        ] as [([String], [String])] {
            let trained = try await runTool("train", quick + train + ["-o", model])
            #expect(trained.status == 0 && trained.errors.contains("perplexity"), "\(train): \(trained.errors)")
            let vectors = try await runTool(
                "encode", ["-q", "--model", model, "--layers", "top", "--format", "json"] + encode + [fixture.text])
            #expect(vectors.status == 0, "\(vectors.errors)")
            let lines = vectors.output.split(separator: 0x0A)
            #expect(lines.count == 600)
            // Words as they were, whatever the model reads.
            let first = String(decoding: lines[0], as: UTF8.self)
            let words = Fixture.corpus(lines: 1).split(whereSeparator: \.isWhitespace)
            #expect(first.hasPrefix("{\"tokens\": [" + words.map { "\"\($0)\"" }.joined(separator: ", ") + "]"))
            let printed = try await runTool("train", ["--print", model])
            #expect(printed.status == 0 && printed.errors.isEmpty)
        }
    }

    /// There are models without an output layer, but there is nothing in them that could be trained.
    @Test func noOutputIsNoChoice() async throws {
        let result = try await runTool("train", ["--input", "characters", "--output", "none", "tokens", "-o", "model"])
        #expect(result.status == 64 && result.errors.contains("--output") && result.errors.contains("'none'"), "\(result.errors)")
        let help = try await runTool("train", ["--help"])
        #expect(String(decoding: help.output, as: UTF8.self).contains("softmax, subword-softmax)"))
    }

    /// What the recipe and the options say of loss and dropout shows in the weights.
    @Test func lossScaleAndDropoutKindTakeEffect() async throws {
        let (fixture, directory) = try await setup()
        var models: [[UInt8]] = []
        for options in [["--loss-scale", "1"], [], ["--loss-scale", "20"], ["--loss-scale", "20", "--dropout-kind", "non-recurrent"]] {
            let model = directory.file("model")
            let result = try await runTool(
                "train", quick + characters + ["-q", "--recipe", "elmo", "--output", "softmax", "--vocab", fixture.vocabulary]
                    + options + [fixture.tokens, "-o", model])
            try #require(result.status == 0, "\(result.errors)")
            models.append(try contents(of: model))
        }
        // The recipe multiplies by the window's steps, of which there are 20.
        #expect(models[1] == models[2] && models[0] != models[1] && models[3] != models[2])
        let printed = try await runTool("train", ["--print", directory.file("model")])
        #expect(printed.text.contains("dropout 0.1 (non-recurrent)"))
    }

    @Test func unitsArePutTogether() async throws {
        let (fixture, directory) = try await setup()
        let units = try await runTool("tokenize", ["--print", directory.file("units.tok")])
        let words = try await runTool("tokenize", ["--print", fixture.tokens])
        let text = String(decoding: units.output, as: UTF8.self)
        #expect(text.contains("@@ ") && text.split(separator: "@@ ").joined() == String(decoding: words.output, as: UTF8.self))
        for threads in ["2", "3"] {
            let again = directory.file("again")
            let result = try await runTool(
                "tokenize", ["-q", "--threads", threads, "--bpe", directory.file("codes"), fixture.text, "-o", again])
            #expect(result.status == 0)
            #expect(try contents(of: again) == contents(of: directory.file("units.tok")))
        }
    }

    @Test func whatMakesNoBaseline() async throws {
        let (fixture, directory) = try await setup()
        let (codes, units, vocabulary) = (directory.file("codes"), directory.file("units.tok"), fixture.vocabulary)
        try directory.write("old.codes", "#version: 0.1\na b\n")
        try directory.write("bad.codes", "#version: 0.2\na b\nabc\n")
        try directory.write("cut.codes", "#version: 0.2\na b\nab c")
        let output = directory.file("output")
        let characters = quick + self.characters
        for (tool, arguments, status, hint) in [
            ("train", characters + ["--output", "sampled-softmax", "--vocab", vocabulary, fixture.tokens], 64, "negatives is 8192"),
            ("train", characters + ["--output", "adaptive-softmax", "--cutoffs", "5,5000", "--vocab", vocabulary, fixture.tokens],
             64, "the last of --cutoffs"),
            ("train", characters + ["--output", "adaptive-softmax", "--cutoffs", "9,5", "--vocab", vocabulary, fixture.tokens], 64,
             "must rise"),
            ("train", characters + ["--output", "softmax", fixture.tokens], 64, "--vocab is missing"),
            ("train", characters + ["--output", "softmax", "--vocab", vocabulary, "--loss-scale", "0", fixture.tokens], 64,
             "--loss-scale must be"),
            ("train", quick + ["--table", fixture.table, "--targets", "mapped", fixture.tokens], 64, "--targets is not used"),
            ("train", quick + ["--table", fixture.table, "--learn-scale", fixture.tokens], 64, "--learn-scale is not used"),
            ("train", quick + ["--table", fixture.table, "--loss", "contrastive", "--margin", "1", fixture.tokens], 64,
             "--margin is not used"),
            ("train", quick + ["--table", fixture.table, "--loss", "contrastive", "--negatives", "1", fixture.tokens], 64,
             "negatives is 1"),
            ("train", quick + ["--table", fixture.table, "--loss", "contrastive", "--random-share", "1.5", fixture.tokens], 64,
             "randomShare is 1.5"),
            ("train", quick + ["--table", fixture.table, "--loss", "contrastive", "--negatives", "99999", fixture.tokens], 64,
             "--negatives"),
            // The default, which is lowered to what there is only where nobody asked for it.
            ("train", quick + ["--table", fixture.table, "--loss", "contrastive", "--negatives", "512", fixture.tokens], 64,
             "there are at most"),
            ("train", quick + ["--table", fixture.table, "--loss", "contrastive", "--more-negatives", "window", "--negatives",
             "9999", fixture.tokens], 64, "--negatives"),
            ("train", characters + ["--output", "softmax", "--vocab", vocabulary, "--loss", "cosine", fixture.tokens], 64,
             "--loss is not used"),
            ("train", characters + ["--output", "softmax", "--vocab", vocabulary, "--cutoffs", "5", fixture.tokens], 64,
             "--cutoffs is not used"),
            ("train", quick + ["--table", fixture.table, "--highways", "1", fixture.tokens], 64, "--highways is not used"),
            ("train", quick + ["--table", fixture.table, "--zoneout", "0.1", fixture.tokens], 64, "--zoneout is not used: lstm has no"),
            ("train", quick + ["--table", fixture.table, "--encoder", "sru", "--convolution", "1", fixture.tokens], 64,
             "--convolution is not used: sru has no"),
            ("train", quick + ["--table", fixture.table, "--encoder", "gru", "--no-output-gate", fixture.tokens], 64,
             "--no-output-gate is not used: gru has no"),
            ("train", quick + ["--table", fixture.table, "--encoder", "qrnn", "--highway-bias", "1", fixture.tokens], 64,
             "--highway-bias is not used: qrnn has no"),
            ("train", quick + ["--table", fixture.table, "--encoder", "qrnn", "--projection", "9", fixture.tokens], 64,
             "--projection is not used: qrnn has no"),
            ("train", quick + ["--table", fixture.table, "--encoder", "qrnn", "--convolution", "3", fixture.tokens], 64,
             "convolution is 3, and must be 1 or 2"),
            ("train", quick + ["--table", fixture.table, "--encoder", "qrnn", "--zoneout", "1", fixture.tokens], 64,
             "zoneout is 1.0, and must be at least 0 and below 1"),
            ("train", quick + ["--table", fixture.table, "--encoder", "sru", "--highway-bias", "nan", fixture.tokens], 64,
             "highway bias is nan, and must be from -20 to 20"),
            ("train", quick + ["--table", fixture.table, "--loss", "l2", "--margin", "1", fixture.tokens], 64,
             "--margin is not used"),
            ("train", characters + ["--output", "softmax", "--vocab", vocabulary, "--table", fixture.table, fixture.tokens], 64,
             "--table is not used"),
            ("train", characters + ["--output", "softmax", "--vocab", fixture.tokens, fixture.tokens], 65, fixture.tokens),
            ("train", characters + ["--output", "softmax", "--vocab", vocabulary, units], 78, "whole words"),
            ("train", quick + ["--input", "subwords", "--output", "softmax", "--vocab", vocabulary, fixture.tokens], 64,
             "need the output subword-softmax"),
            ("train", quick + ["--preset", "elmo-sub", "--vocab", directory.file("absent"), units], 66, "absent"),
            ("tokenize", ["--bpe", directory.file("old.codes"), fixture.text], 65, "line 1"),
            ("tokenize", ["--bpe", directory.file("bad.codes"), fixture.text], 65, "line 3"),
            ("tokenize", ["--bpe", directory.file("cut.codes"), fixture.text], 65, "cut.codes: line 3: is cut off"),
            ("tokenize", ["--bpe", fixture.tokens, fixture.text], 65, fixture.tokens),
            ("build-vocab", ["--bpe", "0", fixture.tokens], 64, "--bpe must be"),
            ("build-vocab", ["--bpe", "10", units], 78, "units already"),
            ("build-vocab", [fixture.tokens, units], 78, "other merges"),
            ("encode", ["--model", fixture.model, "--table", fixture.table, "--bpe", codes, fixture.text], 64, "--bpe is not used"),
            ("encode", ["--model", fixture.model, fixture.text], 64, "--table is missing"),
        ] as [(String, [String], Int, String)] {
            let result = try await runTool(tool, ["-q"] + arguments + ["-o", output])
            #expect(result.status == status && result.errors.contains(hint), "\(tool) \(arguments): \(result.status) \(result.errors)")
            #expect(!result.errors.dropLast().contains("\n"), "\(result.errors)")
            #expect(!directory.entries().contains("output"))
        }
    }

    @Test func aModelOfUnitsNeedsItsMerges() async throws {
        let (fixture, directory) = try await setup()
        let model = directory.file("model"), other = directory.file("other")
        let trained = try await runTool(
            "train", quick + ["-q", "--input", "subwords", "--output", "subword-softmax", "--vocab",
                directory.file("units.vocab"), directory.file("units.tok"), "-o", model])
        try #require(trained.status == 0, "\(trained.errors)")
        _ = try await runTool("build-vocab", ["-q", "--bpe", "7", fixture.vocabulary, "-o", other])
        for (arguments, status, hint) in [
            ([], 64, "--bpe is missing"), (["--bpe", other], 78, "not the merges"),
            (["--bpe", directory.file("codes"), "--table", fixture.table], 64, "--table is not used"),
        ] as [([String], Int, String)] {
            let result = try await runTool("encode", ["-q", "--model", model] + arguments + [fixture.text, "-o", directory.file("v")])
            #expect(result.status == status && result.errors.contains(hint), "\(result.errors)")
        }
    }
}
