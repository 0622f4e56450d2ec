import Files
import TestSupport
import Testing

/// Every number, list and text that stands in a file which the tools read, at the ends of the types of numbers and of other types,
/// while the file's digests are right: no tool may crash or hang, and an error is one line.
///
/// A part of the values is tried unless the environment variable HOSTILE is set (`HostileRun`).
struct FieldExtremesTests {
    /// How a file is read: the words of a command line, with `FILE` for the file; its name in the folder of the run, or `-` if it
    /// comes from standard input.
    private struct Reading: Sendable {
        let name: String
        let words: [String]

        init(_ words: [String], name: String = "FILE") {
            self.words = words
            self.name = name
        }
    }

    /// Reads the file with each value of each field by all readings; of a short run, each field has a value or two and one reading.
    private func check(_ fields: [Field], _ readings: [Reading]) async throws {
        #expect(!fields.isEmpty && !readings.isEmpty)
        var runs: [(field: Field, value: String, reading: Reading)] = []
        for (number, field) in fields.enumerated() {
            let values = HostileRun.isThorough ? field.values : [field.values[(number * 7 + fields.count) % field.values.count]]
            for (place, value) in values.enumerated() {
                let some = HostileRun.isThorough ? readings : [readings[(number + place) % readings.count]]
                runs += some.map { (field, value, $0) }
            }
        }
        try await inParallel(runs) { run in
            let file = run.field.file(run.value), isPiped = run.reading.name == "-"
            let value = run.value.utf8.count > 100 ? "\(run.value.prefix(100))…" : run.value
            try await HostileRun.check(
                run.reading.words, files: isPiped ? [:] : [run.reading.name: file], input: isPiped ? file : [],
                "\(run.field.name) = \(value)")
        }
    }

    private func image(_ path: String) throws -> ShardImage { try ShardImage(contents(of: path)) }

    @Test func configurationsAndRecordsOfModels() async throws {
        let samples = try await Samples.shared.value
        let printing = Reading(["train", "--print", "FILE", "-o", "out"])
        for (path, options) in [
            (samples.model, ["--table", samples.table]), (samples.maskedModel, ["--table", samples.table]), (samples.characterModel, []), (samples.unitModel, ["--bpe", samples.merges]),
        ] {
            let model = try ModelImage(contents(of: path))
            let encoding = Reading(["encode", "-q", "--threads", "2", "--model", "FILE", samples.text, "-o", "out"] + options)
            try await check(model.fields(of: "contour"), [encoding, printing])
            try await check(model.fields(of: "contour-record") + [model.text(of: "contour-units")], [printing, encoding])
        }
    }

    @Test func headersOfModels() async throws {
        let samples = try await Samples.shared.value
        let model = try ModelImage(contents(of: samples.model))
        try await check(
            model.headerFields() + model.numbers { $0.hasSuffix("layer1.bias") },
            [
                Reading(["encode", "-q", "--threads", "2", "--model", "FILE", "--table", samples.table, samples.text, "-o", "out"]),
                Reading(["train", "--print", "FILE", "-o", "out"]), Reading(["train", "--merge", "FILE", samples.model, "-o", "out"]),
            ])
    }

    @Test func checkpoints() async throws {
        let samples = try await Samples.shared.value
        let checkpoint = try ModelImage(contents(of: samples.checkpoint))
        let run = ["train"] + samples.checkpointed + ["--resume", "--checkpoints", "kept", "-o", "out"]
        try await check(
            checkpoint.fields(of: "contour-training") + checkpoint.fields(of: "contour")
                + checkpoint.numbers { $0.hasPrefix("training.streams") || $0.hasSuffix("state") || $0.hasSuffix("first.forward.layer1.bias") },
            [Reading(run, name: "kept/step-000000002.safetensors")])
        let log = try String(decoding: contents(of: samples.log), as: UTF8.self)
        let logged = log.split(separator: "\n").prefix(2).flatMap { line in
            Field.all(inJSON: String(line), named: "log") { Array("\($0)\n\(log)".utf8) }
        }
        let whole = try contents(of: samples.checkpoint)
        try await inParallel(HostileRun.isThorough ? Extremes.numbers : Array(Extremes.numbers.prefix(3))) { number in
            try await HostileRun.check(run, files: ["kept/step-\(number.prefix(200)).safetensors": whole])
        }
        // A log goes on where a checkpoint is.
        try await inParallel(logged) { field in
            for value in HostileRun.isThorough ? field.values : Array(field.values.prefix(1)) {
                try await HostileRun.check(
                    run + ["--log", "log"], files: ["kept/step-000000002.safetensors": whole, "log": field.file(value)],
                    "\(field.name) = \(value.prefix(100))")
            }
        }
    }

    @Test func tokens() async throws {
        let samples = try await Samples.shared.value
        let encode = ["encode", "-q", "--threads", "2", "--model", samples.model, "--table", samples.table, "-o", "out"]
        let train = ["train"] + Samples.embeddings + Samples.run + ["--table", samples.table, "-o", "out"]
        let tokens = try image(samples.tokens)
        try await check(
            tokens.headerFields() + tokens.totals() + tokens.blockFields(),
            [
                Reading(["tokenize", "--print", "FILE", "-o", "out"]), Reading(["build-vocab", "-q", "FILE", "-o", "out"]),
                Reading(train + ["FILE"]), Reading(train + ["-"], name: "-"), Reading(encode + ["FILE"]),
                Reading(train + [samples.tokens, "--held-out", "FILE"]),
            ])
    }

    @Test func vocabularies() async throws {
        let samples = try await Samples.shared.value
        let vocabulary = try image(samples.vocabulary)
        let train = ["train"] + Samples.embeddings + Samples.run + ["--table", samples.table, samples.tokens, "-o", "out"]
        try await check(
            vocabulary.headerFields() + vocabulary.totals() + vocabulary.blockFields(),
            [
                Reading(["build-vocab", "--print", "FILE", "-o", "out"]), Reading(["build-vocab", "-q", "FILE", samples.tokens, "-o", "out"]),
                Reading(["build-vocab", "-q", "--bpe", "3", "FILE", "-o", "out"]),
                Reading(["embed-oov", "-q", "--vectors", samples.vectors, "FILE", "-o", "out"]),
                Reading(train + ["--output", "softmax", "--vocab", "FILE"]),
            ])
    }

    @Test func tables() async throws {
        let samples = try await Samples.shared.value
        let encode = ["encode", "-q", "--threads", "2", "--model", samples.model, "--other-table", samples.text, "-o", "out", "--table"]
        let train = ["train"] + Samples.embeddings + Samples.run + [samples.tokens, "-o", "out", "--table"]
        let embed = ["embed-oov", "-q", "-o", "out", samples.vocabulary]
        let readings = [
            Reading(encode + ["FILE"]), Reading(encode + ["-"], name: "-"), Reading(train + ["FILE"]), Reading(train + ["-"], name: "-"),
            Reading(["embed-oov", "--print", "FILE", "-o", "out"]), Reading(embed + ["--subset", "FILE"]),
            Reading(embed + ["--model", "FILE", "--vectors", samples.vectors]),
            Reading(["embed-oov", "-q", "-o", "out", samples.text, "--words", "--model", "FILE"]),
        ]
        for table in [samples.table, samples.characterTable] {
            let table = try image(table)
            try await check(table.headerFields() + table.totals() + table.blockFields(), readings)
        }
    }

    @Test func vectors() async throws {
        let samples = try await Samples.shared.value
        let vectors = try image(samples.encoded)
        try await check(
            vectors.headerFields() + vectors.totals() + vectors.blockFields(),
            [
                Reading(["encode", "--print", "FILE", "-o", "out"]),
                Reading(
                    ["encode", "-q", "--model", samples.model, "--table", samples.table, "--neighbours", "2", "--query", "the [bado]",
                        "FILE", "-o", "out"]),
            ])
    }

    @Test func filesOfWordVectors() async throws {
        let samples = try await Samples.shared.value
        let embed = Reading(["embed-oov", "-q", "--vectors", "FILE", samples.vocabulary, "-o", "out"])
        let text = try String(decoding: contents(of: samples.vectors).prefix(300), as: UTF8.self)
        let lines = text.split(separator: "\n").prefix(3).joined(separator: "\n")
        try await check(
            Field.all(inLines: lines, named: "vectors", areNamed: false) { Array("\($0)\n".utf8) }
                + Field.all(inLines: "2 3", named: "word2vec", areNamed: false) {
                    Array("\($0)\nbado ".utf8) + (0..<12).map { $0 * 3 } + Array("wenki ".utf8) + (0..<12).map { $0 * 5 }
                }, [embed])
        try await check(
            FastTextFields.all(),
            [embed, Reading(["embed-oov", "-q", "--words", "--model", "FILE", samples.words, "-o", "out"])])
        try await check(
            Field.all(inLines: "bado badoki 5", named: "similarity", areNamed: false) { Array($0.split(separator: " ").joined(separator: "\t").utf8) },
            [Reading(["bench", "spelling", "-q", "--n-grams-only", "--words", "100", "--asked", "5", "--vectors", samples.vectors,
                "--similarity", "FILE", samples.vocabulary, "-o", "out"])])
    }

    @Test func textsInJSON() async throws {
        let samples = try await Samples.shared.value
        let encode = ["encode", "-q", "--threads", "2", samples.text, "-o", "out"]
        try await check(
            Field.all(inJSON: Samples.elmoOptions, named: "options") { Array($0.utf8) },
            [Reading(encode + ["--elmo-options", "FILE", "--elmo-weights", samples.elmoWeights])])
        try await check(
            Field.all(inJSON: #"{"weights": [0.1, 0.3, -0.2], "gamma": 1.1}"#, named: "mix") { Array($0.utf8) },
            [Reading(encode + ["--model", samples.model, "--table", samples.table, "--mix", "FILE"])])
        // Of several lines of a kind, each field of the first is tried.
        let lines = ResultLines.lines, kinds = lines.map { $0.prefix(14) }
        try await check(
            lines.indices.filter { kinds.firstIndex(of: kinds[$0]) == $0 }.flatMap { index in
                Field.all(inJSON: lines[index], named: "line \(index + 1)") { line in
                    Array((lines[..<index] + [line] + lines[(index + 1)...]).map { $0 + "\n" }.joined().utf8)
                }
            }, [Reading(["bench", "report", "-q", "--text", "FILE", "-o", "out"])])
    }

    /// What an error says, and that files are read which have been taken apart and put together again: otherwise an error about
    /// something else would hide a fault. The second of two values is one that the file has.
    @Test func errorsNameFieldAndRange() async throws {
        let samples = try await Samples.shared.value, folder = try TemporaryDirectory()
        let model = try ModelImage(contents(of: samples.model)), checkpoint = try ModelImage(contents(of: samples.checkpoint))
        let table = try image(samples.table), vectors = try image(samples.encoded), vocabulary = try image(samples.vocabulary)
        let results = JSONPlaces(ResultLines.lines[6]), all = try samples.headers()
        func field(_ fields: [Field], _ name: String) throws -> Field { try #require(fields.first { $0.name == name }, "\(name)") }
        let resume = "mkdir kept && cp file kept/step-000000002.safetensors && $BIN/train "
            + (samples.checkpointed + ["--resume", "--checkpoints", "kept", "-o", "out"]).joined(separator: " ")
        let subset = "$BIN/embed-oov -q --subset file \(samples.vocabulary) -o out", show = "$BIN/encode --print file -o out"
        let report = Field.all(inJSON: String(decoding: results.text, as: UTF8.self), named: "line") { Array("\($0)\n".utf8) }
        for (field, value, sound, command, message) in [
            (try field(model.fields(of: "contour"), "contour encoder.lstm.shape.cell"), #""four""#, "4", "$BIN/train --print file",
             "encoder.lstm.shape.cell is missing, or has a value that it cannot have: the configuration is damaged"),
            (try field(model.fields(of: "contour"), "contour encoder.lstm.shape.layers"), "9223372036854775807", "2", "$BIN/train --print file",
             "layers is 9223372036854775807, and must be from 1 to 1048576"),
            (try field(checkpoint.fields(of: "contour-training"), "contour-training step"), "-1", "2", resume,
             "step is -1, and must be from 0 to 72057594037927936"),
            (try field(checkpoint.fields(of: "contour-training"), "contour-training seconds"), "1e13", "0.5", resume,
             "seconds is 10000000000000.0, and must be at least 0 and below 1e12"),
            (try field(checkpoint.fields(of: "contour-training"), "contour-training words"), #""x""#, "72057594037927936", resume,
             "words is missing, or has a value that it cannot have"),
            (try field(table.headerFields(), "header dimension 1"), "0", "6", subset, "dimension is 0, and must be from 1 to 1048576"),
            (try field(table.headerFields(), "header normalise 1"), "nan", all["normalise"] ?? "", subset,
             "normalise is nan, and must be true or false"),
            (try field(table.headerFields(), "header centre 1"), "false", "true", subset,
             "remove-directions is 1, and must be 0 where centre is not true"),
            (try field(table.headerFields(), "header remove-directions 1"), "6", "1", subset,
             "remove-directions is 6, and must be from 0 to 5"),
            (try field(table.headerFields(), "header ngrams 1"), "9223372036854775807", "2", subset, "none is above 2147483647"),
            (try field(table.totals(), "end words 1"), "7", all["words"] ?? "", subset, "the total 'words 7', and there are"),
            (try field(vectors.headerFields(), "header layers 1"), "1e308", "3", show, "layers is 1e308, and must be from 1 to 1048576"),
            (try field(vectors.totals(), "end sentences 1"), "7", "240", show, "the total 'sentences 7', and there are 240 sentences"),
            (try field(vocabulary.totals(), "end words 1"), "7", all["vocabulary-words"] ?? "", "$BIN/build-vocab --print file",
             "the total 'words 7', and there are"),
            (try field(report, "line positions"), "-9223372036854775808", "28500", "$BIN/bench report --text file",
             #""positions" is -9223372036854775808, and must be from 0 to 9007199254740992"#),
        ] {
            for (value, isSound) in [(value, false), (sound, true)] {
                try folder.write("file", field.file(value))
                let result = try await runShell("cd '\(folder.path)' && rm -rf kept && \(command)")
                if isSound {
                    #expect(result.status == 0, "\(field.name) = \(value): \(result.errors)")
                } else {
                    #expect(result.status == 65 && result.errors.contains(message), "\(field.name) = \(value): \(result.errors)")
                }
            }
        }
    }
}
