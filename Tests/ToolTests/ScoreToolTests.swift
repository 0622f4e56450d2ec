import FoundationEssentials
import TestSupport
import Testing

/// `bench score`: models as language models.
struct ScoreToolTests {
    private struct Record: Decodable {
        let event: String
        let direction: String?
        let sentence, words, unknown, scored: Int?
        let logProbability, perplexity, probability: Double?
        let beginning, word: String?
    }

    /// A line of the log of training.
    private struct HeldOut: Decodable {
        let event, direction: String
        let perplexity, unknownShare: Double
        let heldOutPositions: Int
    }

    /// Models of every output, each with its options; `{table}` and the like stand for files.
    private static let models: [(name: String, options: [String], score: [String])] = [
        ("cosine", ["--table", "{table}"], ["--table", "{table}"]),
        ("contrastive", ["--table", "{table}", "--loss", "contrastive"], ["--table", "{table}"]),
        ("over a vocabulary", ["--table", "{table}", "--loss", "contrastive", "--targets", "mapped", "--vocab", "{few}"],
         ["--table", "{table}", "--vocab", "{few}"]),
        ("trained", ["--table", "{table}", "--loss", "contrastive", "--targets", "trained", "--whiten-targets"], ["--table", "{table}"]),
        ("softmax", ["--table", "{table}", "--output", "softmax", "--vocab", "{few}"], ["--table", "{table}", "--vocab", "{few}"]),
        ("adaptive", ["--table", "{table}", "--output", "adaptive-softmax", "--cutoffs", "5,9", "--vocab", "{few}"],
         ["--table", "{table}", "--vocab", "{few}"]),
        ("sampled", ["--input", "characters", "--filters", "1:8,3:8", "--output", "sampled-softmax", "--negatives", "8", "--vocab", "{few}"],
         ["--vocab", "{few}"]),
    ]

    private struct Setup {
        let fixture: Fixture
        let directory: TemporaryDirectory

        func file(_ name: String) -> String { directory.file(name) }

        func filled(_ options: [String]) -> [String] {
            options.map {
                switch $0 {
                case "{table}": fixture.table
                case "{few}": file("few")
                default: $0
                }
            }
        }

        func train(_ options: [String], _ more: [String] = []) async throws {
            let result = try await runTool(
                "train", ["-q", "--preset", "tiny", "--steps", "60", "--batch", "4", "--evaluations", "1", "--held-out", file("held"),
                    "--held-out-tokens", "100000", "--log", file("log"), fixture.tokens, "-o", file("model")] + filled(options) + more)
            try #require(result.status == 0, "\(result.errors)")
        }

        func score(_ options: [String], _ tokens: String) async throws -> [Record] {
            let result = try await runTool(
                "bench", ["score", "-q", "--json", "-", "--model", file("model")] + filled(options) + [tokens])
            try #require(result.status == 0, "\(result.errors)")
            return try result.text.split(separator: "\n").map { try JSONDecoder().decode(Record.self, from: Data($0.utf8)) }
        }
    }

    private func setup() async throws -> Setup {
        let setup = Setup(fixture: try await Fixture.shared.value, directory: try TemporaryDirectory())
        // Other sentences of the same words, and one with words that no vocabulary has.
        let text = Fixture.corpus(lines: 43) + "the unicorn meets a wug today .\n\nmoney\n"
        try setup.directory.write("held.txt", text)
        for (tool, arguments) in [
            ("tokenize", [setup.file("held.txt"), "-o", setup.file("held")]),
            ("build-vocab", ["--max-size", "15", setup.fixture.tokens, "-o", setup.file("few")]),
        ] {
            let result = try await runTool(tool, ["-q"] + arguments)
            try #require(result.status == 0, "\(result.errors)")
        }
        return setup
    }

    /// Scores are those of training on the same text, whatever the output, and add up from the sentences'.
    @Test(arguments: models.indices) func scoresAreThoseOfTraining(index: Int) async throws {
        let setup = try await setup(), model = Self.models[index]
        try await setup.train(model.options)
        let log = try contents(of: setup.file("log")).split(separator: 10).compactMap {
            try? JSONDecoder().decode(HeldOut.self, from: Data($0))
        }
        let records = try await setup.score(model.score + ["--by-sentence"], setup.file("held"))
        let totals = records.filter { $0.event == "score" }
        #expect(log.count == 2 && totals.map(\.direction) == log.map(\.direction))
        for (total, expected) in zip(totals, log) {
            #expect(abs(try #require(total.perplexity) / expected.perplexity - 1) < 1e-6, "\(model.name)")
            #expect(total.words == expected.heldOutPositions)
            #expect(abs(Double(try #require(total.unknown)) / Double(expected.heldOutPositions) - expected.unknownShare) < 1e-9)
            #expect(try #require(total.unknown) >= 2)
            let sentences = records.filter { $0.event == "sentence" && $0.direction == total.direction }
            #expect(sentences.map(\.sentence) == (1...sentences.count).map(Optional.some) && sentences.count >= 45)
            let sum = sentences.reduce(0.0) { $0 + ($1.logProbability ?? .nan) }
            #expect(abs(sum - (total.logProbability ?? .nan)) < 1e-6)
            #expect(sentences.reduce(0) { $0 + ($1.words ?? 0) } == total.words)
        }
    }

    /// The likeliest words after a beginning, which add up to one if all are asked for.
    @Test(arguments: models.indices) func nextWords(index: Int) async throws {
        let setup = try await setup(), model = Self.models[index]
        try await setup.train(model.options, ["--steps", "600", "--rate", "0.01"])
        try setup.directory.write("begin.txt", "the cat sees\nmy neighbour does n't\n")
        _ = try await runTool("tokenize", ["-q", setup.file("begin.txt"), "-o", setup.file("begin")])
        // The likeliest words of a continuous output are those of its table.
        let options = model.options.contains("--output") ? model.score : Array(model.score.prefix(2))
        let records = try await setup.score(options + ["--next", "1000"], setup.file("begin"))
        for beginning in ["the cat sees", "my neighbour does n't"] {
            let words = records.filter { $0.beginning == beginning }, probabilities = words.compactMap(\.probability)
            #expect(abs(probabilities.reduce(0, +) - 1) < 1e-4, "\(model.name)")
            #expect(probabilities == probabilities.sorted(by: >) && words.count >= 15)
            #expect(Set(words.map(\.word)).count == words.count)
            if beginning.hasSuffix("n't") { #expect(words.first?.word == "like", "\(model.name)") }
        }
        let few = try await setup.score(options + ["--next", "2"], setup.file("begin"))
        #expect(few.map(\.word) == records.filter { $0.beginning == "the cat sees" }.prefix(2).map(\.word)
            + records.filter { $0.beginning != "the cat sees" }.prefix(2).map(\.word))
    }

    /// Words outside the table are among them by their vectors, if they are named.
    @Test func wordsOutsideTheTable() async throws {
        let setup = try await setup()
        try await setup.train(["--table", "{table}", "--loss", "contrastive"])
        try setup.directory.write("begin.txt", "the cat sees\n")
        _ = try await runTool("tokenize", ["-q", setup.file("begin.txt"), "-o", setup.file("begin")])
        let without = try await setup.score(["--table", "{table}", "--next", "1000"], setup.file("begin"))
        let with = try await setup.score(
            ["--table", "{table}", "--next", "1000", "--word", "birds", "--word", "birds", "--word", "cat"], setup.file("begin"))
        #expect(Set(with.map(\.word)).subtracting(without.map(\.word)) == ["birds"] && with.count == without.count + 1)
        #expect(abs(with.compactMap(\.probability).reduce(0, +) - 1) < 1e-4)
        let backward = try await setup.score(["--table", "{table}", "--next", "3", "--backward"], setup.file("begin"))
        #expect(backward.count == 3 && backward.map(\.word) != Array(with.map(\.word).prefix(3)))
    }

    @Test func whatCannotBeScored() async throws {
        let setup = try await setup(), table = setup.fixture.table, model = setup.file("model"), held = setup.file("held")
        try await setup.train(["--table", "{table}", "--evaluations", "0"])
        for (arguments, status, hint) in [
            (["--model", model, held], 64, "--table is missing"),
            (["--model", model, "--table", table, held], 78, "the scale"),
            (["--model", model, "--table", table, "--next", "0", held], 64, "--next must be"),
            (["--model", model, "--table", table, "--word", "a", held], 64, "--word goes with --next"),
            (["--model", model, "--table", table, "--next", "2", "--word", "a b", held], 64, "--word must be one word"),
            (["--model", setup.fixture.model, "--table", table, "--next", "2", "--vocab", setup.file("few"), held], 64, "--vocab is not used"),
            (["--model", "-", "--table", table, held], 64, "--model needs the name"),
            (["--model", model, "--table", table, "--by-sentence", "--next", "3", held], 64, "does not go with --next"),
            (["--model", setup.file("absent"), "--table", table, held], 66, "absent"),
            (["--model", held, "--table", table, held], 65, "held"),
            (["--model", setup.fixture.model, "--table", table, setup.file("held.txt")], 65, "held.txt"),
            (["--model", setup.fixture.model, "--table", setup.fixture.vocabulary, held], 65, "vocab.shard"),
        ] as [([String], Int, String)] {
            let result = try await runTool("bench", ["score", "-q"] + arguments)
            #expect(result.status == status && result.errors.contains(hint), "\(arguments): \(result.status) \(result.errors)")
            #expect(result.output.isEmpty && !result.errors.dropLast().contains("\n"), "\(result.errors)")
        }
        // A table of other vectors.
        let other = try await runShell(
            "$BIN/embed-oov -q --random --dimension 12 \(setup.fixture.vocabulary) -o \(setup.file("other"))")
        try #require(other.status == 0, "\(other.errors)")
        let result = try await runTool("bench", ["score", "-q", "--model", model, "--table", setup.file("other"), held])
        #expect(result.status == 78 && isOneLine(result.errors, naming: "other"))
    }
}
