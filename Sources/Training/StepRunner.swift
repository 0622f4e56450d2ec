public import Kernels
public import Layers
public import Model
import Parallel
import Shards

/// Single training steps for benchmarks: what `Trainer` does in each step on the same data, without log, evaluation and checkpoint.
public final class StepRunner {
    /// The size of a step, and the time of each of its parts.
    public struct Step: Sendable {
        /// Number of words and ends of sentences trained on. Each counts once, whether one direction learns from it or both, and a
        /// word of several units counts once.
        public var words = 0
        /// Duration of the step in seconds.
        public var seconds = 0.0
        /// Seconds of wall-clock time by part, in the order of `Part.allCases`; `data` includes waiting for windows. On a device,
        /// the time in which the host queued its work, which says nothing about the device's time.
        public var costs = [Double](repeating: 0, count: Part.allCases.count)
        /// Bytes of the gradient that machines would exchange if they trained together; see `ParameterStore.gradientBytes`.
        public var gradientBytes = 0
    }

    /// The encoder being trained.
    public let encoder: ContextualEncoder
    private let words: CorpusWords
    private let step: TrainingStep
    private let stream: WindowStream
    private var number = 0

    /// Prepares training. Throws `ToolError` if the table's file cannot be read.
    /// - `backends`: backends of a device, one for each direction; empty to use the processor.
    public init(
        _ configuration: EncoderConfiguration, _ options: TrainingOptions, _ input: TrainingInput,
        backends: [any Backend] = []
    ) throws {
        words = input.words
        encoder = ContextualEncoder(
            configuration, capacity: options.capacity, training: options.optimizer.optimizer, pool: input.pool, backends: backends)
        encoder.initialize(seed: options.seed)
        let rate = LearningRate(.constant, peak: options.peakRate, warmupSteps: 0, totalSteps: 1)
        let source = try input.targetSource(configuration)
        try source?.initializeTargets(of: encoder, words)
        let plan = try RankPlan(lanes: options.laneCount, batch: options.batch, configuration)
        step = try TrainingStep(encoder, input.corpus, source: source, options, rate: rate, plan: plan)
        stream = WindowStream(
            input.corpus, objective: configuration.objective, batch: options.batch, window: options.window, seed: options.seed)
    }

    /// Called once in a step when the gradients of some parameters of a direction, given by its index, are complete.
    public var finish: ((_ direction: Int, _ parameters: ParameterRange) -> Void)? {
        get { step.finish }
        set { step.finish = newValue }
    }

    /// True once it is known which arrangement of directions is faster; until then steps are slower than in training.
    public var isSettled: Bool { step.isSettled }

    /// Trains one step. Throws what `TrainingStep.run` throws.
    public func run() throws -> Step {
        let (before, waitedBefore) = (parts(), stream.waited)
        let start = monotonicSeconds()
        try step.run(number, stream)
        var result = Step()
        result.seconds = monotonicSeconds() - start
        number += 1
        result.words = words(of: step.window)
        result.gradientBytes = encoder.gradientBytes
        let after = parts()
        let directions = step.ranSideBySide ? Double(encoder.directions.count) : 1
        for part in Part.allCases where part != .other {
            let seconds = after[part.rawValue] - before[part.rawValue]
            // Directions that run in parallel share the wall clock, but are updated one after another.
            result.costs[part.rawValue] = part == .optimiser ? seconds : seconds / directions
        }
        result.costs[Part.data.rawValue] += stream.waited - waitedBefore
        result.costs[Part.other.rawValue] = max(0, result.seconds - result.costs.reduce(0, +))
        return result
    }

    /// Waits until a device has done all steps; the processor has done a step when `run` returns.
    public func wait() { for model in encoder.directions { model.backend.wait() } }

    private func parts() -> [Double] {
        Part.allCases.map { part in encoder.directions.reduce(0) { $0 + $1.backend.phaseTimes[part] } }
    }

    private func words(of window: TrainingWindow) -> Int {
        guard words.hasUnits else { return window.positions }
        return window.positions
            - window.forwardTargets.indices.count { window.weights[$0] == 1 && !words.endsWord(window.forwardTargets[$0]) }
    }
}
