public import Kernels

/// Inverted dropout: each element becomes zero with probability `rate`, the others are divided by 1 - `rate`, so that
/// nothing changes at inference.
public struct Dropout: Sendable {
    public let rate: Float
    /// A number for this place in the network: different places drop different units.
    public let site: Int

    public init(rate: Float, site: Int) {
        self.rate = rate
        self.site = site
    }

    /// Writes the factors of this pass into `mask` [rows, columns]; returns whether there are any to apply.
    public func prepare(_ mask: Matrix, _ mode: PassMode) -> Bool {
        guard case .training(let seed, let step) = mode, rate > 0 else { return false }
        precondition(mask.stride == mask.columns)
        DropoutMask(rate: rate, seed: seed, site: site, step: step)
            .fill(mask.start, first: 0, count: mask.rows * mask.columns)
        return true
    }

    /// `values *= mask`: the forward pass on values, the backward pass on gradients.
    public static func apply(_ mask: Matrix, to values: Matrix) {
        for row in 0..<values.rows { Vector.multiply(values.row(row), by: mask.row(row), count: values.columns) }
    }
}
