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
