import Glibc

/// How the rate goes on after the warm-up.
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
