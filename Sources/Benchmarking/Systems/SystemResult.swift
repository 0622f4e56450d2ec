internal import Kernels

/// The measurements of a system in its turns.
public struct SystemResult: Sendable {
    /// The measured system.
    public let system: MeasuredSystem
    /// The GPU on which the system was trained; `nil` means the processor.
    public let device: MeasuredDevice?
    /// The number of trainable weights.
    public let parameters: Int
    /// The bytes that the optimiser keeps beside weights and gradients.
    public let optimizerBytes: Int
    /// The largest number of streams of text whose training fits in the given memory; 0 if not even one does.
    public let largestBatch: Int
    /// The seconds per word in each round.
    public private(set) var secondsOfWord: [Double] = []
    /// The rounds from which ratios are computed, the same for all systems that were measured together; see `QuietRounds`.
    var quietRounds: [Int] = []
    /// The fractions of each round's time in the order of `SystemResult.parts`; empty on a device.
    private var costs: [[Double]] = []
    /// The peak memory of the process in bytes, as the system reports it. On a GPU, the GPU memory for training, as the driver reports
    /// it, without the context, the kernels and other memory that a process has there without training.
    public private(set) var peakMemory = 0
    /// The size of the last step's gradient in bytes.
    public private(set) var gradientBytes = 0
    /// The joules of the machine's processors in this system's turns, and the words of these turns; `nil` if they cannot be measured.
    private var energy: (joules: Double, words: Int)?

    init(_ system: MeasuredSystem, _ sizes: ServedSystem.Sizes, on device: MeasuredDevice?) {
        (self.system, self.device) = (system, device)
        (parameters, optimizerBytes, largestBatch) = (sizes.parameters, sizes.optimizerBytes, sizes.largestBatch)
    }

    mutating func add(_ turn: ServedSystem.Turn, joules: Double?) {
        let words = Double(max(1, turn.words))
        secondsOfWord.append(turn.seconds / words)
        if !turn.costs.isEmpty { costs.append(turn.costs.map { $0 / turn.seconds }) }
        peakMemory = max(peakMemory, turn.peakMemory)
        gradientBytes = turn.gradientBytes
        guard let joules else { return }
        energy = ((energy?.joules ?? 0) + joules, (energy?.words ?? 0) + turn.words)
    }

    /// The number of rounds.
    public var rounds: Int { secondsOfWord.count }
    /// The speed in words per second.
    public var wordsPerSecond: Spread { Spread(secondsOfWord.map { 1 / $0 }) }
    /// The time for a million words in seconds.
    public var secondsOfMillionWords: Spread { Spread(secondsOfWord.map { 1e6 * $0 }) }
    /// The energy for a million words in joules; `nil` if it cannot be measured.
    public var joulesOfMillionWords: Double? { energy.map { 1e6 * $0.joules / Double(max(1, $0.words)) } }

    /// The parts of a step, in the order of display.
    public static let parts = ["input", "recurrence", "projection", "output", "optimiser", "data", "other"]

    /// The fraction of each of `parts` in a step's time, as a mean over all rounds; the sum is 1. On a device they are zeros.
    public var shares: [Double] {
        Self.parts.indices.map { part in costs.reduce(0) { $0 + $1[part] } / Double(max(1, costs.count)) }
    }

    /// Returns the ratio of this system's time per word to that of `other`, for each quiet round.
    public func ratio(to other: SystemResult) -> PairedRatio {
        PairedRatio(quietRounds.map { secondsOfWord[$0] / other.secondsOfWord[$0] })
    }
}
