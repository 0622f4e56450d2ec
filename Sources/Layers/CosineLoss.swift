public import Kernels

/// 1 - cos(prediction, target) (Li et al. 2019). A zero vector has cosine 0 and no gradient.
public struct CosineLoss: EmbeddingLoss {
    public init() {}

    public func evaluate(
        prediction: Matrix, target: Matrix, weights: UnsafePointer<Float>?, gradient: Matrix?, _ compute: Compute
    ) -> Double {
        let size = prediction.columns
        let factors = RowFactors(weights, rows: prediction.rows)
        var loss = 0.0
        for row in 0..<prediction.rows {
            let weight = factors[row]
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
