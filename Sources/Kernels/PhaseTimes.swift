internal import Glibc

/// A kind of work that a network spends time on. Products include packing of their factors.
///
/// ```swift
/// backend.enter(.gates)
/// ```
public enum Phase: Int, CaseIterable, Sendable {
    /// Products of a layer's input, of its state, of projections, for the gradients of weights, and of the output layer.
    case inputProducts, recurrentProducts, projectionProducts, weightProducts, outputProducts
    /// Sigmoids, hyperbolic tangents and LSTM cells; activations inside feed-forward layers.
    case gates
    /// Attention, including its products.
    case attention
    /// Layer normalisation and its backward pass.
    case layerNorm
    /// Dropout and the clipping of projections.
    case dropout
    /// Additions of biases and residuals, and their gradients.
    case sums
    /// The loss and its gradient.
    case loss
    /// The gradient's norm and the update of the weights.
    case optimiser
    /// Copying word vectors into batches.
    case gathering
    /// Convolutions over the letters of words.
    case characters
    /// Drawing classes for a sampled softmax and moving their weights and gradients.
    case sampling
    /// Everything else, including time in which another direction computes.
    case other

    /// True for phases that are matrix products.
    public var isProduct: Bool { rawValue <= Phase.outputProducts.rawValue }
}

/// The part of a network on which time is spent, whatever the phase.
///
/// ```swift
/// backend.enter(.loss, of: .output)
/// ```
public enum Part: Int, CaseIterable, Sendable {
    /// The layer from words to the encoder, its norm included.
    case input
    /// The LSTM layers without their projections, or another encoder.
    case recurrence
    /// Projected states: products, clipping, norm and dropout.
    case projection
    /// The layer from the encoder to the loss, and the loss itself.
    case output
    /// The gradient's norm and the update of the weights.
    case optimiser
    /// Conversion of words into the form that input and output layers need.
    case data
    /// Everything else.
    case other
}

/// A stopwatch for each part and phase, of which exactly one runs at any time.
///
/// ```swift
/// var times = PhaseTimes()
/// times.enter(.gates, of: .recurrence)
/// times.enter(.other, of: nil)
/// print(times[.gates])                   // seconds
/// ```
public struct PhaseTimes: Sendable {
    private var nanoseconds = [UInt64](repeating: 0, count: Part.allCases.count * Phase.allCases.count)
    private var phase = Phase.other
    private var part = Part.other
    private var since: UInt64

    /// Starts the stopwatch of `other`.
    public init() { since = Self.now() }

    /// Stops the running stopwatch and starts that of `phase`, in `part` or, for `nil`, in the current part.
    public mutating func enter(_ phase: Phase, of part: Part?) {
        let now = Self.now()
        nanoseconds[self.part.rawValue * Phase.allCases.count + self.phase.rawValue] += now - since
        since = now
        self.phase = phase
        if let part { self.part = part }
    }

    /// Seconds spent in `phase` so far, over all parts.
    public subscript(phase: Phase) -> Double {
        seconds(Part.allCases.indices.map { $0 * Phase.allCases.count + phase.rawValue })
    }

    /// Seconds spent in `part` so far, over all phases.
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
