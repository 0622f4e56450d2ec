internal import Glibc
internal import Parallel

/// Adam (Kingma and Ba 2015), all of it in one pass over memory: clipping, moments, update, and the gradient set to
/// zero for the next step.
public struct Adam: Sendable {
    public var beta1: Double
    public var beta2: Double
    /// Added to the root of the second moment.
    public var epsilon: Double

    public init(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-6) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
    }

    /// One update of `count` weights.
    ///
    ///     m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2,
    ///     w = w - rate * (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + epsilon)
    ///
    /// with g = `scale` x gradient, the scale being what clipping asks for.
    /// - Parameter step: 1 for the first update.
    public func update(
        weights: UnsafeMutablePointer<Float>, gradients: UnsafeMutablePointer<Float>,
        firstMoments: UnsafeMutablePointer<Float>, secondMoments: UnsafeMutablePointer<Float>, count: Int,
        step: Int, rate: Float, scale: Float = 1, compute: Compute
    ) {
        let correction1 = 1 - pow(beta1, Double(step))
        let correction2 = 1 - pow(beta2, Double(step))
        var pass = Pass(
            weights: weights, gradients: gradients, first: firstMoments, second: secondMoments, count: count,
            beta1: Float(beta1), fresh1: Float(1 - beta1), beta2: Float(beta2), fresh2: Float(1 - beta2),
            epsilon: Float(epsilon), scale: scale,
            rate: Float(Double(rate) / correction1), secondFactor: Float(1 / correction2))
        compute.pool.forEach(Reduction.blockCount(count), context: &pass) { context, block in
            context.assumingMemoryBound(to: Pass.self).pointee.run(block)
        }
    }

    private struct Pass {
        let weights, gradients, first, second: UnsafeMutablePointer<Float>
        let count: Int
        let beta1, fresh1, beta2, fresh2, epsilon, scale, rate, secondFactor: Float

        func run(_ block: Int) {
            let start = block * Reduction.blockSize(count)
            let end = min(start + Reduction.blockSize(count), count)
            for index in start..<end {
                let gradient = gradients[index] * scale
                let moment = beta1 * first[index] + fresh1 * gradient
                let square = beta2 * second[index] + fresh2 * gradient * gradient
                first[index] = moment
                second[index] = square
                weights[index] -= rate * moment / ((square * secondFactor).squareRoot() + epsilon)
                gradients[index] = 0
            }
        }
    }
}
