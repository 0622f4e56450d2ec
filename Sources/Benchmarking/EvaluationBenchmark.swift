internal import Files
public import Kernels
internal import Layers
public import Model
internal import Parallel
public import Training

/// Evaluations of a network on held-out text beside the time that their matrix products would take at the machine's ceiling,
/// by turns in one run. The network is as it begins: what a prediction is does not change what ranking it costs, except for
/// units of words.
public struct EvaluationBenchmark {
    private let configuration: EncoderConfiguration
    private let options: TrainingOptions
    private let input: TrainingInput
    /// The number of evaluations to time, after one that is not counted.
    public var runs = 5
    /// The kernels that evaluations and Contour's products of the ceiling are held to.
    public var kernels = ProcessorKernels.fastest
    /// Asked after every run; once true, the runs so far, at least one, are all.
    public var shouldStop: () -> Bool = { false }

    public init(_ configuration: EncoderConfiguration, _ options: TrainingOptions, _ input: TrainingInput) {
        self.configuration = configuration
        self.options = options
        self.input = input
    }

    /// The numbers of what was scored, and the times.
    public struct Result {
        /// The numbers of positions scored, and of words that they were ranked among.
        public let positions, candidates: Int
        /// Multiplications and additions of the products, in all directions.
        public let operations: Double
        public let runs: [Run]
        /// Seconds of the evaluation as a multiple of those of its products at the ceiling.
        public var ratio: Spread { Spread(runs.map { $0.seconds / (operations / $0.ceiling * 1e-9) }) }
    }

    /// One evaluation of all directions, and GFLOP/s of large products right after it.
    public struct Run {
        public let seconds, ceiling: Double
    }

    /// Measures. Throws `ToolError`: `configuration` if there is no held-out text, and what scoring throws.
    public func run() throws -> Result {
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
        var runs: [Run] = []
        while runs.isEmpty || runs.count < self.runs && !shouldStop() {
            let seconds = try Benchmarking.seconds(evaluate)
            runs.append(Run(seconds: seconds, ceiling: ceiling.rates(seconds: 0.3).best))
        }
        return Result(
            positions: heldOut.positions, candidates: heldOut.candidateCount, operations: heldOut.plan.operations, runs: runs)
    }
}
