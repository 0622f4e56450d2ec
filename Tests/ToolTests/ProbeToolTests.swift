import FoundationEssentials
import TestSupport
import Testing

/// `bench probe`, on sentences in which subject and object are spans.
struct ProbeToolTests {
    private struct Record: Decodable, Equatable {
        let event, system, task, measure: String
        let value, gamma: Double
        let precision, recall: Double?
        let layerWeights: [Double]
        let probeSeed, epoch, trainTokens, testTokens: Int
        let budget: String?
        let seed: Int?
    }

    private struct Setup {
        let fixture: Fixture
        let directory = try? TemporaryDirectory()

        func file(_ name: String) -> String { directory?.file(name) ?? name }
        var texts: [String] { ["--train", file("train.conll"), "--test", file("test.conll")] }
    }

    /// Words, their kinds, and spans of what is before the verb and behind it, in IOB1.
    private func setup() async throws -> Setup {
        let setup = Setup(fixture: try await Fixture.shared.value)
        let verbs = Set("sees follows does n't like meets carries".split(separator: " "))
        let sentences = Fixture.corpus(lines: 200).split(separator: "\n").map { line in
            let words = line.split(separator: " ")
            let verb = words.firstIndex(where: verbs.contains) ?? 0
            return words.enumerated().map { index, word in
                let isOutside = verbs.contains(word) || index >= words.count - 2
                return "\(word) \(isOutside ? "X" : "N") \(isOutside ? "O" : index < verb ? "I-SUB" : "I-OBJ")\n"
            }.joined()
        }
        try setup.directory?.write("train.conll", "-DOCSTART- -X- O\n\n" + sentences[..<150].joined(separator: "\n"))
        try setup.directory?.write("test.conll", sentences[150...].joined(separator: "\n"))
        return setup
    }

    private func probe(_ arguments: [String]) async throws -> [Record] {
        let result = try await runTool("bench", ["probe", "-q", "--json", "-"] + arguments)
        try #require(result.status == 0, "\(result.errors)")
        return try result.text.split(separator: "\n").map { try JSONDecoder().decode(Record.self, from: Data($0.utf8)) }
    }

    @Test func contextTellsSubjectFromObject() async throws {
        let setup = try await setup()
        let records = try await probe(
            setup.texts + ["--table", setup.fixture.table, "--word-vectors", "--names", "ours", "--seeds", "2", "--seed", "7",
                "--epochs", "200", "--field", "budget=words", "--field", "seed=2", setup.fixture.model])
        #expect(records.map(\.system) == ["word vectors", "word vectors", "ours", "ours"])
        #expect(records.map(\.probeSeed) == [7, 8, 7, 8] && records[2].gamma != records[3].gamma)
        for record in records {
            #expect(record.event == "probe" && record.task == "column 3" && record.measure == "F1")
            #expect(record.budget == "words" && record.seed == 2 && (1...200).contains(record.epoch))
            let precision = try #require(record.precision), recall = try #require(record.recall)
            #expect(abs(record.value - 2 * precision * recall / max(1e-9, precision + recall)) < 1e-9)
            #expect(abs(record.layerWeights.reduce(0, +) - 1) < 1e-6)
        }
        #expect(records.map(\.layerWeights.count) == [1, 1, 3, 3])
        let words = records[..<2].map(\.value), ours = records[2...].map(\.value)
        #expect(ours.allSatisfy { $0 > words[0] + 0.05 && $0 > words[1] + 0.05 }, "\(words), \(ours)")
        let lines = setup.texts.filter { $0.hasSuffix("conll") }.map { try? contents(of: $0) }
            .map { $0.map { String(decoding: $0, as: UTF8.self).split(separator: "\n").count } ?? 0 }
        // One sentence of ten is held out, and the mark of a document is no word.
        #expect(records[0].testTokens == lines[1])
        #expect(records[0].trainTokens < lines[0] - 1 && records[0].trainTokens > lines[0] * 8 / 10)
    }

    @Test func accuracyOfAnotherColumn() async throws {
        let setup = try await setup()
        let options = setup.texts + ["--table", setup.fixture.table, "--column", "2", "--seeds", "1", "--epochs", "60"]
        let records = try await probe(options + ["--word-vectors"])
        #expect(records.count == 1 && records[0].measure == "accuracy" && records[0].task == "column 2")
        #expect(records[0].precision == nil && records[0].recall == nil && records[0].value > 0.8)
        // The kinds as words are two words that the table lacks.
        let kinds = try await probe(options + ["--word-vectors", "--column", "3", "--word-column", "2"])
        #expect(kinds[0].task == "column 3" && kinds[0].value < records[0].value)
        let few = try await probe(options + ["--word-vectors", "--sentences", "20", "--epochs", "1"])
        #expect(few[0].trainTokens < 150 && few[0].testTokens < 170 && few[0].epoch == 1)
    }

    @Test func theTable() async throws {
        let setup = try await setup()
        try setup.directory?.write("test.conll", "the N I-SUB\ncat N I-SUB\n\nsees X B-VERB\n")
        let result = try await runTool(
            "bench", ["probe", "-q"] + setup.texts + ["--table", setup.fixture.table, "--word-vectors", setup.fixture.model])
        #expect(result.status == 0 && result.errors.isEmpty)
        let lines = result.text.split(separator: "\n")
        #expect(lines.count == 5 && lines[0].hasPrefix("column 3, 5 labels: ") && lines[0].hasSuffix("median of 3 fits"))
        #expect(lines[1].hasPrefix("tokens of ") && lines[1].hasSuffix("never right: 1"))
        let titles = lines[2].split(separator: " ").joined(separator: " ")
        #expect(titles == "system F1 % lowest highest precision recall epoch layer weights")
        #expect(lines[3].hasPrefix("word vectors ") && lines[3].hasSuffix(" 1.00") && lines[4].hasPrefix(setup.fixture.model))
    }

    @Test func theSameBytesForAnyNumberOfThreads() async throws {
        let setup = try await setup()
        var outputs: [[UInt8]] = []
        for threads in ["1", "2", "3"] {
            let result = try await runTool(
                "bench", ["probe", "-q", "--json", "-", "--threads", threads, "--table", setup.fixture.table] + setup.texts
                    + ["--word-vectors", setup.fixture.model])
            #expect(result.status == 0)
            outputs.append(result.output)
        }
        #expect(outputs[0] == outputs[1] && outputs[0] == outputs[2] && !outputs[0].isEmpty)
    }

    /// Models of vectors, of characters and of units side by side.
    @Test func modelsOfEveryInput() async throws {
        let setup = try await setup()
        let quick = ["-q", "--preset", "tiny", "--steps", "20", "--evaluations", "1", "--batch", "8"]
        for (tool, arguments) in [
            ("build-vocab", ["-q", "--bpe", "25", setup.fixture.vocabulary, "-o", setup.file("codes")]),
            ("tokenize", ["-q", "--bpe", setup.file("codes"), setup.fixture.text, "-o", setup.file("units.tok")]),
            ("build-vocab", ["-q", setup.file("units.tok"), "-o", setup.file("units.vocab")]),
            ("train", quick + ["--input", "subwords", "--output", "subword-softmax", "--vocab", setup.file("units.vocab"),
                setup.file("units.tok"), "-o", setup.file("units")]),
            ("train", quick + ["--input", "characters", "--filters", "1:8,3:8", "--output", "softmax", "--vocab",
                setup.fixture.vocabulary, setup.fixture.tokens, "-o", setup.file("letters")]),
        ] {
            let result = try await runTool(tool, arguments)
            try #require(result.status == 0, "\(tool): \(result.errors)")
        }
        let models = [setup.file("units"), setup.file("letters"), setup.fixture.model]
        let records = try await probe(
            setup.texts + ["--seeds", "1", "--epochs", "60", "--table", setup.fixture.table, "--bpe", setup.file("codes")]
                + models)
        #expect(records.map(\.system) == models && records.allSatisfy { $0.value > 0.5 })
        for (arguments, complaint) in [
            ([setup.file("units")], "--bpe is missing"), ([setup.fixture.model], "--table is missing"),
            ([setup.file("letters"), "--bpe", setup.file("codes")], "--bpe is not used"),
            ([setup.file("letters"), "--table", setup.fixture.table], "--table is not used"),
        ] {
            let result = try await runTool("bench", ["probe", "-q"] + setup.texts + arguments)
            #expect(result.status == 64 && isOneLine(result.errors, naming: complaint), "\(result.errors)")
        }
    }

    @Test func inputsThatDoNotFit() async throws {
        let setup = try await setup()
        let directory = try #require(setup.directory)
        try directory.write("bad.conll", "a N O\nb N\n")
        try directory.write("wide.conll", "a b N O\n")
        try directory.write("latin", [0x61, 0xE9, 0x20, 0x4F])
        let other = try await runTool(
            "embed-oov",
            ["-q", "--vectors", setup.fixture.vectors, "--seed", "5", setup.fixture.vocabulary, "-o", setup.file("other")])
        try #require(other.status == 0)
        let train = setup.file("train.conll"), table = setup.fixture.table, model = setup.fixture.model
        for (arguments, status, complaint) in [
            ([train, setup.file("bad.conll"), "--table", table, "--column", "3", model], 65, "bad.conll: line 2"),
            ([train, setup.file("wide.conll"), "--table", table, model], 78, "wide.conll"),
            ([setup.file("latin"), train, "--table", table, model], 65, "latin: line 1: byte 2"),
            ([setup.file("wide.conll"), train, "--table", table, "--column", "3", model], 65,
             "wide.conll: has too few sentences, 1"),
            ([train, setup.file("none"), "--table", table, model], 66, "none"),
            ([train, train, "--table", setup.file("other"), model], 78, "other: is not the table that"),
            ([train, train, "--table", table, train], 65, "train.conll"),
            ([train, train, "--table", table, "--json", "/nowhere/x", model], 73, "/nowhere/x"),
        ] as [([String], Int, String)] {
            let result = try await runTool("bench", ["probe", "-q", "--train", arguments[0], "--test"] + arguments[1...])
            #expect(result.status == status && isOneLine(result.errors, naming: complaint), "\(result.status) \(result.errors)")
            #expect(result.output.isEmpty && result.errors.hasPrefix("bench probe: "))
        }
    }

    @Test(arguments: [
        [], ["--word-vectors"], ["m", "--column", "0"], ["m", "--column", "1"], ["m", "--word-column", "0"],
        ["m", "--epochs", "0"], ["m", "--seeds", "0"], ["m", "--sentences", "9"], ["m", "--sentences", "-1"], ["m", "--names", "a,b"],
        ["m", "--names", ""],
        ["m", "--field", "a"], ["m", "--field", "=a"], ["m", "--field", "value=2"], ["m", "--field", "a=1", "--field", "a=2"],
        ["-", "--table", "-"],
    ])
    func refuses(_ arguments: [String]) async throws {
        let result = try await runTool("bench", ["probe", "--train", "a", "--test", "b"] + arguments)
        #expect(result.status == 64 && result.output.isEmpty, "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1)
    }

    /// What is written as an integer is one; all else is a string.
    @Test func fieldsAsTheyAreWritten() async throws {
        let setup = try await setup()
        let result = try await runTool(
            "bench",
            ["probe", "-q", "--json", "-", "--seeds", "1", "--epochs", "1", "--table", setup.fixture.table, "--word-vectors",
                "--field", "a=-3", "--field", "b=007", "--field", "c=x=y", "--field", "d="] + setup.texts)
        #expect(result.status == 0, "\(result.errors)")
        for part in [#""a":-3"#, #""b":"007""#, #""c":"x=y""#, #""d":"""#] { #expect(result.text.contains(part)) }
    }
}
