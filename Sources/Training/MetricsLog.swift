public import Files
import FoundationEssentials
import Model

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
    /// Of the machine's speed at large matrix products.
    var ceilingShare: Double?
    /// Seconds since the last line in which training waited for data.
    var secondsWaited: Double
    /// Peak memory of the process in bytes.
    var memory: Int
}

/// What an evaluation looks like in the log: one line a direction.
struct HeldOutMetrics: Encodable {
    let event = "held-out"
    var step: Int
    var words: Int
    /// Of training, evaluations left out.
    var seconds: Double
    var candidates: Int
    var result: HeldOutResult
    /// Seconds that scoring this direction took.
    var evaluationSeconds: Double

    private enum CodingKeys: CodingKey {
        case event, step, words, seconds, direction, loss, constantLoss, objective, candidates, vocabulary, unknownShare
        case heldOutPositions, evaluationSeconds
    }

    /// The scores stand beside the other fields, not inside one. What a network does not have is left out.
    func encode(to encoder: any Encoder) throws {
        try result.scores.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(event, forKey: .event)
        try container.encode(step, forKey: .step)
        try container.encode(words, forKey: .words)
        try container.encode(seconds, forKey: .seconds)
        try container.encode(result.direction.rawValue, forKey: .direction)
        try container.encode(result.cosine?.loss ?? result.objective, forKey: .loss)
        try container.encodeIfPresent(result.cosine?.constantLoss, forKey: .constantLoss)
        try container.encode(result.objective, forKey: .objective)
        try container.encode(candidates, forKey: .candidates)
        try container.encode(result.positions, forKey: .heldOutPositions)
        try container.encode(evaluationSeconds, forKey: .evaluationSeconds)
        try container.encodeIfPresent(result.vocabulary?.size, forKey: .vocabulary)
        try container.encodeIfPresent(result.vocabulary?.unknownShare, forKey: .unknownShare)
    }
}

/// The log of a training run in JSON Lines, one object a line with its keys in alphabetical order.
public final class MetricsLog {
    private let output: OutputFile?
    private let encoder = JSONEncoder()

    /// - Parameter output: where to write; `nil` writes nothing.
    public init(_ output: OutputFile?) {
        self.output = output
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // JSON has no infinity; a run is not to end for one.
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    }

    /// Opens a log under its own name, where people can watch it grow.
    ///
    /// - Parameter step: of the checkpoint that a run goes on from: earlier lines stay, later ones are forgotten, because
    ///   they will be written again; 0 begins a new log.
    /// Throws `ToolError` (`cannotCreate`, `ioError`; `inUse` if another run writes it; `dataError` if the file that is there is no log).
    public convenience init(path: String, resumingAt step: Int) throws {
        if step > 0 && path != "-" {
            // Nothing is forgotten of a log that another run is writing: its lock comes first.
            let old = try OutputFile(path: path, binary: false, grows: true, appends: true)
            try Self.forget(path, after: step)
            try old.commit()
        }
        self.init(try OutputFile(path: path, binary: false, grows: true, appends: step > 0))
    }

    func write(_ metrics: some Encodable) throws {
        guard let output else { return }
        try output.write([UInt8](encoder.encode(metrics)) + [UInt8(ascii: "\n")])
        // Line by line, for those who watch it.
        try output.flush()
    }

    /// Makes the log final.
    public func commit() throws { try output?.commit() }

    private static func forget(_ path: String, after step: Int) throws {
        struct Line: Decodable { let step: Int }
        guard let file = try? FileSource(path: path) else { return }
        let lines = LineReader(file)
        let kept = try OutputFile(path: path, binary: false)
        var number = 0
        while try lines.next({ bytes in
            number += 1
            let line = try? JSONDecoder().decode(Line.self, from: Data(bytes))
            if line == nil && number == 1 && !bytes.isEmpty { throw ToolError.data(path, "line 1", "is not of a log of train") }
            // What cannot be read is the line at which a run was killed.
            guard let line, line.step <= step else { return }
            try kept.write(UnsafeRawBufferPointer(bytes))
            try kept.write("\n")
        }) {}
        try kept.commit()
    }
}

/// What is known after each step, for a progress line.
public struct TrainingProgress: Sendable {
    public let step: Int
    public let totalSteps: Int
    public let words: Int
    /// Mean over the last steps.
    public let loss: Double
    public let wordsPerSecond: Double
    /// Of the machine's speed at large matrix products; `nil` if that is not known.
    public let ceilingShare: Double?
    /// Of training and evaluations.
    public let secondsLeft: Double
    /// Whether the held-out text is being scored.
    public let isEvaluating: Bool
}

/// One evaluation: the scores of all directions on the held-out text.
public struct Evaluation: Sendable {
    /// Steps made so far, and words trained on.
    public let step, words: Int
    /// Seconds of training so far, evaluations left out.
    public let secondsOfTraining: Double
    /// Words that predictions are ranked among.
    public let candidates: Int
    public let results: [HeldOutResult]
}

/// How a run ended.
public enum TrainingOutcome: Sendable {
    /// All steps are made.
    case finished
    /// The time was up.
    case outOfTime
    /// The held-out loss has not fallen for as long as was asked.
    case noProgress
    /// Somebody asked to stop; the run can be resumed.
    case stopped
}
