import Files
import FoundationEssentials
import Model

/// A line of the log about the steps since the last such line.
struct TrainingMetrics: Encodable {
    let event = "train"
    let step: Int
    let epoch: Double
    /// Positions trained on so far; each counts once, whether one direction learns from it or both.
    let words: Int
    /// The mean over the directions and the steps since the last line.
    let loss: Double
    let rate: Float
    /// The largest norm of the directions, before clipping.
    let gradientNorm: Double
    let seconds, wordsPerSecond: Double
    /// The share of the machine's speed at large matrix products.
    let ceilingShare: Double?
    /// Seconds since the last line in which training waited for data.
    let secondsWaited: Double
    /// Peak memory of the process in bytes.
    let memory: Int
    /// Of several ranks their number, seconds since the last line in which the first one waited for others, and bytes that it sent.
    var ranks: Int?
    var secondsWaitedForRanks: Double?
    var bytesSent: Int?
    /// The processor's time that the first rank's communicator took since the last line, known ten times a second.
    var secondsOfCommunicator: Double?
}

/// A line of the log about an evaluation of one direction. What a network does not have is left out, as are ranks where nothing
/// was ranked, and a perplexity beyond all numbers.
struct HeldOutMetrics: Encodable {
    let event = "held-out"
    let step, words, candidates: Int
    /// Seconds of training, evaluations left out, and those that scoring this direction took.
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
    /// The positions at which a continuous output was scored over all words after the last step, and the ranks of the words that
    /// the table lacks.
    private(set) var exactPositions, openPositions, openMedianRank: Int?
    private(set) var openTop1, openTop10: Double?

    /// - Parameter seconds: the seconds that scoring this direction took.
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

/// The log of a training run in JSON Lines, one object a line with its keys in alphabetical order.
public final class MetricsLog {
    private let output: OutputFile
    private let encoder = JSONEncoder()

    /// Opens a log under its own name, where people can watch it grow.
    ///
    /// - Parameter step: the step of the checkpoint that a run goes on from: earlier lines stay, later ones are forgotten,
    ///   because they will be written again; 0 begins a new log.
    /// Throws `ToolError` (`cannotCreate`, `ioError`; `inUse` if another run writes it; `dataError` if the file that is there is no log).
    public init(path: String, resumingAt step: Int) throws {
        if step > 0 && path != "-" {
            // Nothing is forgotten of a log that another run is writing: its lock comes first.
            let old = try OutputFile(path: path, binary: false, grows: true, appends: true)
            try Self.forget(path, after: step)
            try old.commit()
        }
        output = try OutputFile(path: path, binary: false, grows: true, appends: step > 0)
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // JSON has no infinity; a run is not to end for one.
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    }

    func write(_ metrics: some Encodable) throws {
        try output.write([UInt8](encoder.encode(metrics)) + [UInt8(ascii: "\n")])
        // Line by line, for those who watch it.
        try output.flush()
    }

    /// Makes the log final.
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
            // What cannot be read is the line at which a run was killed.
            guard let line, line.step <= step else { return }
            try kept.write(UnsafeRawBufferPointer(bytes))
            try kept.write("\n")
        }) {}
        try kept.commit()
    }
}

/// The state of a run after a step, for a progress line.
public struct TrainingProgress: Sendable {
    public let step: Int
    public let totalSteps: Int
    public let words: Int
    /// The mean over the last steps.
    public let loss: Double
    public let wordsPerSecond: Double
    /// The share of the machine's speed at large matrix products; `nil` if that is not known.
    public let ceilingShare: Double?
    /// Seconds of training and evaluations to come.
    public let secondsLeft: Double
    /// True while the held-out text is being scored.
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

/// The reason why a run ended.
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
