internal import FoundationEssentials
internal import Shards

/// The record of a model's training, and its scores. It is stored in the model's file and shown by `train --print`. Nothing in it
/// depends on the machine, the number of threads, or file names.
public struct TrainingRecord: Codable, Sendable, Equatable {
    /// Number of steps made.
    public var steps: Int
    /// Number of words trained on; each end of a sentence counts as one.
    public var words: Int
    /// Number of passes over the text.
    public var passes: Double
    /// Number of streams, their positions in a window, and windows in a step.
    public var batch, window, accumulation: Int
    /// Names of the optimiser and of the learning rate's schedule.
    public var optimizer, schedule: String
    /// Learning rate at the end of the warm-up.
    public var rate: Float
    /// Number of warm-up steps.
    public var warmupSteps: Int
    /// Seed of the run.
    public var seed: UInt64
    /// Number of sentences of the text.
    public var sentences: Int
    /// XXH64 digests of the parts of the text's shards, in hexadecimal.
    public var texts: [String]
    /// Digest of the model whose weights training began with; `nil` if it began with random ones.
    public var initialModel: String?
    /// Scores of each direction in the last evaluation; empty if there was none.
    public var heldOut: [Scores] = []

    /// The scores of one direction on the held-out text. Shares refer to the positions that are ranked.
    public struct Scores: Codable, Sendable, Equatable {
        /// Direction that was scored.
        public var direction: Direction
        /// Step after which the model was scored.
        public var step: Int
        /// Number of positions of the held-out text, number of ranked ones among them, and number of words that they are ranked
        /// among.
        public var positions, ranked, candidates: Int
        /// Mean cosine loss of the continuous output, or mean negative log-likelihood of a softmax.
        public var loss: Double
        /// Loss of the best constant vector; `nil` for a softmax.
        public var constantLoss: Double?
        /// Perplexity of a softmax among its classes (for units of words, that of a whole word), or of a continuous output over all
        /// words.
        public var classPerplexity: Double?
        /// Share of positions whose word is none of these, if known; and the scale of unit vectors that gives the probabilities of
        /// a continuous output.
        public var unknownShare, scale: Double?
        /// Scores among the candidates, and those of the unigram model; `nil` if nothing is ranked.
        public var top1, top10, perplexity, unigramTop1, unigramTop10, unigramPerplexity: Double?

        /// Creates scores without ranking.
        public init(direction: Direction, step: Int, positions: Int, ranked: Int, candidates: Int, loss: Double) {
            self.direction = direction
            self.step = step
            self.positions = positions
            self.ranked = ranked
            self.candidates = candidates
            self.loss = loss
        }
    }

    /// Creates a record.
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

    /// Joins the records of models whose directions were trained separately: where they were trained alike, as if they had been
    /// trained together.
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
    /// Metadata key of the records in a model file: a JSON array, with several records if directions were trained separately.
    static let key = "contour-record"

    static func encode(_ records: [TrainingRecord]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return String(decoding: try encoder.encode(records), as: UTF8.self)
    }

    /// Returns the records in a model file; empty if it has none, or was written by a later version.
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
