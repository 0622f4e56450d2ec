internal import Glibc

/// An activity that a network spends time on. Products include the packing of their factors.
public enum Phase: Int, CaseIterable, Sendable {
    case inputProducts, recurrentProducts, projectionProducts, weightProducts, outputProducts
    /// Sigmoids, hyperbolic tangents and the cells of an LSTM; the functions inside a feed-forward layer.
    case gates
    /// Attention, its products among it.
    case attention
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

/// The part of a network that the time is spent for, whatever is done there.
public enum Part: Int, CaseIterable, Sendable {
    /// The layer from words to the encoder, its norm included.
    case input
    /// The LSTM layers but for their projections, or another encoder.
    case recurrence
    /// The projected states: products, clipping, norm, dropout.
    case projection
    /// The layer from the encoder to the loss, and the loss.
    case output
    /// The gradient's norm and the update of the weights.
    case optimiser
    /// Words becoming what the input and output layers ask for.
    case data
    case other
}

/// A stopwatch with a hand for each part and phase: one of them runs at any time.
public struct PhaseTimes: Sendable {
    private var nanoseconds = [UInt64](repeating: 0, count: Part.allCases.count * Phase.allCases.count)
    private var phase = Phase.other
    private var part = Part.other
    private var since: UInt64

    public init() { since = Self.now() }

    /// Stops the hand that runs and lets that of `phase` run, in `part` or the part it is in.
    public mutating func enter(_ phase: Phase, of part: Part?) {
        let now = Self.now()
        nanoseconds[self.part.rawValue * Phase.allCases.count + self.phase.rawValue] += now - since
        since = now
        self.phase = phase
        if let part { self.part = part }
    }

    /// Seconds in `phase` so far, of all parts.
    public subscript(phase: Phase) -> Double {
        seconds(Part.allCases.indices.map { $0 * Phase.allCases.count + phase.rawValue })
    }

    /// Seconds in `part` so far, of all phases.
    public subscript(part: Part) -> Double {
        seconds(Phase.allCases.indices.map { part.rawValue * Phase.allCases.count + $0 })
    }

    private func seconds(_ places: [Int]) -> Double { 1e-9 * Double(places.reduce(0) { $0 + nanoseconds[$1] }) }

    private static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
