public import Kernels

/// How to train: what is not in the model's own configuration. Kept in checkpoints.
public struct TrainingOptions: Codable, Sendable, Equatable {
    /// Parallel streams of text.
    public var batch = 64
    /// Positions of a stream that are trained together (truncated BPTT).
    public var window = 20
    /// Windows whose gradients are added up for one step.
    public var accumulation = 1
    /// Passes over the text; fractions are allowed.
    public var epochs = 1.0
    /// Steps in all, instead of epochs.
    public var steps: Int?
    /// Seconds that the run takes at most, evaluations and checkpoints included, whatever the epochs; the rate's schedule does
    /// not know of it.
    public var seconds: Double?
    /// Seconds of training alone at most: for comparing systems whose evaluations differ in cost.
    public var trainingSeconds: Double?
    public var optimizer = OptimizerKind.adam
    public var schedule = RateSchedule.exponential
    /// The learning rate at the end of the warm-up.
    public var peakRate: Float = 1e-3
    /// Steps of warm-up, or a tenth of all if that is less.
    public var warmupSteps = 200
    /// Decay of the matrices at each step, times the rate.
    public var weightDecay: Float = 0
    /// Greatest norm of a direction's gradient.
    public var clip: Double? = 1
    /// What the mean loss over positions is multiplied by, `nil`: nothing. Adagrad's first sums and the clip see it.
    public var lossScale: Double?
    public var seed: UInt64 = 1
    /// Whether the state goes on from window to window (ELMo) or begins at zero in each (the authors' option).
    public var carriesState = true
    /// Evaluations on the held-out text during training, the one at the end included; `nil`: as `EvaluationPlan` chooses.
    public var evaluations: Int?
    /// Steps from one evaluation to the next, instead.
    public var evaluationInterval: Int?
    /// Evaluations without a lower held-out loss after which training stops; `nil`: none.
    public var patience: Int?
    /// Words among which predictions are ranked.
    public var candidates = 10_000
    /// Words of held-out text to score, where a number was asked for; `nil`: as `EvaluationPlan` chooses.
    public var heldOutTokens: Int?

    public init() {}

    /// Positions of a step.
    public var positionsPerStep: Int { batch * window * accumulation }

    /// Steps of the whole run over a text of so many positions.
    public func totalSteps(positions: Int) -> Int {
        steps ?? max(1, Int((epochs * Double(positions) / Double(positionsPerStep)).rounded(.up)))
    }

    /// What a checkpoint's options and these disagree on, of those that a run cannot change on its way: names of the
    /// command line.
    func disagreements(with other: TrainingOptions) -> [String] {
        [
            ("--batch", batch == other.batch), ("--window", window == other.window),
            ("--accumulate", accumulation == other.accumulation), ("--seed", seed == other.seed),
            ("--optimizer", optimizer == other.optimizer), ("--loss-scale", lossScale == other.lossScale),
            ("--reset-state", carriesState == other.carriesState),
        ].filter { !$0.1 }.map(\.0)
    }
}

/// The optimisers there are. A new one is a file in Kernels, a line in each switch here.
public enum OptimizerKind: String, Codable, Sendable, CaseIterable {
    case adam, adagrad

    public var optimizer: any Optimizer {
        switch self {
        case .adam: Adam()
        case .adagrad: Adagrad()
        }
    }
}
