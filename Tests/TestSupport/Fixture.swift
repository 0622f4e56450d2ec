/// A small corpus with everything that the tools make of it, made once for all tests.
public struct Fixture: Sendable {
    public let directory: TemporaryDirectory

    public var text: String { directory.file("corpus.txt") }
    public var tokens: String { directory.file("corpus.tok") }
    public var vocabulary: String { directory.file("vocab.shard") }
    public var vectors: String { directory.file("words.vec") }
    public var table: String { directory.file("table.shard") }
    public var model: String { directory.file("model.safetensors") }
    public var encoded: String { directory.file("vectors.shard") }

    public static let shared = Task { try await Fixture() }

    private init() async throws {
        directory = try TemporaryDirectory()
        try directory.write("corpus.txt", Self.corpus(lines: 600))
        try directory.write("words.vec", Self.wordVectors())
        for (tool, arguments) in [
            ("tokenize", [text, "-o", tokens]),
            ("build-vocab", [tokens, "-o", vocabulary]),
            ("embed-oov", ["--vectors", vectors, vocabulary, "-o", table]),
            ("train", ["--preset", "tiny", "--table", table, "--epochs", "1", tokens, "-o", model]),
            ("encode", ["--model", model, "--table", table, tokens, "-o", encoded]),
        ] {
            let result = try await runTool(tool, arguments)
            guard result.status == 0 else { throw TestSupportError.cannotMake("what \(tool) makes: \(result.errors)") }
        }
    }

    private static let subjects = ["the cat", "a dog", "my neighbour", "the river", "an old bank", "some water"]
    private static let verbs = ["sees", "follows", "does n't like", "meets", "carries"]
    private static let objects = ["the house", "a bird", "the road", "its shadow", "two stones", "money"]

    /// Simple sentences, each a line.
    public static func corpus(lines: Int) -> String {
        (0..<lines).map { index in
            let mixed = index &* 7919
            return "\(subjects[mixed % 6]) \(verbs[mixed / 6 % 5]) \(objects[mixed / 30 % 6]) today ."
        }.joined(separator: "\n") + "\n"
    }

    /// A vector for most of the words, by a rule of their letters; some words have none.
    public static func wordVectors(dimension: Int = 12) -> String {
        let words = Set((subjects + verbs + objects + ["today ."]).flatMap { $0.split(separator: " ").map(String.init) })
            .subtracting(["shadow", "stones"]).sorted()
        let lines = words.map { word in
            let seed = word.utf8.reduce(7) { ($0 &* 31 &+ Int($1)) % 1009 }
            return word + (0..<dimension).map { " \(Double((seed &* ($0 + 3)) % 200 - 100) / 100)" }.joined()
        }
        return "\(words.count) \(dimension)\n" + lines.joined(separator: "\n") + "\n"
    }
}

/// Whether `errors` is one line that names `file`.
public func isOneLine(_ errors: String, naming file: String) -> Bool {
    errors.hasSuffix("\n") && !errors.dropLast().contains("\n") && errors.contains(file)
}
