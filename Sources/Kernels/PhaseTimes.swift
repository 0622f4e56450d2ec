internal import Glibc

/// What a network spends its time on. Products include the packing of their factors.
public enum Phase: Int, CaseIterable, Sendable {
    case inputProducts, recurrentProducts, projectionProducts, weightProducts, outputProducts
    /// Sigmoids, hyperbolic tangents and the cells of an LSTM.
    case gates
    case layerNorm
    /// Dropout and the clipping of projections.
    case dropout
    /// Biases, residuals, and their gradients.
    case sums
    case loss
    /// The gradient's norm and the update of the weights.
    case optimiser
    /// Copying the vectors of words into batches.
    case gathering
    /// Convolutions over the letters of words.
    case characters
    /// Drawing classes for a sampled softmax, and moving their weights and gradients.
    case sampling
    /// None of these; the turn of another direction is in it.
    case other

    public var isProduct: Bool { rawValue <= Phase.outputProducts.rawValue }
}

/// A stopwatch with a hand for each phase: one of them runs at any time.
public struct PhaseTimes: Sendable {
    private var nanoseconds = [UInt64](repeating: 0, count: Phase.allCases.count)
    private var current = Phase.other
    private var since: UInt64

    init() { since = Self.now() }

    /// Stops the hand that runs and lets that of `phase` run.
    mutating func enter(_ phase: Phase) {
        let now = Self.now()
        nanoseconds[current.rawValue] += now - since
        since = now
        current = phase
    }

    /// Seconds in `phase` so far.
    public subscript(phase: Phase) -> Double { 1e-9 * Double(nanoseconds[phase.rawValue]) }

    private static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
