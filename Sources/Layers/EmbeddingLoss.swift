public import Kernels

/// A distance between predicted and target vectors.
///
/// A loss that needs memory plans it when it is made; `evaluate` allocates nothing.
public protocol EmbeddingLoss {
    /// The mean distance over all rows, each counted `weights[row]` times, and its gradient.
    ///
    /// - Parameters:
    ///   - prediction: [n, size]
    ///   - target: [n, size]
    ///   - weights: [n], 0 for positions that have no target; `nil`: all 1.
    ///   - gradient: [n, size], written where one is wanted; may not be `prediction`'s memory.
    /// - Returns: 0 if no position counts; NaN if a prediction that counts is not a number.
    func evaluate(
        prediction: Matrix, target: Matrix, weights: UnsafePointer<Float>?, gradient: Matrix?, _ compute: Compute
    ) -> Double

    /// Memory planned for `evaluate`.
    var activationBytes: Int { get }
}

extension EmbeddingLoss {
    public var activationBytes: Int { 0 }
}

/// What the losses share: the factor of each row in the mean.
struct RowFactors {
    private let weights: UnsafePointer<Float>?
    private let factor: Double

    init(_ weights: UnsafePointer<Float>?, rows: Int) {
        self.weights = weights
        let total = weights.map { Vector.sum($0, count: rows) } ?? Double(rows)
        factor = total > 0 ? 1 / total : 0
    }

    /// The factors themselves, [rows].
    init(exactly factors: UnsafePointer<Float>) {
        weights = factors
        factor = 1
    }

    subscript(row: Int) -> Double { factor * Double(weights?[row] ?? 1) }
}
