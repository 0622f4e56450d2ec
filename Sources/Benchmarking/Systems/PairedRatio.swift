internal import Glibc

/// How many times as long one thing takes as another, from rounds in which both were measured: the machine's drift is in both
/// sides of each round's ratio and cancels.
public struct PairedRatio: Sendable, Equatable, Encodable {
    public let ratio: Spread
    /// Bounds of the ratio's true median with at least `confidence`, whatever its distribution: order statistics (the sign
    /// test's interval); `nil` for too few rounds, which are six for 95%.
    public let low, high: Double?
    public let confidence: Double
    public let rounds: Int

    /// - Parameter rounds: the ratio of each round, at least one.
    public init(_ rounds: [Double], confidence: Double = 0.95) {
        ratio = Spread(rounds)
        self.confidence = confidence
        self.rounds = rounds.count
        let sorted = rounds.sorted()
        let place = Self.place(sorted.count, confidence)
        low = place.map { sorted[$0] }
        high = place.map { sorted[sorted.count - 1 - $0] }
    }

    /// Half the interval's width, as a share of the median: how exactly the ratio is known; infinite without an interval.
    public var uncertainty: Double {
        guard let low, let high else { return .infinity }
        return max(high - ratio.median, ratio.median - low) / ratio.median
    }

    /// The place, from either end, of the innermost pair of sorted values that holds the median with `confidence`: as many
    /// values lie below the median as a fair coin falls on one side.
    static func place(_ count: Int, _ confidence: Double) -> Int? {
        var outside = 0.0, place = -1
        while place + 1 < count / 2 {
            // Both tails with one more value on each side.
            let term = exp(lgamma(Double(count + 1)) - lgamma(Double(place + 2)) - lgamma(Double(count - place)))
            outside += 2 * term * exp2(-Double(count))
            guard outside <= 1 - confidence else { break }
            place += 1
        }
        return place < 0 ? nil : place
    }
}
