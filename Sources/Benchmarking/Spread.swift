internal import Glibc

/// The range and the median of several measurements. The median is used because disturbances (another process, a lower clock) only
/// ever slow a measurement, and slow some rounds much.
public struct Spread: Sendable, Equatable, Codable {
    /// The middle value.
    public let median: Double
    /// The lowest value.
    public let lowest: Double
    /// The highest value.
    public let highest: Double

    /// Summarises values.
    /// - `values`: at least one.
    public init(_ values: [Double]) {
        precondition(!values.isEmpty, "a spread of nothing")
        let sorted = values.sorted()
        let middle = sorted.count / 2
        median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
        lowest = sorted[0]
        highest = sorted[sorted.count - 1]
    }
}

/// The ratio of the times of two systems, from rounds in which both were measured. The machine's drift is in both sides of each
/// round's ratio and cancels.
public struct PairedRatio: Sendable {
    /// The spread of the ratio over the rounds.
    public let ratio: Spread
    /// The bounds of the ratio's true median with at least `confidence`, whatever its distribution, by order statistics (the interval
    /// of the sign test); `nil` for fewer than six rounds.
    public let low, high: Double?
    /// The number of rounds.
    public let rounds: Int
    static let confidence = 0.95

    /// Summarises rounds.
    /// - `rounds`: the ratio of each round, at least one.
    public init(_ rounds: [Double]) {
        ratio = Spread(rounds)
        self.rounds = rounds.count
        let sorted = rounds.sorted(), place = Self.place(sorted.count)
        low = place.map { sorted[$0] }
        high = place.map { sorted[sorted.count - 1 - $0] }
    }

    /// The wider side of the interval as a fraction of the median; infinite without an interval.
    public var uncertainty: Double {
        guard let low, let high else { return .infinity }
        return max(high - ratio.median, ratio.median - low) / ratio.median
    }

    /// Returns the position, from either end, of the innermost pair of sorted values that encloses the median with `confidence`. The
    /// number of values below the median is distributed like the number of heads of a fair coin.
    private static func place(_ count: Int) -> Int? {
        var outside = 0.0, place = -1
        while place + 1 < count / 2 {
            // Both tails, with one more value on each side.
            let term = exp(lgamma(Double(count + 1)) - lgamma(Double(place + 2)) - lgamma(Double(count - place)))
            outside += 2 * term * exp2(-Double(count))
            guard outside <= 1 - confidence else { break }
            place += 1
        }
        return place < 0 ? nil : place
    }
}

/// The choice of the rounds for ratios, which are the faster half. Disturbances only ever slow a machine, and slow some systems more
/// than others, so that disturbed rounds are biased.
public enum QuietRounds {
    /// The number of rounds up to which all are used.
    private static let fewest = 3

    /// Returns the chosen rounds in order: half of them, rounded down, but at least three if there are so many. They are the rounds
    /// with the least time of all systems together, each in multiples of its median.
    /// - `times`: the times of each system's rounds, the same number for all systems.
    public static func choose(_ times: [[Double]]) -> [Int] {
        let count = times.first?.count ?? 0
        guard count > fewest else { return Array(0..<count) }
        let medians = times.map { Spread($0).median }
        let totals = (0..<count).map { round in zip(times, medians).reduce(0) { $0 + $1.0[round] / $1.1 } }
        let ordered = totals.indices.sorted { (totals[$0], $0) < (totals[$1], $1) }
        return ordered.prefix(max(fewest, count / 2)).sorted()
    }
}
