internal import Files
public import Kernels
internal import Layers
public import Model
internal import Parallel
public import Training

/// A benchmark of evaluations on held-out text, in turns with the time of their matrix products at the machine's ceiling. The network
/// is untrained: except for units of words, predictions do not change the cost of ranking them.
public struct EvaluationBenchmark {
    private let configuration: EncoderConfiguration
    private let options: TrainingOptions
    private let input: TrainingInput
    /// The number of timed evaluations, after one that does not count.
    public var runs = 5
    /// The kernels to which evaluations and Contour's products of the ceiling are limited.
    public var kernels = ProcessorKernels.fastest
    /// Returns true, after a run, to end the measurement.
    public var shouldStop: () -> Bool = { false }

    /// Makes a benchmark with an untrained network.
    public init(_ configuration: EncoderConfiguration, _ options: TrainingOptions, _ input: TrainingInput) {
        self.configuration = configuration
        self.options = options
        self.input = input
    }

    /// Measures. Throws `ToolError`: `configuration` if there is no held-out text, and what scoring throws.
    public func run() throws -> EvaluationRecord {
        guard let heldOut = try input.heldOutText(configuration, options) else {
            throw ToolError(.configuration, "\(input.corpus.name): has too few sentences for a held-out text to evaluate on")
        }
        let encoder = ContextualEncoder(
            configuration, capacity: WindowCapacity(batch: options.batch, rows: options.batch * options.window),
            training: options.optimizer.optimizer, pool: input.pool, kernels: kernels)
        encoder.initialize(seed: options.seed)
        func evaluate() throws {
            for model in encoder.directions { _ = try heldOut.score(model, trainingBatch: options.batch) }
        }
        try evaluate()
        let ceiling = try MachineCeiling(size: 1024, pool: input.pool, kernels: kernels)
        let operations = heldOut.plan.operations
        var times: [(seconds: Double, products: Double)] = []
        while times.isEmpty || times.count < runs && !shouldStop() {
            times.append((try Benchmarking.seconds(evaluate), 1e-9 * operations / ceiling.rates(seconds: 0.3).best))
        }
        return EvaluationRecord(
            positions: heldOut.positions, candidates: heldOut.candidateCount, threads: input.pool.threads, rounds: times.count,
            operations: operations, seconds: Spread(times.map(\.seconds)), products: Spread(times.map(\.products)),
            ceiling: Spread(times.map { 1e-9 * operations / $0.products }), ratio: Spread(times.map { $0.seconds / $0.products }))
    }
}
