internal import Glibc
public import Kernels

/// The negative log-likelihood of the target's direction under a von Mises-Fisher distribution whose mean direction and
/// concentration are the direction and the norm of the prediction, regularised (Kumar and Tsvetkov 2019,
/// arXiv:1812.04616):
///
///     loss = -log C_m(|p|) - dotScale p·t + normPenalty |p|,  t the unit target, m its size,
///     -log C_m(k) = log I_v(k) - v log k + (m / 2) log 2 pi,  v = m / 2 - 1
///
/// The paper's first regularisation is the penalty (0.02), its second the scale (0.1); 0 and 1 leave them out. The
/// gradient is (I_{v+1}(k) / I_v(k) + normPenalty) p / k - dotScale t.
///
/// A zero prediction has the loss of the uniform distribution, the logarithm of the sphere's surface, and the gradient
/// -dotScale t: there the normaliser is flat, and of the penalty, which has a kink, 0 is taken. A zero target has no
/// direction, and p·t is 0.
public struct VonMisesFisherLoss: EmbeddingLoss {
    /// lambda_1 and lambda_2 of the paper.
    public let normPenalty, dotScale: Double
    private let bessel: ModifiedBessel
    private let size: Int

    /// - Parameter size: of the vectors, m.
    public init(size: Int, normPenalty: Double = 0.02, dotScale: Double = 0.1) {
        precondition(size > 0)
        self.size = size
        self.normPenalty = normPenalty
        self.dotScale = dotScale
        bessel = ModifiedBessel(order: Double(size) / 2 - 1)
    }

    public func evaluate(
        prediction: Matrix, target: Matrix, weights: UnsafePointer<Float>?, gradient: Matrix?, _ compute: Compute
    ) -> Double {
        precondition(prediction.columns == size && target.columns == size)
        let factors = RowFactors(weights, rows: prediction.rows)
        let constant = Double(size) / 2 * log(2 * Double.pi)
        var loss = 0.0
        for row in 0..<prediction.rows {
            let weight = factors[row]
            guard weight != 0 else {
                gradient?.row(row).update(repeating: 0, count: size)
                continue
            }
            let p = prediction.row(row)
            let t = target.row(row)
            let norm = Vector.norm(p, count: size)
            let targetNorm = Vector.norm(t, count: size)
            let scale = targetNorm == 0 ? 0 : dotScale / targetNorm
            let normaliser = bessel(norm)
            loss += weight
                * (normaliser.scaledLogarithm + constant + normPenalty * norm
                    - scale * Vector.dot(p, t, count: size))
            guard let gradient = gradient?.row(row) else { continue }
            let penalty = norm == 0 ? 0 : normPenalty / norm
            let along = Float(weight * (normaliser.scaledRatio + penalty))
            let towards = Float(weight * scale)
            for index in 0..<size { gradient[index] = along * p[index] - towards * t[index] }
        }
        return loss
    }
}
