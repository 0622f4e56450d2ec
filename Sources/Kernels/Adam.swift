internal import CKernels
internal import Glibc
internal import Parallel

/// Adam (Kingma and Ba 2015), with decoupled weight decay if `OptimizerStep.weightDecay` is not 0 (AdamW, Loshchilov and Hutter
/// 2019).
///
/// With g = scale x gradient:
///
///     m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2,
///     w = w - rate * decay * w - rate * (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + epsilon)
///
/// ```swift
/// let rule: any Optimizer = Adam(beta1: 0.9, beta2: 0.98)
/// ```
public struct Adam: Optimizer {
    /// Decay rate of the first moment.
    public var beta1: Double
    /// Decay rate of the second moment.
    public var beta2: Double
    /// Added to the square root of the second moment.
    public var epsilon: Double

    /// Creates the rule.
    public init(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-6) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
    }

    /// Names of the two moments kept for each weight.
    public var momentNames: [String] { ["first", "second"] }
    /// Initial value of both moments.
    public var initialMoment: Float { 0 }

    /// Updates a run of weights and clears its gradients.
    public func update(_ run: WeightRun, _ step: OptimizerStep, on backend: any Backend) { backend.update(run, step, self) }
}

extension ProcessorBackend {
    /// Updates a run of weights by Adam and clears its gradients.
    public func update(_ run: WeightRun, _ step: OptimizerStep, _ rule: Adam) {
        precondition(run.secondMoments != nil, "Adam keeps two moments")
        let correction1 = 1 - pow(rule.beta1, Double(step.number))
        let correction2 = 1 - pow(rule.beta2, Double(step.number))
        let numbers = ContourAdam(
            beta1: Float(rule.beta1), fresh1: Float(1 - rule.beta1), beta2: Float(rule.beta2), fresh2: Float(1 - rule.beta2),
            epsilon: Float(rule.epsilon), scale: step.scale, second_factor: Float(1 / correction2),
            kept: 1 - step.rate * step.weightDecay, rate: Float(Double(step.rate) / correction1))
        pool.run(AdamPass(part: run, rule: numbers, kernel: kernels.adam))
    }
}

/// One update of a run of weights.
private struct AdamPass: WeightPass {
    let part: WeightRun
    let rule: ContourAdam
    let kernel: ContourUpdate

    func update(_ piece: WeightRun.Piece) {
        withUnsafePointer(to: rule) { kernel($0, piece.weights, piece.gradients, piece.first, piece.second, piece.count) }
    }
}
