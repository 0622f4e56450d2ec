import Kernels

/// Known words in two parts: those that a generator is fitted to, and those that it is stopped by and judged on.
///
/// The same words, share and seed give the same parts, so that generators can be compared.
public struct HeldOutWords: Sendable {
    /// Positions among the known words, ascending.
    public let fitted: [Int]
    public let heldOut: [Int]

    /// At least one of `count` words is held out, at most half.
    public init(count: Int, share: Double, seed: UInt64) {
        var random = Random(seed: seed, stream: "mimick held-out words")
        var order = Array(0..<count)
        random.shuffle(&order)
        let few = max(1, min(count / 2, Int(Double(count) * share)))
        fitted = order[few...].sorted()
        heldOut = order[..<few].sorted()
    }
}
