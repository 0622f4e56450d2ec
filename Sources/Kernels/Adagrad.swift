internal import Parallel

/// Adagrad (Duchi, Hazan and Singer 2011), as ELMo used it: sums of squares that begin at 1, and nothing added to their
/// roots.
///
/// With g = scale x gradient:
///
///     s = s + g^2,  w = w - rate * decay * w - rate * g / sqrt(s)
public struct Adagrad: Optimizer {
    /// The first value of every sum of squares; above 0, or a weight without gradient would be 0 / 0.
    public var initialSum: Float

    public init(initialSum: Float = 1) {
        precondition(initialSum > 0)
        self.initialSum = initialSum
    }

    public var momentNames: [String] { ["squares"] }
    public var initialMoment: Float { initialSum }

    public func update(_ run: WeightRun, _ step: OptimizerStep, on backend: any Backend) { backend.update(run, step, self) }
}

extension ProcessorBackend {
    public func update(_ run: WeightRun, _ step: OptimizerStep, _ rule: Adagrad) {
        pool.run(AdagradPass(part: run, scale: step.scale, kept: 1 - step.rate * step.weightDecay, rate: step.rate))
    }
}

/// An update under way.
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
