internal import Parallel

/// Adadelta (Zeiler 2012): steps about as large as the previous ones, so that the learning rate hardly needs tuning. Used for the
/// networks of tasks; runs on the processor only.
///
/// With g = scale x gradient:
///
///     s = rho s + (1 - rho) g^2,  d = sqrt(u + epsilon) / sqrt(s + epsilon) * g,  u = rho u + (1 - rho) d^2,
///     w = w - rate * decay * w - rate * d
///
/// ```swift
/// let rule: any Optimizer = Adadelta(rho: 0.95, epsilon: 1e-6)
/// ```
public struct Adadelta: Optimizer {
    /// Decay rate of both running means of squares.
    public var rho: Float
    /// Added to both means before the square root; the first steps are about as large as the square root of epsilon.
    public var epsilon: Float

    /// Creates the rule.
    public init(rho: Float = 0.95, epsilon: Float = 1e-6) {
        precondition(rho >= 0 && rho < 1 && epsilon > 0)
        (self.rho, self.epsilon) = (rho, epsilon)
    }

    /// Names of the two running means kept for each weight.
    public var momentNames: [String] { ["squares", "steps"] }
    /// Initial value of both running means.
    public var initialMoment: Float { 0 }

    /// Updates a run of weights and clears its gradients. The backend must be a `ProcessorBackend`.
    public func update(_ run: WeightRun, _ step: OptimizerStep, on backend: any Backend) {
        guard let backend = backend as? ProcessorBackend else { preconditionFailure("Adadelta is for the processor") }
        precondition(run.secondMoments != nil, "Adadelta keeps two moments")
        backend.pool.run(
            AdadeltaPass(part: run, rule: self, scale: step.scale, kept: 1 - step.rate * step.weightDecay, rate: step.rate))
    }
}

/// One update of a run of weights.
private struct AdadeltaPass: WeightPass {
    let part: WeightRun
    let rule: Adadelta
    let scale, kept, rate: Float

    func update(_ piece: WeightRun.Piece) {
        let (weights, gradients, squares, steps) = (piece.weights, piece.gradients, piece.first, piece.second)
        let rho = rule.rho, fresh = 1 - rule.rho, epsilon = rule.epsilon
        for index in 0..<piece.count {
            let gradient = gradients[index] * scale
            let square = rho * squares[index] + fresh * gradient * gradient
            let step = ((steps[index] + epsilon) / (square + epsilon)).squareRoot() * gradient
            squares[index] = square
            steps[index] = rho * steps[index] + fresh * step * step
            weights[index] = kept * weights[index] - rate * step
            gradients[index] = 0
        }
    }
}
