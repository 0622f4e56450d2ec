import Glibc
public import Kernels
import Layers

/// The settings of training that are not in the model's own configuration. Kept in checkpoints.
public struct TrainingOptions: Codable, Sendable, Equatable {
    /// Parallel streams of text, of all lanes together.
    public var batch = 64
    /// Parts of a batch whose gradients are computed apart and added up in a fixed tree, so that machines may share them; `nil`: one.
    /// They decide the result, where the number of machines does not. A divisor of `batch`.
    public var lanes: Int?
    /// The digest of the model whose weights training begins with; `nil`: with random ones.
    public var initialModel: String?
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
    /// The factor of the mean loss over positions; `nil` for none. Adagrad's first sums and the clip see it.
    public var lossScale: Double?
    public var seed: UInt64 = 1
    /// True if the state goes on from window to window (ELMo), false if it begins at zero in each (the authors' option).
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

    public var laneCount: Int { lanes ?? 1 }
    /// Streams of a lane: what a network sees at once.
    public var laneBatch: Int { batch / laneCount }
    /// The largest window that a network sees in training.
    var capacity: WindowCapacity { WindowCapacity(batch: laneBatch, rows: laneBatch * window) }

    /// Positions of a step.
    public var positionsPerStep: Int { batch * window * accumulation }

    /// Steps of the whole run over a text of so many positions.
    public func totalSteps(positions: Int) -> Int {
        steps ?? max(1, Int((epochs * Double(positions) / Double(positionsPerStep)).rounded(.up)))
    }

    /// The options that set these properties, by the properties' names.
    public static let optionNames = [
        "batch": "--batch", "lanes": "--lanes", "window": "--window", "accumulation": "--accumulate", "epochs": "--epochs", "steps": "--steps",
        "seconds": "--time", "trainingSeconds": "--training-time", "optimizer": "--optimizer", "schedule": "--schedule", "peakRate": "--rate",
        "warmupSteps": "--warmup", "weightDecay": "--weight-decay", "clip": "--clip", "lossScale": "--loss-scale", "seed": "--seed",
        "carriesState": "--reset-state", "evaluations": "--evaluations", "evaluationInterval": "--evaluate-every", "patience": "--patience",
        "candidates": "--candidates", "heldOutTokens": "--held-out-tokens", "initialModel": "--init",
    ]

    /// Returns the names, as on the command line, of the options that a run cannot change on its way and that differ from a
    /// checkpoint's.
    func disagreements(with other: TrainingOptions) -> [String] {
        [
            ("--batch", batch == other.batch), ("--window", window == other.window), ("--lanes", laneCount == other.laneCount),
            ("--accumulate", accumulation == other.accumulation), ("--seed", seed == other.seed),
            ("--optimizer", optimizer == other.optimizer), ("--loss-scale", lossScale == other.lossScale),
            ("--reset-state", carriesState == other.carriesState), ("--init", initialModel == other.initialModel),
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

/// Settings that belong together, as published or as they serve well at a size.
public enum Recipe: String, Sendable, CaseIterable {
    /// For encoders and texts of a workstation: a high rate and a short warm-up.
    case quick
    /// The ELMo-C authors' configuration (Li et al. 2019): Adam, 10,000 steps of warm-up to 1e-4 for a batch of 128,
    /// then exponential decay to half, clip 1, ten epochs. Their batch on a GPU is 768; here 128, as a processor needs
    /// no more to be busy.
    case elmoC = "elmo-c"
    /// ELMo's (Peters et al. 2018, bilm-tf): Adagrad at 0.2 throughout, clip 10, batch 128, ten epochs. Its loss is the
    /// mean over streams, but the sum over the steps of a window; see `lossScale`.
    case elmo

    public var options: TrainingOptions {
        var options = TrainingOptions()
        switch self {
        case .quick: break
        case .elmoC:
            options.batch = 128
            options.epochs = 10
            options.peakRate = 1e-4
            options.warmupSteps = 10_000
        case .elmo:
            options.batch = 128
            options.epochs = 10
            options.optimizer = .adagrad
            options.schedule = .constant
            options.peakRate = 0.2
            options.warmupSteps = 0
            options.clip = 10
        }
        return options
    }

    /// The factor of the mean loss. Adagrad's sums begin at 1: by ELMo's own loss they are outgrown at once, by the mean over
    /// positions they would keep the rate small for thousands of steps.
    public func lossScale(window: Int) -> Double? { self == .elmo ? Double(window) : nil }

    /// The peak for another batch than the recipe's: the authors' grows with it.
    public func peakRate(batch: Int) -> Float {
        self == .elmoC ? options.peakRate * Float(batch) / 128 : options.peakRate
    }
}

/// The course of the rate after the warm-up.
public enum RateSchedule: String, Codable, Sendable, CaseIterable {
    /// Exponential decay that reaches half of the peak at the last step (the ELMo-C authors' `train.py`).
    case exponential
    /// The peak to the end, as ELMo trained.
    case constant
    /// Half a cosine wave from the peak down to nothing (Loshchilov and Hutter 2017).
    case cosine
    /// Peak x sqrt(warm-up / step) (Vaswani et al. 2017).
    case inverseSquareRoot = "inverse-square-root"
}

/// The learning rate of each step: linear warm-up to the peak, then a schedule.
public struct LearningRate: Sendable {
    public let schedule: RateSchedule
    /// The rate at the end of the warm-up.
    public let peak: Float
    public let warmupSteps: Int
    public let totalSteps: Int

    public init(_ schedule: RateSchedule = .exponential, peak: Float, warmupSteps: Int, totalSteps: Int) {
        self.schedule = schedule
        self.peak = peak
        self.warmupSteps = warmupSteps
        self.totalSteps = max(totalSteps, 1)
    }

    /// The rate of step `step`, counted from 0.
    public func callAsFunction(_ step: Int) -> Float {
        if step < warmupSteps { return peak * Float(step + 1) / Float(warmupSteps) }
        let progress = min(1, Double(step - warmupSteps) / Double(max(1, totalSteps - warmupSteps)))
        switch schedule {
        case .exponential: return peak * Float(exp2(-progress))
        case .constant: return peak
        case .cosine: return peak * Float((1 + cos(Double.pi * progress)) / 2)
        case .inverseSquareRoot: return peak * Float((Double(max(1, warmupSteps)) / Double(max(1, step))).squareRoot())
        }
    }
}
