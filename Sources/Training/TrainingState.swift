import Model

/// Everything that a run needs besides weights, moments and words in order to continue as if it had never stopped.
struct TrainingState: Codable {
    /// Number of steps made.
    var step = 0
    /// Number of positions trained on.
    var words = 0
    /// Seconds of training, without evaluations.
    var seconds = 0.0
    /// Seconds of wall-clock time since the run started, without those between a stop and a resume; seconds and number of
    /// evaluations. `nil` in checkpoints of earlier versions.
    var elapsed: Double?
    var evaluationSeconds: Double?
    var evaluations: Int?
    /// Scores of the last evaluation.
    var heldOut: [TrainingRecord.Scores]?
    /// Number of the pass over the text, and of sentences of it taken.
    var epoch = 0, sentences = 0
    /// Sums since the last line of the log.
    var interval = IntervalSums()
    /// Running means over about fifty steps.
    var smoothedLoss: Double?
    var smoothedNorm: Double?
    /// Lowest mean of the directions' held-out objectives so far, and number of evaluations since then.
    var bestLoss: Double?
    var evaluationsSinceBest = 0

    /// The facts in which a run must agree with its checkpoint.
    var options: TrainingOptions
    var corpusDigests: [String]
    var corpusSentences: Int

    init(options: TrainingOptions, corpus: Corpus) {
        self.options = options
        corpusDigests = corpus.digests.map { String($0, radix: 16) }
        corpusSentences = corpus.sentences
    }

    /// A number that no run can have, for a message, because a file may contain any; `nil` if there is none. Sums of valid numbers
    /// do not overflow.
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

    /// Returns the record of the run so far, for the model's file.
    /// - Parameter positions: number of positions in an epoch.
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
    /// Returns the record of an evaluation, for the model's file.
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
