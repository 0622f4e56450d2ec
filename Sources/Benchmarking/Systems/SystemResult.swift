internal import Kernels

/// The measurements of a system and of its turns.
public struct SystemResult: Sendable {
    public let system: MeasuredSystem
    /// The GPU that it was trained on; `nil`: the processor.
    public let device: MeasuredDevice?
    /// The number of trainable weights.
    public let parameters: Int
    /// Bytes that the optimiser keeps beside weights and gradients.
    public let optimizerBytes: Int
    /// The most streams of text whose training fits in the memory given, 0 if not even one does.
    public let largestBatch: Int
    /// The seconds of a word in each round.
    public private(set) var secondsOfWord: [Double] = []
    /// The rounds that ratios are made of, the same for all that were measured together; see `QuietRounds`.
    var quietRounds: [Int] = []
    /// The shares of each round's time in the order of `SystemResult.parts`; empty on a device.
    private var costs: [[Double]] = []
    /// The most memory of the process in bytes, by the system's account; on a GPU, what training takes of its memory, by the
    /// driver's: the context, the kernels and what else a process has there without training are not in it.
    public private(set) var peakMemory = 0
    /// Bytes of the last step's gradient.
    public private(set) var gradientBytes = 0
    /// Joules of the machine's processors in this system's turns, and the words of these turns; `nil`: not measurable.
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

    public var rounds: Int { secondsOfWord.count }
    public var wordsPerSecond: Spread { Spread(secondsOfWord.map { 1 / $0 }) }
    public var secondsOfMillionWords: Spread { Spread(secondsOfWord.map { 1e6 * $0 }) }
    public var joulesOfMillionWords: Double? { energy.map { 1e6 * $0.joules / Double(max(1, $0.words)) } }

    /// The parts of a step, in the order in which they are shown.
    public static let parts = ["input", "recurrence", "projection", "output", "optimiser", "data", "other"]

    /// The share of each of `parts` in a step's time: the mean of all rounds, together 1; zeros on a device.
    public var shares: [Double] {
        Self.parts.indices.map { part in costs.reduce(0) { $0 + $1[part] } / Double(max(1, costs.count)) }
    }

    /// Returns the ratio of this system's time for a word to that of `other`, round by round of the quiet ones.
    public func ratio(to other: SystemResult) -> PairedRatio {
        PairedRatio(quietRounds.map { secondsOfWord[$0] / other.secondsOfWord[$0] })
    }
}
