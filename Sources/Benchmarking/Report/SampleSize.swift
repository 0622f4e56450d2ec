internal import Training

/// How much a figure rests on: the held-out positions it was counted over, and the seeds that it is a median of. Every table and
/// picture of scores says both, and what is few is called small. The bounds stand here and nowhere else (docs/comparing.md).
package struct SampleSize: Hashable, Sendable {
    /// Fewer held-out positions than this are small.
    package static let fewPositions = UnigramComparison.fewPositions
    /// Fewer seeds than this are small: two say nothing of a range.
    package static let fewSeeds = 3

    /// `nil`: not recorded.
    package let positions: Int?
    package let seeds: Int
    /// What is counted: `positions`, or `test tokens` of a probe.
    let unit: String

    package init(positions: Int?, seeds: Int, unit: String = "positions") {
        (self.positions, self.seeds, self.unit) = (positions, seeds, unit)
    }

    package var hasFewPositions: Bool { positions.map { $0 < Self.fewPositions } ?? false }
    package var hasFewSeeds: Bool { seeds < Self.fewSeeds }

    /// `small: 1,200 positions, one seed`; `30,000 positions, 2 seeds (small)`; `30,000 positions, 3 seeds`.
    package var text: String {
        let size = positions.map { "\(NumberText.grouped($0)) \($0 == 1 && unit.hasSuffix("s") ? String(unit.dropLast()) : unit)" }
            ?? "\(unit) not recorded"
        let draws = seeds == 1 ? "one seed" : "\(NumberText.grouped(seeds)) seeds"
        return switch (hasFewPositions, hasFewSeeds) {
        case (true, true): "small: \(size), \(draws)"
        case (true, false): "\(size) (small), \(draws)"
        case (false, true): "\(size), \(draws) (small)"
        case (false, false): "\(size), \(draws)"
        }
    }
}
