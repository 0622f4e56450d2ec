internal import Glibc

/// A distance between a predicted vector p and its target t, computed row by row.
///
/// ```swift
/// let distance = Distance.cosine
/// backend.addDistance(distance, prediction, target, factors: factors, gradient: nil, loss: loss)
/// ```
public enum Distance: Sendable {
    /// 1 - cos(p, t) (Li et al. 2019). A zero vector has cosine 0 and no gradient.
    case cosine
    /// |p - t|^2, summed over the vector: the L2 loss of Kumar and Tsvetkov (2019), and MIMICK's objective (Pinter et al.
    /// 2017).
    case squared
    /// The negative log-likelihood of the target's direction under a von Mises-Fisher distribution whose mean direction and
    /// concentration are the direction and the norm of the prediction, regularised (Kumar and Tsvetkov 2019,
    /// arXiv:1812.04616):
    ///
    ///     loss = -log C_m(|p|) - dotScale p·t + normPenalty |p|,  t the unit target, m its size,
    ///     -log C_m(k) = log I_v(k) - v log k + (m / 2) log 2 pi,  v = m / 2 - 1
    ///
    /// The penalty is the paper's first regularisation (0.02), the scale its second (0.1); the values 0 and 1 disable them. The
    /// gradient is (I_{v+1}(k) / I_v(k) + normPenalty) p / k - dotScale t.
    ///
    /// A zero prediction has the loss of the uniform distribution, the logarithm of the sphere's surface. Its gradient is -dotScale
    /// t: the normaliser is flat there, and the penalty, which has a kink there, counts as 0. A zero target has no direction, and
    /// p·t is then 0.
    case vonMisesFisher(ModifiedBessel, normPenalty: Double, dotScale: Double)

    /// Returns the von Mises-Fisher loss for vectors of `size` components.
    public static func vonMisesFisher(size: Int, normPenalty: Double = 0.02, dotScale: Double = 0.1) -> Distance {
        precondition(size > 0)
        return .vonMisesFisher(
            ModifiedBessel(order: Double(size) / 2 - 1), normPenalty: normPenalty, dotScale: dotScale)
    }
}

extension ProcessorBackend {
    public func scaleToNorm(_ input: Matrix, logScale: Matrix, into output: Matrix) {
        let size = input.columns, factor = exp(Double(logScale.start[0]))
        for row in 0..<input.rows {
            let norm = Vector.norm(input.row(row), count: size)
            Vector.scaled(input.row(row), by: norm == 0 ? 0 : Float(factor / norm), into: output.row(row), count: size)
        }
    }

    /// With y = s x / |x|: dx = s / |x| (dy - (x·dy) x / |x|^2), and d log s = y·dy, summed over rows.
    public func scaleToNormBackward(_ input: Matrix, logScale: Matrix, gradient: Matrix, logScaleGradient: Matrix) {
        let size = input.columns, factor = exp(Double(logScale.start[0]))
        var sum = 0.0
        for row in 0..<input.rows {
            let x = input.row(row), dy = gradient.row(row), norm = Vector.norm(x, count: size)
            guard norm != 0 else {
                dy.update(repeating: 0, count: size)
                continue
            }
            let product = Vector.dot(x, dy, count: size)
            sum += factor / norm * product
            Vector.add(x, times: -Float(product / (norm * norm)), to: dy, count: size)
            Vector.scale(dy, by: Float(factor / norm), count: size)
        }
        logScaleGradient.start[0] += Float(sum)
    }

    public func fillRowFactors(_ factors: Scalars, weights: Matrix?) {
        let count = factors.count
        let total = weights.map { Vector.sum($0.start, count: count) } ?? Double(count)
        let factor = total > 0 ? 1 / total : 0
        for row in 0..<count { factors[row] = factor * Double(weights?.start[row] ?? 1) }
    }

    public func addDistance(
        _ distance: Distance, _ prediction: Matrix, _ target: Matrix, factors: Scalars, gradient: Matrix?, loss: Scalars
    ) {
        precondition(prediction.columns == target.columns && prediction.rows <= factors.count)
        let size = prediction.columns
        var sum = 0.0
        for row in 0..<prediction.rows {
            let gradient = gradient?.row(row), weight = factors[row]
            guard weight != 0 else {
                gradient?.update(repeating: 0, count: size)
                continue
            }
            let pair = Pair(p: prediction.row(row), t: target.row(row), size: size, weight: weight)
            switch distance {
            case .cosine: sum += pair.cosine(gradient)
            case .squared: sum += pair.squared(gradient)
            case .vonMisesFisher(let bessel, let penalty, let scale):
                sum += pair.vonMisesFisher(bessel, penalty, scale, gradient)
            }
        }
        loss[0] += sum
    }
}

/// A prediction, its target, and the factor of the row. Each function returns the loss times the factor and writes the gradient.
private struct Pair {
    let p, t: UnsafeMutablePointer<Float>
    let size: Int
    let weight: Double

    func cosine(_ gradient: UnsafeMutablePointer<Float>?) -> Double {
        let square = Vector.dot(p, p, count: size)
        let norms = (square * Vector.dot(t, t, count: size)).squareRoot()
        // The comparison fails for NaN, which therefore reaches the result.
        guard norms != 0 else {
            gradient?.update(repeating: 0, count: size)
            return weight
        }
        let cosine = Vector.dot(p, t, count: size) / norms
        // d(1 - cos)/dp = cos p / |p|^2 - t / (|p| |t|)
        write(gradient, along: Float(weight * cosine / square), towards: Float(weight / norms))
        return weight * (1 - cosine)
    }

    func squared(_ gradient: UnsafeMutablePointer<Float>?) -> Double {
        let factor = Float(2 * weight)
        if let gradient { for index in 0..<size { gradient[index] = factor * (p[index] - t[index]) } }
        return weight * Vector.squaredDistance(p, t, count: size)
    }

    func vonMisesFisher(
        _ bessel: ModifiedBessel, _ normPenalty: Double, _ dotScale: Double, _ gradient: UnsafeMutablePointer<Float>?
    ) -> Double {
        let constant = Double(size) / 2 * log(2 * Double.pi)
        let norm = Vector.norm(p, count: size), targetNorm = Vector.norm(t, count: size)
        let scale = targetNorm == 0 ? 0 : dotScale / targetNorm
        let normaliser = bessel(norm)
        let penalty = norm == 0 ? 0 : normPenalty / norm
        let loss = normaliser.scaledLogarithm + constant + normPenalty * norm - scale * Vector.dot(p, t, count: size)
        write(gradient, along: Float(weight * (normaliser.scaledRatio + penalty)), towards: Float(weight * scale))
        return weight * loss
    }

    /// gradient = along p - towards t
    private func write(_ gradient: UnsafeMutablePointer<Float>?, along: Float, towards: Float) {
        guard let gradient else { return }
        for index in 0..<size { gradient[index] = along * p[index] - towards * t[index] }
    }
}
