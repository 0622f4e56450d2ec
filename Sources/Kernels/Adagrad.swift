internal import Parallel

/// Adagrad (Duchi, Hazan and Singer 2011) as ELMo used it: the sums of squares start at 1, and nothing is added to their square
/// roots.
///
/// With g = scale x gradient:
///
///     s = s + g^2,  w = w - rate * decay * w - rate * g / sqrt(s)
///
/// ```swift
/// let rule: any Optimizer = Adagrad(initialSum: 1)
/// ```
public struct Adagrad: Optimizer {
    /// Initial value of every sum of squares. It must be above 0, or a weight without gradient would be updated by 0 / 0.
    public var initialSum: Float

    /// Creates the rule.
    public init(initialSum: Float = 1) {
        precondition(initialSum > 0)
        self.initialSum = initialSum
    }

    /// Name of the sum kept for each weight.
    public var momentNames: [String] { ["squares"] }
    /// Initial value of the sum, `initialSum`.
    public var initialMoment: Float { initialSum }

    /// Updates a run of weights and clears its gradients.
    public func update(_ run: WeightRun, _ step: OptimizerStep, on backend: any Backend) { backend.update(run, step, self) }
}

extension ProcessorBackend {
    /// Updates a run of weights by Adagrad and clears its gradients.
    public func update(_ run: WeightRun, _ step: OptimizerStep, _ rule: Adagrad) {
        pool.run(AdagradPass(part: run, scale: step.scale, kept: 1 - step.rate * step.weightDecay, rate: step.rate))
    }
}

/// One update of a run of weights.
private struct AdagradPass: WeightPass {
    let part: WeightRun
    let scale, kept, rate: Float

    func update(_ piece: WeightRun.Piece) {
        let (weights, gradients, squares) = (piece.weights, piece.gradients, piece.first)
        for index in 0..<piece.count {
            let gradient = gradients[index] * scale
            let sum = squares[index] + gradient * gradient
            squares[index] = sum
            weights[index] = kept * weights[index] - rate * gradient / sum.squareRoot()
            gradients[index] = 0
        }
    }
}
