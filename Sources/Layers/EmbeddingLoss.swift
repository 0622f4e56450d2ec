public import Kernels

/// A distance between predicted and target vectors.
public protocol EmbeddingLoss: Sendable {
    /// The mean distance over all rows, each counted `weights[row]` times, and its gradient.
    ///
    /// - Parameters:
    ///   - prediction: [n, size]
    ///   - target: [n, size]
    ///   - weights: [n], 0 for positions that have no target; `nil`: all 1.
    ///   - gradient: [n, size], written where one is wanted; may not be `prediction`'s memory.
    /// - Returns: 0 if no position counts.
    func evaluate(
        prediction: Matrix, target: Matrix, weights: UnsafePointer<Float>?, gradient: Matrix?
    ) -> Double
}

/// What the losses share: the factor of each row in the mean.
private func factor(_ weights: UnsafePointer<Float>?, rows: Int) -> Double {
    let total = weights.map { Vector.sum($0, count: rows) } ?? Double(rows)
    return total > 0 ? 1 / total : 0
}

/// 1 - cos(prediction, target) (Li et al. 2019). A zero vector has cosine 0 and no gradient.
public struct CosineLoss: EmbeddingLoss {
    public init() {}

    public func evaluate(
        prediction: Matrix, target: Matrix, weights: UnsafePointer<Float>?, gradient: Matrix?
    ) -> Double {
        let size = prediction.columns
        let factor = factor(weights, rows: prediction.rows)
        var loss = 0.0
        for row in 0..<prediction.rows {
            let weight = factor * Double(weights?[row] ?? 1)
            guard weight != 0 else {
                gradient?.row(row).update(repeating: 0, count: size)
                continue
            }
            let p = prediction.row(row)
            let t = target.row(row)
            let square = Vector.dot(p, p, count: size)
            let norms = (square * Vector.dot(t, t, count: size)).squareRoot()
            // NaN takes the other way, so that it is noticed.
            guard norms != 0 else {
                loss += weight
                gradient?.row(row).update(repeating: 0, count: size)
                continue
            }
            let cosine = Vector.dot(p, t, count: size) / norms
            loss += weight * (1 - cosine)
            // d(1 - cos)/dp = cos p / |p|^2 - t / (|p| |t|)
            guard let gradient = gradient?.row(row) else { continue }
            let along = Float(weight * cosine / square)
            let towards = Float(weight / norms)
            for index in 0..<size { gradient[index] = along * p[index] - towards * t[index] }
        }
        return loss
    }
}

/// |prediction - target|^2, summed over the vector: MIMICK's objective (Pinter et al. 2017).
public struct SquaredDistanceLoss: EmbeddingLoss {
    public init() {}

    public func evaluate(
        prediction: Matrix, target: Matrix, weights: UnsafePointer<Float>?, gradient: Matrix?
    ) -> Double {
        let factor = factor(weights, rows: prediction.rows)
        var loss = 0.0
        for row in 0..<prediction.rows {
            let weight = factor * Double(weights?[row] ?? 1)
            let p = prediction.row(row)
            let t = target.row(row)
            var distance = 0.0
            for index in 0..<prediction.columns {
                let difference = p[index] - t[index]
                distance += Double(difference) * Double(difference)
                gradient?.row(row)[index] = Float(2 * weight) * difference
            }
            loss += weight * distance
        }
        return loss
    }
}
