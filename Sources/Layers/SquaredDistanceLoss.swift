public import Kernels

/// |prediction - target|^2, summed over the vector: the L2 loss of Kumar and Tsvetkov (2019), and MIMICK's objective
/// (Pinter et al. 2017).
public struct SquaredDistanceLoss: EmbeddingLoss {
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
            loss += weight * Vector.squaredDistance(p, t, count: size)
            guard let gradient = gradient?.row(row) else { continue }
            let factor = Float(2 * weight)
            for index in 0..<size { gradient[index] = factor * (p[index] - t[index]) }
        }
        return loss
    }
}
