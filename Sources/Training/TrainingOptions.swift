import Glibc
public import Kernels
import Layers

/// The settings of training that are not part of the model's configuration. Stored in checkpoints.
public struct TrainingOptions: Codable, Sendable, Equatable {
    /// Number of parallel streams of text, in all lanes together.
    public var batch = 64
    /// Number of parts of a batch whose gradients are computed separately and summed in a fixed tree, so that machines can share
    /// them; `nil` means 1. The number of lanes affects the result, that of machines does not. It must divide `batch`.
    public var lanes: Int?
    /// Digest of the model whose weights training begins with; `nil` if it begins with random ones.
    public var initialModel: String?
    /// Number of positions of a stream that are trained together (truncated BPTT).
    public var window = 20
    /// Number of windows whose gradients are summed for one step.
    public var accumulation = 1
    /// Number of passes over the text, possibly fractional.
    public var epochs = 1.0
    /// Number of steps, instead of epochs.
    public var steps: Int?
    /// Maximum seconds of the run, including evaluations and checkpoints, whatever the epochs; the schedule of the learning rate
    /// does not take it into account.
    public var seconds: Double?
    /// Maximum seconds of training alone, for comparing systems whose evaluations differ in cost.
    public var trainingSeconds: Double?
    /// The rule that updates the weights.
    public var optimizer = OptimizerKind.adam
    /// Course of the learning rate after the warm-up.
    public var schedule = RateSchedule.exponential
    /// Learning rate at the end of the warm-up.
    public var peakRate: Float = 1e-3
    /// Number of warm-up steps, but at most a tenth of all steps.
    public var warmupSteps = 200
    /// Weight decay of matrices in each step, as a factor of the learning rate.
    public var weightDecay: Float = 0
    /// Maximum norm of a direction's gradient; `nil` means no clipping.
    public var clip: Double? = 1
    /// Factor of the mean loss over positions; `nil` means none. It affects the start of Adagrad's sums and clipping.
    public var lossScale: Double?
    /// Seed of all random numbers.
    public var seed: UInt64 = 1
    /// True if the state carries over from window to window (ELMo), false if every window starts from zero (an option of the ELMo-C
    /// authors).
    public var carriesState = true
    /// Number of evaluations on the held-out text during training, including the one at the end; `nil` lets `EvaluationPlan`
    /// choose.
    public var evaluations: Int?
    /// Number of steps between evaluations, instead of `evaluations`.
    public var evaluationInterval: Int?
    /// Number of evaluations without a lower held-out loss after which training stops; `nil` means never.
    public var patience: Int?
    /// Number of words among which predictions are ranked.
    public var candidates = 10_000
    /// Number of words of held-out text to score, if it was requested; `nil` lets `EvaluationPlan` choose.
    public var heldOutTokens: Int?

    /// Creates the default options.
    public init() {}

    /// Number of lanes.
    public var laneCount: Int { lanes ?? 1 }
    /// Number of streams of a lane, which a network processes at once.
    public var laneBatch: Int { batch / laneCount }
    /// The largest window that a network processes in training.
    var capacity: WindowCapacity { WindowCapacity(batch: laneBatch, rows: laneBatch * window) }

    /// Number of positions in a step.
    public var positionsPerStep: Int { batch * window * accumulation }

    /// Returns the number of steps of the whole run over a text of this many positions.
    public func totalSteps(positions: Int) -> Int {
        steps ?? max(1, Int((epochs * Double(positions) / Double(positionsPerStep)).rounded(.up)))
    }

    /// Names of the command-line options that set these properties, by property.
    public static let optionNames = [
        "batch": "--batch", "lanes": "--lanes", "window": "--window", "accumulation": "--accumulate", "epochs": "--epochs", "steps": "--steps",
        "seconds": "--time", "trainingSeconds": "--training-time", "optimizer": "--optimizer", "schedule": "--schedule", "peakRate": "--rate",
        "warmupSteps": "--warmup", "weightDecay": "--weight-decay", "clip": "--clip", "lossScale": "--loss-scale", "seed": "--seed",
        "carriesState": "--reset-state", "evaluations": "--evaluations", "evaluationInterval": "--evaluate-every", "patience": "--patience",
        "candidates": "--candidates", "heldOutTokens": "--held-out-tokens", "initialModel": "--init",
    ]

    /// Returns the command-line names of options that must not change during a run and that differ from a checkpoint's.
    func disagreements(with other: TrainingOptions) -> [String] {
        [
            ("--batch", batch == other.batch), ("--window", window == other.window), ("--lanes", laneCount == other.laneCount),
            ("--accumulate", accumulation == other.accumulation), ("--seed", seed == other.seed),
            ("--optimizer", optimizer == other.optimizer), ("--loss-scale", lossScale == other.lossScale),
            ("--reset-state", carriesState == other.carriesState), ("--init", initialModel == other.initialModel),
        ].filter { !$0.1 }.map(\.0)
    }
}

/// The available optimisers. To add one, write a file in Kernels and a line in each switch here.
public enum OptimizerKind: String, Codable, Sendable, CaseIterable {
    /// Adam, and Adagrad.
    case adam, adagrad

    /// The rule with its default constants.
    public var optimizer: any Optimizer {
        switch self {
        case .adam: Adam()
        case .adagrad: Adagrad()
        }
    }
}

/// Settings that belong together, as published or as found to work well at a size.
public enum Recipe: String, Sendable, CaseIterable {
    /// For encoders and texts of a workstation: a high learning rate and a short warm-up.
    case quick
    /// The configuration of the ELMo-C authors (Li et al. 2019): Adam, 10,000 steps of warm-up to 1e-4 for a batch of 128, then
    /// exponential decay to half, clipping at 1, ten epochs. Their batch on a GPU is 768; here it is 128, which suffices to keep a
    /// processor busy.
    case elmoC = "elmo-c"
    /// ELMo's (Peters et al. 2018, bilm-tf): Adagrad at a constant 0.2, clipping at 10, batch 128, ten epochs. Its loss is the mean
    /// over streams but the sum over the steps of a window; see `lossScale`.
    case elmo

    /// The settings as options.
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

    /// Returns the factor of the mean loss. Adagrad's sums start at 1: with ELMo's own loss, gradients outgrow them at once; with
    /// the mean over positions, they would keep the learning rate small for thousands of steps.
    public func lossScale(window: Int) -> Double? { self == .elmo ? Double(window) : nil }

    /// Returns the peak learning rate for another batch than the recipe's; that of the ELMo-C authors grows with the batch.
    public func peakRate(batch: Int) -> Float {
        self == .elmoC ? options.peakRate * Float(batch) / 128 : options.peakRate
    }
}

/// Course of the learning rate after the warm-up.
public enum RateSchedule: String, Codable, Sendable, CaseIterable {
    /// Exponential decay to half of the peak at the last step (the ELMo-C authors' `train.py`).
    case exponential
    /// The peak until the end, as for ELMo.
    case constant
    /// Half a cosine wave from the peak down to zero (Loshchilov and Hutter 2017).
    case cosine
    /// Peak x sqrt(warm-up / step) (Vaswani et al. 2017).
    case inverseSquareRoot = "inverse-square-root"
}

/// The learning rate of each step: linear warm-up to the peak, then a schedule.
public struct LearningRate: Sendable {
    /// Course after the warm-up.
    public let schedule: RateSchedule
    /// Learning rate at the end of the warm-up.
    public let peak: Float
    /// Number of warm-up steps.
    public let warmupSteps: Int
    /// Number of steps of the whole run.
    public let totalSteps: Int

    /// Creates a learning rate.
    public init(_ schedule: RateSchedule = .exponential, peak: Float, warmupSteps: Int, totalSteps: Int) {
        self.schedule = schedule
        self.peak = peak
        self.warmupSteps = warmupSteps
        self.totalSteps = max(totalSteps, 1)
    }

    /// Returns the learning rate of step `step`, counted from 0.
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
