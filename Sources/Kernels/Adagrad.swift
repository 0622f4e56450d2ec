internal import Parallel

/// Adagrad (Duchi, Hazan and Singer 2011), as ELMo used it: sums of squares that begin at 1, and nothing added to their
/// roots.
///
/// With g = scale x gradient:
///
///     s = s + g^2,  w = w - rate * decay * w - rate * g / sqrt(s)
public struct Adagrad: Optimizer {
    /// What every sum of squares begins with; above 0, or a weight without gradient would be 0 / 0.
    public var initialSum: Float

    public init(initialSum: Float = 1) {
        precondition(initialSum > 0)
        self.initialSum = initialSum
    }

    public var momentNames: [String] { ["squares"] }
    public var initialMoment: Float { initialSum }

    public func update(_ run: WeightRun, _ step: OptimizerStep, compute: Compute) {
        var pass = Pass(
            weights: run.weights, gradients: run.gradients, squares: run.firstMoments, count: run.count,
            scale: step.scale, kept: 1 - step.rate * step.weightDecay, rate: step.rate)
        compute.pool.forEach(Reduction.blockCount(run.count), context: &pass) { context, block in
            context.assumingMemoryBound(to: Pass.self).pointee.run(block)
        }
    }

    private struct Pass {
        let weights, gradients, squares: UnsafeMutablePointer<Float>
        let count: Int
        let scale, kept, rate: Float

        func run(_ block: Int) {
            let start = block * Reduction.blockSize(count)
            let end = min(start + Reduction.blockSize(count), count)
            for index in start..<end {
                let gradient = gradients[index] * scale
                let sum = squares[index] + gradient * gradient
                squares[index] = sum
                weights[index] = kept * weights[index] - rate * gradient / sum.squareRoot()
                gradients[index] = 0
            }
        }
    }
}
