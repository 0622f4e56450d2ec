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

    /// What the mean loss is multiplied by. Adagrad's sums begin at 1: by ELMo's own loss they are outgrown at once, by the
    /// mean over positions they would keep the rate small for thousands of steps.
    public func lossScale(window: Int) -> Double? { self == .elmo ? Double(window) : nil }

    /// The peak for another batch than the recipe's: the authors' grows with it.
    public func peakRate(batch: Int) -> Float {
        self == .elmoC ? options.peakRate * Float(batch) / 128 : options.peakRate
    }
}
