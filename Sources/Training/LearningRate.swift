import Glibc

/// The learning rate of each step: linear warm-up, then exponential decay towards half of the peak.
///
/// The authors' schedule (ELMO-C, `train.py`): the peak is for a batch of 128 and grows with the batch; after the warm-up
/// it decays exponentially and reaches half at the last step.
public struct LearningRate: Sendable {
    /// The rate at the end of the warm-up.
    public let peak: Float
    public let warmupSteps: Int
    public let totalSteps: Int

    public init(peak: Float, warmupSteps: Int, totalSteps: Int) {
        self.peak = peak
        self.warmupSteps = warmupSteps
        self.totalSteps = max(totalSteps, 1)
    }

    /// The rate of step `step`, counted from 0.
    public func callAsFunction(_ step: Int) -> Float {
        if step < warmupSteps { return peak * Float(step + 1) / Float(warmupSteps) }
        let progress = Double(step - warmupSteps) / Double(max(1, totalSteps - warmupSteps))
        return peak * Float(exp2(-min(1, progress)))
    }
}
