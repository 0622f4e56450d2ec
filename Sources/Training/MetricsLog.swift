import Files
import FoundationEssentials
import Model

/// A line of the log about the steps since the last such line.
struct TrainingMetrics: Encodable {
    let event = "train"
    let step: Int
    let epoch: Double
    /// Number of positions trained on so far; each counts once, whether one direction learns from it or both.
    let words: Int
    /// Mean over the directions, and over the steps since the last line.
    let loss: Double
    let rate: Float
    /// Largest norm of the directions' gradients before clipping.
    let gradientNorm: Double
    let seconds, wordsPerSecond: Double
    /// Share of the machine's speed at large matrix products.
    let ceilingShare: Double?
    /// Seconds since the last line in which training waited for data.
    let secondsWaited: Double
    /// Peak memory of the process in bytes.
    let memory: Int
    /// With several ranks, their number, the seconds since the last line in which the first one waited for others, and the bytes
    /// that it sent.
    var ranks: Int?
    var secondsWaitedForRanks: Double?
    var bytesSent: Int?
    /// Processor time used by the first rank's communicator since the last line, updated ten times a second.
    var secondsOfCommunicator: Double?
}

/// A line of the log about an evaluation of one direction. Fields that a network does not have are left out, as are ranks if
/// nothing was ranked, and an infinite perplexity.
struct HeldOutMetrics: Encodable {
    let event = "held-out"
    let step, words, candidates: Int
    /// Seconds of training without evaluations, and seconds of scoring this direction.
    let seconds, evaluationSeconds: Double
    let direction: Direction
    let heldOutPositions: Int
    let loss, objective: Double
    let constantLoss: Double?
    let vocabulary: Int?
    let unknownShare: Double?
    let positions: Int
    let coverage: Double
    let perplexity: Double?
    private(set) var candidatePerplexity, cosineTop1, cosineTop10, top1, top10, scale: Double?
    private(set) var unigramTop1, unigramTop10, unigramPerplexity: Double?
    /// Positions at which a continuous output was scored over all words after the last step, and ranks of the words that the table
    /// lacks.
    private(set) var exactPositions, openPositions, openMedianRank: Int?
    private(set) var openTop1, openTop10: Double?

    /// - Parameter seconds: seconds of scoring this direction.
    init(_ result: HeldOutResult, of evaluation: Evaluation, seconds: Double) {
        (step, words, candidates) = (evaluation.step, evaluation.words, evaluation.candidates)
        self.seconds = evaluation.secondsOfTraining
        evaluationSeconds = seconds
        direction = result.direction
        heldOutPositions = result.positions
        (loss, objective) = (result.cosine?.loss ?? result.objective, result.objective)
        constantLoss = result.cosine?.constantLoss
        let scores = result.scores, exact = result.exact
        vocabulary = result.vocabulary?.size ?? exact?.words
        unknownShare = result.vocabulary?.unknownShare ?? exact?.unknownShare
        (positions, coverage) = (scores.positions, scores.coverage)
        let overall = exact == nil ? scores.perplexity : exact?.perplexity ?? 0
        perplexity = overall.isFinite && overall > 0 ? overall : nil
        exactPositions = exact?.positions
        (openPositions, openMedianRank) = (exact?.open?.positions, exact?.open?.medianRank)
        (openTop1, openTop10) = (exact?.open?.top1, exact?.open?.top10)
        guard positions > 0 else { return }
        candidatePerplexity = scores.candidatePerplexity.flatMap { $0.isFinite ? $0 : nil }
        (cosineTop1, cosineTop10, scale) = (scores.cosineTop1, scores.cosineTop10, scores.scale)
        (top1, top10) = (scores.top1, scores.top10)
        (unigramTop1, unigramTop10) = (scores.unigramTop1, scores.unigramTop10)
        unigramPerplexity = scores.unigramPerplexity.isFinite ? scores.unigramPerplexity : nil
    }
}

/// The log of a training run as JSON Lines: one object on each line, with keys in alphabetical order.
public final class MetricsLog {
    private let output: OutputFile
    private let encoder = JSONEncoder()

    /// Opens a log under its final name, so that users can follow it. Throws `ToolError`: `cannotCreate`, `ioError`; `inUse` if
    /// another run writes it; `dataError` if the existing file is not a log.
    ///
    /// - `step`: step of the checkpoint that the run resumes from: earlier lines are kept, later ones removed, because they
    ///   will be written again; 0 starts a new log.
    public init(path: String, resumingAt step: Int) throws {
        if step > 0 && path != "-" {
            // Lock the file first, so that nothing is removed from a log that another run is writing.
            let old = try OutputFile(path: path, binary: false, grows: true, appends: true)
            try Self.forget(path, after: step)
            try old.commit()
        }
        output = try OutputFile(path: path, binary: false, grows: true, appends: step > 0)
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // JSON has no infinity, and a run must not end because of one.
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    }

    func write(_ metrics: some Encodable) throws {
        try output.write([UInt8](encoder.encode(metrics)) + [UInt8(ascii: "\n")])
        // Line by line, for users who follow it.
        try output.flush()
    }

    /// Completes the log. Throws `ToolError`.
    public func commit() throws { try output.commit() }

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
            // An unreadable line is where a run was killed.
            guard let line, line.step <= step else { return }
            try kept.write(UnsafeRawBufferPointer(bytes))
            try kept.write("\n")
        }) {}
        try kept.commit()
    }
}

/// The state of a run after a step, for a progress line.
public struct TrainingProgress: Sendable {
    /// Number of steps made.
    public let step: Int
    /// Number of steps of the whole run.
    public let totalSteps: Int
    /// Number of words trained on.
    public let words: Int
    /// Mean over the last steps.
    public let loss: Double
    /// Words trained on in a second.
    public let wordsPerSecond: Double
    /// Share of the machine's speed at large matrix products; `nil` if unknown.
    public let ceilingShare: Double?
    /// Seconds of training and evaluations left.
    public let secondsLeft: Double
    /// True while the held-out text is being scored.
    public let isEvaluating: Bool
}

/// One evaluation: the scores of all directions on the held-out text.
public struct Evaluation: Sendable {
    /// Number of steps made so far, and of words trained on.
    public let step, words: Int
    /// Seconds of training so far, without evaluations.
    public let secondsOfTraining: Double
    /// Number of words among which predictions are ranked.
    public let candidates: Int
    /// Scores of each direction.
    public let results: [HeldOutResult]
}

/// The reason why a run ended.
public enum TrainingOutcome: Sendable {
    /// All steps have been made.
    case finished
    /// The time was up.
    case outOfTime
    /// The held-out loss has not fallen for the requested number of evaluations.
    case noProgress
    /// A stop was requested; the run can be resumed.
    case stopped
}
