import TestSupport
import Testing

/// A small file of every kind that the tools read, made by the tools once for all tests of this target.
struct Samples: Sendable {
    let directory: TemporaryDirectory

    var text: String { directory.file("text") }
    var tokens: String { directory.file("tokens") }
    var vocabulary: String { directory.file("vocabulary") }
    var vectors: String { directory.file("vectors.vec") }
    var table: String { directory.file("table") }
    var model: String { directory.file("model") }
    var encoded: String { directory.file("encoded") }
    /// Merges, and what is made with them.
    var merges: String { directory.file("merges") }
    var units: String { directory.file("units") }
    var unitVocabulary: String { directory.file("unit-vocabulary") }
    var unitModel: String { directory.file("unit-model") }
    /// A model that reads characters, with a sampled softmax.
    var characterModel: String { directory.file("character-model") }
    /// A model of masked words.
    var maskedModel: String { directory.file("masked-model") }
    var words: String { directory.file("words") }
    /// A table whose generator is a character model.
    var characterTable: String { directory.file("character-table") }
    /// Of a run's second step, with the log and the command line of the run.
    var checkpoint: String { directory.file("kept/step-000000002.safetensors") }
    var log: String { directory.file("log") }
    var checkpointed: [String] { Self.embeddings + Self.run + ["--table", table, tokens] }
    /// A network that is read with `elmoOptions`.
    var elmoWeights: String { directory.file("elmo.hdf5") }
    /// Labelled text, and results of benchmarks.
    var labelled: String { directory.file("labelled") }
    /// Text whose words are named entities or not.
    var entities: String { directory.file("entities") }
    var results: String { directory.file("results") }

    static let shared = Task { try await Samples() }

    /// Some of what the table says of itself, and `vocabulary-words`, the number of words that were counted.
    func headers() throws -> [String: String] {
        let header = try ShardImage(contents(of: table)).headerText + "\nvocabulary-words \(ShardImage(contents(of: vocabulary)).total("words"))"
        return Dictionary(header.split(separator: "\n").map { line in
            let words = line.split(separator: " ", maxSplits: 1).map(String.init)
            return (words[0], words.count > 1 ? words[1] : "")
        }) { first, _ in first }
    }

    /// Options of networks that take no time.
    static let embeddings = ["--preset", "tiny", "--cell", "4", "--projection", "3"]
    static let characters = embeddings + ["--input", "characters", "--filters", "1:2,2:2", "--highways", "1"]
    static let subwords = embeddings + ["--input", "subwords", "--output", "subword-softmax", "--share-layers", "--tie"]
    /// And of short runs.
    static let run = ["-q", "--threads", "2", "--steps", "4", "--batch", "2", "--window", "3", "--held-out-every", "10"]

    private init() async throws {
        directory = try TemporaryDirectory()
        try directory.write("text", Self.corpus.map { $0.joined(separator: " ") + "\n" }.joined())
        try directory.write("vectors.vec", "\(Self.lexicon.count) 6\n" + Self.lexicon.map(Self.vector).joined())
        try directory.write("words", Self.lexicon.map { $0 + "\n" }.joined())
        try directory.write("labelled", Self.corpus.map { $0.map { "\($0) \($0.utf8.count % 2)\n" }.joined() + "\n" }.joined())
        try directory.write(
            "entities", Self.corpus.map { $0.map { "\($0) \($0.utf8.count % 3 == 0 ? "B-LONG" : "O")\n" }.joined() + "\n" }.joined())
        try directory.write("results", ResultLines.all)
        // Without h5py the options are refused with a file that is not there.
        if try await Python.has("h5py", "numpy") {
            let result = try await Python.run(Self.elmoProgram, in: directory)
            try #require(result.status == 0, "\(result.errors)")
        }
        for (tool, arguments) in [
            ("tokenize", [text, "-o", tokens]),
            ("build-vocab", [tokens, "-o", vocabulary]),
            ("embed-oov", ["--vectors", vectors, vocabulary, "--unknown", "subwords", "--remove-directions", "1", "-o", table]),
            ("train", checkpointed + ["--checkpoints", directory.file("kept"), "--checkpoint-every", "0s", "--keep", "9", "--log", log, "-o", model]),
            (
                "embed-oov",
                ["--vectors", vectors, vocabulary, "--unknown", "mimick", "--mimick-epochs", "1", "--mimick-hidden", "4", "-o",
                    characterTable]
            ),
            ("encode", ["--model", model, "--table", table, tokens, "-o", encoded]),
            ("build-vocab", ["--bpe", "20", tokens, "-o", merges]),
            ("tokenize", ["--bpe", merges, text, "-o", units]),
            ("build-vocab", [units, "-o", unitVocabulary]),
            ("train", Self.embeddings + Self.run + ["--objective", "masked", "--table", table, tokens, "-o", maskedModel]),
            ("train", Self.subwords + Self.run + ["--vocab", unitVocabulary, units, "-o", unitModel]),
            (
                "train",
                Self.characters + Self.run
                    + ["--output", "sampled-softmax", "--negatives", "8", "--vocab", vocabulary, tokens, "-o", characterModel]
            ),
        ] {
            let result = try await runTool(tool, ["-q"] + arguments)
            try #require(result.status == 0, "\(tool): \(result.errors)")
        }
    }

    /// Of a network as small as they come.
    static let elmoOptions = """
        {"lstm": {"dim": 6, "projection_dim": 5, "use_skip_connections": true, "n_layers": 2, "cell_clip": 3, "proj_clip": 3}, \
        "char_cnn": {"activation": "relu", "n_highway": 1, "filters": [[1, 3], [2, 4]], "embedding": {"dim": 4}, \
        "n_characters": 262, "max_characters_per_token": 50}, "dropout": 0.1, "n_epochs": 10}
        """

    /// The data sets of these options, all zeros.
    private static let elmoProgram = """
        import h5py, numpy
        shapes = {"char_embed": (261, 4), "CNN_proj/W_proj": (7, 5), "CNN_proj/b_proj": (5,)}
        for index, (width, count) in enumerate([(1, 3), (2, 4)]):
            shapes[f"CNN/W_cnn_{index}"], shapes[f"CNN/b_cnn_{index}"] = (1, width, 4, count), (count,)
        for part in ["carry", "transform"]:
            shapes[f"CNN_high_0/W_{part}"], shapes[f"CNN_high_0/b_{part}"] = (7, 7), (7,)
        for direction in range(2):
            for layer in range(2):
                cell = f"RNN_{direction}/RNN/MultiRNNCell/Cell{layer}/LSTMCell/"
                shapes[cell + "W_0"], shapes[cell + "B"], shapes[cell + "W_P_0"] = (10, 24), (24,), (6, 5)
        with h5py.File("elmo.hdf5", "w") as file:
            for name, shape in shapes.items():
                file[name] = numpy.zeros(shape, numpy.float32)
        """

    /// Words of two syllables, some of which share one.
    private static let lexicon: [String] = {
        let syllables = ["ba", "do", "ki", "lu", "me", "ra", "so", "ti", "vu", "wen", "zor", "qua"]
        return syllables.flatMap { first in syllables.map { first + $0 } }
    }()

    /// Sentences of some words by a rule.
    private static let corpus: [[String]] = (0..<240).map { line in
        (0..<5 + line % 3).map { lexicon[(line * 31 + $0 * $0 * 7 + line * $0) % lexicon.count] } + ["."]
    }

    private static func vector(_ word: String) -> String {
        let seed = word.utf8.reduce(7) { ($0 &* 31 &+ Int($1)) % 1009 }
        return word + (0..<6).map { " \(Double((seed &* ($0 + 3)) % 200 - 99) / 100)" }.joined() + "\n"
    }
}
