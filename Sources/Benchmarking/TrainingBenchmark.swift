internal import Files
private import Glibc
public import Model
internal import Parallel

/// Training steps beside the machine's ceiling for matrix products, by turns in one run, so that a clock or a neighbour
/// that changes meets both.
public struct TrainingBenchmark: Sendable {
    public var configuration: EncoderConfiguration
    public var batch = 64
    public var window = 20
    public var threads: Int
    /// About how long to measure; no fewer than three rounds.
    public var seconds = 20.0
    /// Rows and columns of the matrices whose product is the ceiling.
    public var ceilingSize = 2048

    public init(_ configuration: EncoderConfiguration, threads: Int) {
        self.configuration = configuration
        self.threads = threads
    }

    /// One turn of each.
    public struct Round: Encodable, Sendable {
        public let wordsPerSecond: Double
        /// Of training, counted as 6 x weights x words: a multiplication and an addition for each weight and word in the
        /// forward pass, and twice that in the backward one.
        public let trainingRate: Double
        /// GFLOP/s of large products: ours, and OpenBLAS's with threads of its own.
        public let ownProducts: Double
        public let openBLASProducts: Double

        public var ceiling: Double { max(ownProducts, openBLASProducts) }
        public var share: Double { trainingRate / ceiling }
    }

    public struct Result: Sendable {
        public let parameters: Int
        public let wordsPerStep: Int
        public let rounds: [Round]
        /// Bytes, of the whole process; the ceiling's three matrices are among them.
        public let peakMemory: Int

        public func spread(_ value: (Round) -> Double) -> Spread { Spread(rounds.map(value)) }
    }

    /// How much of a round is spent on each ceiling; the rest is training.
    private static let ceilingPart = 0.125
    private static let roundsInAll = 8.0

    /// Measures. Throws `ToolError` with status `configuration` if the sizes make no network or none that fits in memory.
    /// - Parameter onRound: called after every round.
    public func run(onRound: (_ number: Int, Round) -> Void = { _, _ in }) throws -> Result {
        if let complaint = configuration.complaint { throw ToolError(.usage, complaint) }
        try checkMemory()
        let pool = ThreadPool(threads: threads)
        let ceiling = ProductCeiling(size: ceilingSize, pool: pool)
        let training = SyntheticTraining(configuration, batch: batch, window: window, pool: pool)
        let parameters = training.encoder.parameterCount
        let part = seconds / Self.roundsInAll
        // Warm-up, not counted: memory is touched for the first time, and OpenBLAS makes its threads.
        try training.step()
        _ = ceiling.openBLASProducts(for: 0)

        var rounds: [Round] = []
        let start = now()
        while rounds.count < 3 || now() - start < seconds - part / 2 {
            let own = ceiling.ownProducts(for: part * Self.ceilingPart)
            let library = ceiling.openBLASProducts(for: part * Self.ceilingPart)
            let wordsPerSecond = try trainingRate(training, for: part * (1 - 2 * Self.ceilingPart))
            let round = Round(
                wordsPerSecond: wordsPerSecond, trainingRate: 6e-9 * Double(parameters) * wordsPerSecond,
                ownProducts: own, openBLASProducts: library)
            rounds.append(round)
            onRound(rounds.count, round)
        }
        return Result(
            parameters: parameters, wordsPerStep: training.words, rounds: rounds, peakMemory: Benchmarking.peakMemory())
    }

    /// Words a second, over at least one step.
    private func trainingRate(_ training: SyntheticTraining, for duration: Double) throws -> Double {
        // OpenBLAS's own threads spin for some 30 ms after their last product.
        usleep(50_000)
        var steps = 0
        let start = now()
        repeat {
            try training.step()
            steps += 1
        } while now() - start < duration
        return Double(steps * training.words) / (now() - start)
    }

    /// Refuses what cannot fit before anything is allocated: a machine that runs out of memory kills without a word.
    private func checkMemory() throws {
        let needed = Self.leastMemory(configuration, positions: batch * window)
        guard let available = availableMemory(), needed > Double(available) else { return }
        throw ToolError(
            .configuration,
            "cell \(configuration.cell), projection \(configuration.projection), batch \(batch), window \(window) take at "
                + "least \(Int(needed / 1e9)) GB, and this machine has \(Int(Double(available) / 1e9)) GB to give")
    }

    /// A lower bound of the bytes that training takes: weights, gradients and Adam's moments of the large matrices, and
    /// each layer's gates, cells and outputs at every position.
    static func leastMemory(_ configuration: EncoderConfiguration, positions: Int) -> Double {
        let cell = Double(configuration.cell), projection = Double(configuration.projection)
        let vectors = Double(configuration.inputSize + configuration.outputSize)
        let layer = 2 * projection * 4 * cell + cell * projection
        let weights = vectors * projection + Double(configuration.layers) * layer
        let activations = Double(configuration.layers) * (5 * cell + projection) + vectors
        return 4 * Double(configuration.directions.count) * (4 * weights + Double(positions) * activations)
    }
}
