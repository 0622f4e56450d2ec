/// Several measurements of one thing: the median, and how far they lie apart.
///
/// Medians, because what disturbs a measurement (another process, a lower clock) only ever slows it, and some rounds much.
public struct Spread: Sendable, Equatable {
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

extension Spread: Codable {}
