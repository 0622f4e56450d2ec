/// Everything that a run has to know beside weights, moments and words to go on as if it had never stopped.
struct TrainingState: Codable {
    /// Steps made.
    var step = 0
    /// Positions trained on.
    var words = 0
    /// Seconds of training, evaluations left out.
    var seconds = 0.0
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

    /// What the run must agree on with its checkpoint.
    var options: TrainingOptions
    var corpusDigests: [String]
    var corpusSentences: Int

    init(options: TrainingOptions, corpus: Corpus) {
        self.options = options
        corpusDigests = corpus.digests.map { String($0, radix: 16) }
        corpusSentences = corpus.sentences
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
