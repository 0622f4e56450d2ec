public import Kernels
internal import Model

extension [(phase: Phase, share: Double)] {
    /// The fractions by the names of their phases, for results.
    public var byName: [String: Double] { Dictionary(uniqueKeysWithValues: map { ("\($0.phase)", $0.share) }) }
}

/// The phases of an encoder's time, summed over measurements.
struct PhaseTally {
    private let encoder: ContextualEncoder
    private var phaseSeconds = [Double](repeating: 0, count: Phase.allCases.count)
    private var seconds = 0.0

    init(_ encoder: ContextualEncoder) { self.encoder = encoder }

    /// Runs `body` and adds its time.
    /// - `sideBySide`: true if directions run at once, so that the seconds of their phases overlap.
    mutating func measure<Result>(sideBySide: Bool, _ body: () throws -> Result) rethrows -> Result {
        let before = times, start = now()
        let result = try body()
        seconds += (sideBySide ? Double(encoder.directions.count) : 1) * (now() - start)
        for (index, pair) in zip(before, times).enumerated() { phaseSeconds[index] += pair.1 - pair.0 }
        return result
    }

    /// The seconds of each phase so far, summed over all directions.
    private var times: [Double] {
        Phase.allCases.map { phase in encoder.directions.reduce(0) { $0 + $1.backend.phaseTimes[phase] } }
    }

    /// The fractions of all phases that took time, with a sum of 1. `other` is the time outside of the named phases: gathering, and
    /// waiting for another direction.
    var shares: [(phase: Phase, share: Double)] {
        let named = Phase.allCases.filter { $0 != .other && phaseSeconds[$0.rawValue] > 0 }
            .map { (phase: $0, share: phaseSeconds[$0.rawValue] / seconds) }
        return named + [(.other, 1 - named.reduce(0) { $0 + $1.share })]
    }
}
