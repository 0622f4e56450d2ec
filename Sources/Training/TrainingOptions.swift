/// How to train: what is not in the model's own configuration.
public struct TrainingOptions: Sendable {
    /// Parallel streams of text.
    public var batch = 64
    /// Positions of a stream that are trained together (truncated BPTT).
    public var window = 20
    /// Passes over the text; fractions are allowed.
    public var epochs = 1.0
    /// Steps in all, instead of epochs.
    public var steps: Int?
    /// The learning rate at the end of the warm-up.
    public var peakRate: Float = 1e-3
    /// Steps of warm-up, or a tenth of all if that is less.
    public var warmupSteps = 200
    /// Greatest norm of a direction's gradient.
    public var clip: Double? = 1
    public var seed: UInt64 = 1
    /// Whether the state goes on from window to window (ELMo) or begins at zero in each (the authors' option).
    public var carriesState = true
    /// Evaluations on the held-out text during training, the one at the end included.
    public var evaluations = 10
    /// Words among which predictions are ranked.
    public var candidates = 10_000

    public init() {}
}
