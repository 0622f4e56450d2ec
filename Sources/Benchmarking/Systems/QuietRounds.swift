/// The rounds that ratios are made of: the faster half. What disturbs a machine (neighbours, heat, a lower clock) only ever slows
/// it, and some systems more than others: one that needs more memory suffers more from a neighbour who does. So disturbed
/// rounds do not only scatter, they lean to one side; there may be more of them than of others.
public enum QuietRounds {
    /// Fewer are not halved.
    private static let fewest = 3

    /// - Parameter times: of each system what each round took, as many of all.
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
