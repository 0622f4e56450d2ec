import Files
import FoundationEssentials

/// What a step of training looks like in the log.
struct TrainingMetrics: Encodable {
    let event = "train"
    var step: Int
    var epoch: Double
    /// Positions trained on so far; each counts once, whether one direction learns from it or both.
    var words: Int
    /// Mean over the directions and the steps since the last line.
    var loss: Double
    var rate: Float
    /// The largest of the directions, before clipping.
    var gradientNorm: Double
    var seconds: Double
    var wordsPerSecond: Double
}

/// What an evaluation looks like in the log: one line a direction.
struct HeldOutMetrics: Encodable {
    let event = "held-out"
    var step: Int
    var words: Int
    var direction: String
    var loss: Double
    var constantLoss: Double
    var candidates: Int
    var scores: RankingScores

    private enum CodingKeys: CodingKey {
        case event, step, words, direction, loss, constantLoss, candidates
    }

    /// The scores stand beside the other fields, not inside one.
    func encode(to encoder: any Encoder) throws {
        try scores.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(event, forKey: .event)
        try container.encode(step, forKey: .step)
        try container.encode(words, forKey: .words)
        try container.encode(direction, forKey: .direction)
        try container.encode(loss, forKey: .loss)
        try container.encode(constantLoss, forKey: .constantLoss)
        try container.encode(candidates, forKey: .candidates)
    }
}

/// The log of a training run in JSON Lines, one object a line with its keys in alphabetical order.
final class MetricsLog {
    private let output: OutputFile?
    private let encoder = JSONEncoder()

    /// - Parameter output: where to write; `nil` writes nothing.
    init(_ output: OutputFile?) {
        self.output = output
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    }

    func write(_ metrics: some Encodable) throws {
        guard let output else { return }
        try output.write([UInt8](encoder.encode(metrics)) + [UInt8(ascii: "\n")])
        // Line by line, for those who watch it.
        try output.flush()
    }
}
