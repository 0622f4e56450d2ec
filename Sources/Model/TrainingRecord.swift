internal import FoundationEssentials
internal import Shards

/// The way a model was trained, and its scores: kept in its file, and shown by `train --print`. Nothing in it depends on the
/// machine, the number of threads or the names of files.
public struct TrainingRecord: Codable, Sendable, Equatable {
    /// Steps made, words trained on (each sentence end counts as one), and passes over the text.
    public var steps: Int
    public var words: Int
    public var passes: Double
    /// Streams, their positions in a window, and windows of a step.
    public var batch, window, accumulation: Int
    public var optimizer, schedule: String
    /// The learning rate at the end of the warm-up.
    public var rate: Float
    public var warmupSteps: Int
    public var seed: UInt64
    /// Sentences of the text, and the XXH64 digests of its shards' parts, in hexadecimal.
    public var sentences: Int
    public var texts: [String]
    /// The digest of the model whose weights training began with; `nil`: with random ones.
    public var initialModel: String?
    /// The scores of each direction after the last evaluation; empty if there was none.
    public var heldOut: [Scores] = []

    /// The scores of one direction on the held-out text. Shares are of the positions that are ranked.
    public struct Scores: Codable, Sendable, Equatable {
        public var direction: Direction
        /// The step after which the model was scored.
        public var step: Int
        /// Positions of the held-out text, those of them that are ranked, and the words that they are ranked among.
        public var positions, ranked, candidates: Int
        /// The mean cosine loss of the continuous output, and that of the best constant vector; or the mean negative
        /// log-likelihood of a softmax.
        public var loss: Double
        public var constantLoss: Double?
        /// The perplexity of a softmax among its classes, with units of words that of a whole word; of a continuous output over all
        /// words.
        public var classPerplexity: Double?
        /// The share of positions whose word is none of these, if it is known; the scale of unit vectors that made the probabilities
        /// of a continuous output.
        public var unknownShare, scale: Double?
        /// Among the candidates, beside those of the unigram model; `nil` where nothing is ranked.
        public var top1, top10, perplexity, unigramTop1, unigramTop10, unigramPerplexity: Double?

        public init(direction: Direction, step: Int, positions: Int, ranked: Int, candidates: Int, loss: Double) {
            self.direction = direction
            self.step = step
            self.positions = positions
            self.ranked = ranked
            self.candidates = candidates
            self.loss = loss
        }
    }

    public init(
        steps: Int, words: Int, passes: Double, batch: Int, window: Int, accumulation: Int, optimizer: String,
        schedule: String, rate: Float, warmupSteps: Int, seed: UInt64, sentences: Int, texts: [String]
    ) {
        self.steps = steps
        self.words = words
        self.passes = passes
        self.batch = batch
        self.window = window
        self.accumulation = accumulation
        self.optimizer = optimizer
        self.schedule = schedule
        self.rate = rate
        self.warmupSteps = warmupSteps
        self.seed = seed
        self.sentences = sentences
        self.texts = texts
    }

    /// The records of models whose directions were trained apart, as if they had been trained together where they were
    /// trained alike.
    static func joined(_ records: [TrainingRecord]) -> [TrainingRecord] {
        guard var first = records.first else { return [] }
        let alike = records.allSatisfy { record in
            var other = record
            other.heldOut = first.heldOut
            return other == first
        }
        guard alike else { return records }
        first.heldOut = Direction.allCases.flatMap { direction in
            records.flatMap(\.heldOut).filter { $0.direction == direction }
        }
        return [first]
    }
}

extension TrainingRecord {
    /// The metadata's key for the records of a model file: a JSON array, with several if directions were trained apart.
    static let key = "contour-record"

    static func encode(_ records: [TrainingRecord]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return String(decoding: try encoder.encode(records), as: UTF8.self)
    }

    /// The records in a model file; none in one that was made without, or by a later version.
    static func decode(_ reader: SafetensorsReader) -> [TrainingRecord] {
        guard let text = reader.metadata[key] else { return [] }
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return (try? decoder.decode([TrainingRecord].self, from: Data(text.utf8))) ?? []
    }

    /// The record as lines of text.
    var description: String {
        var text = "trained \(steps) steps, \(words) words, \(rounded(passes, 2)) passes over \(sentences) sentences\n"
        text += "batch \(batch), window \(window)\(accumulation > 1 ? ", accumulated \(accumulation)" : ""), \(optimizer), "
        text += "rate \(rate), schedule \(schedule), warm-up \(warmupSteps) steps, seed \(seed)\n"
        if let initialModel { text += "began with the weights of model \(initialModel)\n" }
        text += "text \(texts.joined(separator: " "))\n"
        if heldOut.isEmpty { text += "held-out text: not scored\n" }
        for scores in heldOut {
            text += "held-out \(scores.direction.rawValue) after step \(scores.step): \(scores.positions) positions, "
            text += "loss \(rounded(scores.loss, 4))"
            if let constant = scores.constantLoss { text += " (constant vector \(rounded(constant, 4)))" }
            if let perplexity = scores.classPerplexity {
                text += ", perplexity \(rounded(perplexity, 1))"
                if let share = scores.unknownShare { text += " (\(rounded(100 * share, 2))% unknown)" }
            }
            if scores.ranked > 0 { text += "; \(scores.ranked) of them ranked among \(scores.candidates) words" }
            for (name, own, unigram, factor) in [
                ("top-1 %", scores.top1, scores.unigramTop1, 100.0), ("top-10 %", scores.top10, scores.unigramTop10, 100),
                ("perplexity", scores.perplexity, scores.unigramPerplexity, 1),
            ] {
                guard let own else { continue }
                text += ", \(name) \(rounded(factor * own, 1))"
                if let unigram { text += " (unigram \(rounded(factor * unigram, 1)))" }
            }
            text += "\n"
        }
        return text
    }

    private func rounded(_ value: Double, _ decimals: Int) -> String {
        guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        return "\((value * scale).rounded() / scale)"
    }
}
