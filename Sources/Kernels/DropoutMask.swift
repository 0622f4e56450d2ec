/// The random decisions of dropout, computed from where they are used instead of drawn one after the other.
///
/// Whether an element is kept depends on the seed, the layer, the training step and the element's position, and on
/// nothing else: not on the number of threads, nor on what was computed before, so a resumed run drops the same units.
public struct DropoutMask: Sendable {
    /// Probability that an element becomes zero, in 0 ..< 1.
    public let rate: Float
    private let key: UInt64
    private let threshold: UInt32

    /// - Parameters:
    ///   - site: a number for the layer, unique in the network.
    ///   - step: the training step.
    public init(rate: Float, seed: UInt64, site: Int, step: Int) {
        precondition(rate >= 0 && rate < 1)
        self.rate = rate
        threshold = UInt32(Double(rate) * 0x1p32)
        key = SplitMix64.mix(
            SplitMix64.mix(SplitMix64.mix(seed) ^ UInt64(bitPattern: Int64(site))) ^ UInt64(bitPattern: Int64(step)))
    }

    /// Writes `count` factors: 0 with probability `rate`, otherwise 1 / (1 - rate).
    /// - Parameter first: the position of the first of them; even.
    public func fill(_ target: UnsafeMutablePointer<Float>, first: Int, count: Int) {
        assert(first % 2 == 0)
        let kept = 1 / (1 - rate)
        var index = 0
        while index < count {
            let bits = SplitMix64.mix(key &+ UInt64(first + index) &* 0xD134_2543_DE82_EF95)
            target[index] = UInt32(truncatingIfNeeded: bits) < threshold ? 0 : kept
            if index + 1 < count { target[index + 1] = UInt32(bits >> 32) < threshold ? 0 : kept }
            index += 2
        }
    }
}
