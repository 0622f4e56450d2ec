internal import Glibc

/// Several measurements of one thing: their range, and the median, because disturbances (another process, a lower clock) only ever
/// slow a measurement, and some rounds much.
public struct Spread: Sendable, Equatable, Codable {
    public let median: Double
    public let lowest: Double
    public let highest: Double

    /// - Parameter values: at least one.
    public init(_ values: [Double]) {
        precondition(!values.isEmpty, "a spread of nothing")
        let sorted = values.sorted()
        let middle = sorted.count / 2
        median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
        lowest = sorted[0]
        highest = sorted[sorted.count - 1]
    }
}

/// The ratio of the times of two systems, from rounds in which both were measured: the machine's drift is in both sides of each
/// round's ratio and cancels.
public struct PairedRatio: Sendable {
    public let ratio: Spread
    /// Bounds of the ratio's true median with at least `confidence`, whatever its distribution: order statistics (the sign
    /// test's interval); `nil` for fewer than six rounds.
    public let low, high: Double?
    public let rounds: Int
    static let confidence = 0.95

    /// - Parameter rounds: the ratio of each round, at least one.
    public init(_ rounds: [Double]) {
        ratio = Spread(rounds)
        self.rounds = rounds.count
        let sorted = rounds.sorted(), place = Self.place(sorted.count)
        low = place.map { sorted[$0] }
        high = place.map { sorted[sorted.count - 1 - $0] }
    }

    /// The interval's wider side as a share of the median; infinite without an interval.
    public var uncertainty: Double {
        guard let low, let high else { return .infinity }
        return max(high - ratio.median, ratio.median - low) / ratio.median
    }

    /// The place, from either end, of the innermost pair of sorted values that holds the median with `confidence`: as many
    /// values lie below the median as a fair coin falls on one side.
    private static func place(_ count: Int) -> Int? {
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

/// The rounds that ratios are made of: the faster half. Disturbances only ever slow a machine, and some systems more than others,
/// so that disturbed rounds lean to one side.
public enum QuietRounds {
    /// The number of rounds up to which all are used.
    private static let fewest = 3

    /// - Parameter times: the times of each system's rounds, the same number for all systems.
    /// - Returns: the rounds in order: half of them, rounded down, at least three if there are so many, whose systems together,
    ///   each in multiples of its median, took the least.
    public static func choose(_ times: [[Double]]) -> [Int] {
        let count = times.first?.count ?? 0
        guard count > fewest else { return Array(0..<count) }
        let medians = times.map { Spread($0).median }
        let totals = (0..<count).map { round in zip(times, medians).reduce(0) { $0 + $1.0[round] / $1.1 } }
        let ordered = totals.indices.sorted { (totals[$0], $0) < (totals[$1], $1) }
        return ordered.prefix(max(fewest, count / 2)).sorted()
    }
}
