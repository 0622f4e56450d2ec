internal import Encoding
internal import Kernels
public import Layers
public import Model
internal import Shards
public import WordVectors

/// A benchmark of encoding with 8-bit weights in turns with encoding with floats: the speeds, and the difference of the vectors.
public struct QuantizationBenchmark {
    /// The cosines between the tokens' vectors with 8-bit weights and those with floats.
    public struct Cosines: Sendable, Encodable {
        /// The mean over all tokens.
        public internal(set) var mean = 0.0
        /// The lowest cosine of a token.
        public internal(set) var lowest = 1.0
    }

    /// The number of words in the text.
    public let words: Int
    /// Encoders of one model with each kind of weights.
    private let floats, bytes: SentenceEncoder
    private let layers: Int
    private let results: Results
    private let sentences: [[String]]

    /// The vectors that an encoder returned last.
    private final class Results {
        var sentences: [SentenceVectors] = []
    }

    /// Reads the model twice. Throws what `read` throws, and what `SentenceEncoder` throws.
    /// - `table`: the table of a model that reads vectors.
    /// - `read`: reads the model, for the given capacity.
    public init(
        table: EmbeddingTable?, sentences: [[String]], _ read: (WindowCapacity) throws -> ContextualEncoder
    ) throws {
        let results = Results()
        func stage(_ precision: WeightPrecision) throws -> SentenceEncoder {
            try SentenceEncoder(
                read(SentenceEncoder.capacity), table: table, tableName: "the table", layers: .all, precision: precision,
                to: SentenceCollector { results.sentences.append($0) })
        }
        floats = try stage(.float32)
        bytes = try stage(.int8)
        layers = floats.layers
        self.results = results
        self.sentences = sentences
        words = sentences.reduce(0) { $0 + $1.count }
    }

    private func vectors(_ stage: SentenceEncoder) throws -> [SentenceVectors] {
        results.sentences = []
        for sentence in sentences { try stage.encode(sentence) }
        try stage.flush()
        return results.sentences
    }

    /// Measures the words per second with 8-bit weights beside those with floats. Throws what encoding throws.
    /// - `shouldStop`: returns true, after a round, to end the measurement.
    /// - `onRound`: called before each round with its number, from 1.
    public func run(rounds: Int, shouldStop: () -> Bool, onRound: (Int) -> Void) throws -> SpeedComparison {
        var speeds: [(own: Double, yardstick: Double)] = []
        while speeds.isEmpty || speeds.count < rounds && !shouldStop() {
            onRound(speeds.count + 1)
            let exact = try seconds { _ = try vectors(floats) }
            speeds.append((Double(words) / (try seconds { _ = try vectors(bytes) }), Double(words) / exact))
        }
        return SpeedComparison(speeds)
    }

    /// Returns the cosines of each layer, the input layer first. Throws what encoding throws.
    public func cosines() throws -> [Cosines] {
        let width = floats.width
        var result = [Cosines](repeating: Cosines(), count: layers)
        for (exact, other) in zip(try vectors(floats), try vectors(bytes)) {
            for place in 0..<exact.words.count * layers {
                let range = place * width..<(place + 1) * width
                let cosine = cosine(exact.values[range], other.values[range])
                result[place % layers].mean += cosine / Double(words)
                result[place % layers].lowest = min(result[place % layers].lowest, cosine)
            }
        }
        return result
    }

    private func cosine(_ left: ArraySlice<Float>, _ right: ArraySlice<Float>) -> Double {
        var both = 0.0, square = 0.0, otherSquare = 0.0
        for (x, y) in zip(left, right) {
            both += Double(x) * Double(y)
            square += Double(x) * Double(x)
            otherSquare += Double(y) * Double(y)
        }
        return both / (square * otherSquare).squareRoot()
    }
}
