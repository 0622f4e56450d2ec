import Model

/// Everything that a run has to know beside weights, moments and words to go on as if it had never stopped.
struct TrainingState: Codable {
    /// Steps made.
    var step = 0
    /// Positions trained on.
    var words = 0
    /// Seconds of training, evaluations left out.
    var seconds = 0.0
    /// Seconds by the clock on the wall since the run began, without those between a stop and a resume; seconds of
    /// evaluations, and how many there were. `nil` in checkpoints of earlier versions.
    var elapsed: Double?
    var evaluationSeconds: Double?
    var evaluations: Int?
    /// The scores of the last evaluation.
    var heldOut: [TrainingRecord.Scores]?
    /// Pass over the text, and sentences of it taken.
    var epoch = 0, sentences = 0
    /// Sums since the last line of the log.
    var interval = IntervalSums()
    /// Running means over some fifty steps.
    var smoothedLoss: Double?
    var smoothedNorm: Double?
    /// The lowest mean of the directions' held-out objectives so far, and how many evaluations ago it was.
    var bestLoss: Double?
    var evaluationsSinceBest = 0

    /// The facts on which a run must agree with its checkpoint.
    var options: TrainingOptions
    var corpusDigests: [String]
    var corpusSentences: Int

    init(options: TrainingOptions, corpus: Corpus) {
        self.options = options
        corpusDigests = corpus.digests.map { String($0, radix: 16) }
        corpusSentences = corpus.sentences
    }

    /// A number that no run has, for a message, since a file may hold any; `nil` if there is none. Sums of those that a run may
    /// have do not overflow.
    var complaint: String? {
        let counts = [
            ("step", step), ("words", words), ("epoch", epoch), ("sentences", sentences), ("interval.steps", interval.steps),
            ("interval.words", interval.words), ("evaluationsSinceBest", evaluationsSinceBest), ("evaluations", evaluations ?? 0),
            ("corpusSentences", corpusSentences),
        ]
        if let (name, count) = counts.first(where: { !(0...1 << 56).contains($0.1) }) {
            return "\(name) is \(count), and must be from 0 to \(1 << 56)"
        }
        let times = [
            ("seconds", seconds), ("elapsed", elapsed ?? 0), ("evaluationSeconds", evaluationSeconds ?? 0),
            ("interval.seconds", interval.seconds), ("interval.waited", interval.waited),
        ]
        guard let (name, time) = times.first(where: { !($0.1 >= 0 && $0.1 < 1e12) }) else { return nil }
        return "\(name) is \(time), and must be at least 0 and below 1e12"
    }

    /// The record of the run so far, for the model's file.
    /// - Parameter positions: the positions of an epoch.
    func record(positions: Int, warmupSteps: Int) -> TrainingRecord {
        var record = TrainingRecord(
            steps: step, words: words, passes: Double(words) / Double(positions), batch: options.batch,
            window: options.window, accumulation: options.accumulation, optimizer: options.optimizer.rawValue,
            schedule: options.schedule.rawValue, rate: options.peakRate, warmupSteps: warmupSteps, seed: options.seed,
            sentences: corpusSentences, texts: corpusDigests)
        record.heldOut = heldOut ?? []
        record.initialModel = options.initialModel
        return record
    }
}

extension TrainingRecord.Scores {
    /// The record of an evaluation, for the model's file.
    init(_ result: HeldOutResult, step: Int, candidates: Int) {
        let scores = result.scores
        self.init(
            direction: result.direction, step: step, positions: result.positions, ranked: scores.positions,
            candidates: candidates, loss: result.cosine?.loss ?? result.objective)
        constantLoss = result.cosine?.constantLoss
        classPerplexity = result.vocabulary != nil ? scores.perplexity : result.exact?.perplexity
        unknownShare = result.vocabulary?.unknownShare ?? result.exact?.unknownShare
        scale = scores.scale
        guard scores.positions > 0 else { return }
        (top1, top10) = (scores.top1, scores.top10)
        (unigramTop1, unigramTop10) = (scores.unigramTop1, scores.unigramTop10)
        guard let candidatePerplexity = scores.candidatePerplexity else { return }
        (perplexity, unigramPerplexity) = (candidatePerplexity, scores.unigramPerplexity)
    }
}

/// Sums over the steps since the last line of the log.
struct IntervalSums: Codable {
    var steps = 0, words = 0
    var loss = 0.0, largestNorm = 0.0
    var seconds = 0.0, waited = 0.0

    var meanLoss: Double { loss / Double(max(1, steps)) }
    var wordsPerSecond: Double { Double(words) / max(1e-9, seconds) }

    mutating func add(loss: Double, norm: Double, words: Int, seconds: Double, waited: Double) {
        steps += 1
        self.words += words
        self.loss += loss
        largestNorm = max(largestNorm, norm)
        self.seconds += seconds
        self.waited += waited
    }
}
