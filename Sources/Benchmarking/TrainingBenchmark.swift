internal import Files
internal import Kernels
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

    /// Asked after every round; then the rounds there are, at least one, are all.
    public var shouldStop: @Sendable () -> Bool = { false }

    public init(_ configuration: EncoderConfiguration, threads: Int) {
        self.configuration = configuration
        self.threads = threads
    }

    /// How much of a round is spent on each ceiling; the rest is training.
    private static let ceilingPart = 0.125
    private static let roundsInAll = 8.0

    /// Measures. Throws `ToolError`: `configuration` if the sizes make no network or none that fits in memory, and what `OpenBLAS` throws.
    /// - Parameter onRound: called after every round.
    public func run(onRound: (_ number: Int, Round) -> Void = { _, _ in }) throws -> Result {
        if let complaint = configuration.complaint { throw ToolError(.usage, complaint) }
        try checkMemory()
        let pool = ThreadPool(threads: threads)
        let ceiling = ProductCeiling(size: ceilingSize, pool: pool)
        let training = SyntheticTraining(configuration, batch: batch, window: window, pool: pool)
        let parameters = training.encoder.parameterCount
        let part = seconds / Self.roundsInAll
        let trainingPart = part * (1 - 2 * Self.ceilingPart)
        // Warm-up, not counted: memory is touched for the first time, and OpenBLAS makes its threads.
        try training.step(sideBySide: true)
        _ = try ceiling.openBLASRate(seconds: 0, threads: pool.threads)

        var phases = PhaseShares()
        var rounds: [Round] = []
        let start = now()
        while rounds.isEmpty || !shouldStop() && (rounds.count < 3 || now() - start < seconds - part / 2) {
            let own = ceiling.rate(seconds: part * Self.ceilingPart)
            let library = try ceiling.openBLASRate(seconds: part * Self.ceilingPart, threads: pool.threads)
            let inTurn = try phases.measure(training) { try trainingRate(training, .inTurn, for: trainingPart / 2) }
            let sideBySide = try trainingRate(training, .sideBySide, for: trainingPart / 2)
            let round = Round(
                sideBySide: sideBySide, inTurn: inTurn, wordCost: 6e-9 * Double(parameters), ownProducts: own,
                openBLASProducts: library)
            rounds.append(round)
            onRound(rounds.count, round)
        }
        return Result(
            parameters: parameters, wordsPerStep: training.words, rounds: rounds, phases: phases.shares.filter { $0.share > 0 },
            peakMemory: Files.peakMemory())
    }

    /// Words a second, over at least one step.
    private func trainingRate(_ training: SyntheticTraining, _ way: Way, for duration: Double) throws -> Double {
        var steps = 0
        let start = now()
        repeat {
            try training.step(sideBySide: way == .sideBySide)
            steps += 1
        } while now() - start < duration && !shouldStop()
        return Double(steps * training.words) / (now() - start)
    }

    /// Refuses what cannot fit before anything is allocated: a machine that runs out of memory kills without a word.
    private func checkMemory() throws {
        let needed = Self.leastMemory(configuration, positions: batch * window)
        guard let available = availableMemory(), needed > Double(available) else { return }
        throw ToolError(
            .configuration,
            "cell \(configuration.encoder.cell), projection \(configuration.width), batch \(batch), window \(window) take at "
                + "least \(Int(needed / 1e9)) GB, and this machine has \(Int(Double(available) / 1e9)) GB to give")
    }

    /// A lower bound of the bytes that training takes: weights, gradients and Adam's moments of the large matrices, and
    /// each layer's gates, cells and outputs at every position.
    static func leastMemory(_ configuration: EncoderConfiguration, positions: Int) -> Double {
        let vectors = Double(configuration.inputSize + configuration.outputSize), encoder = configuration.encoder.family
        let weights = vectors * Double(encoder.width) + encoder.weights
        // An encoder keeps its inner states and outputs at least.
        let activations = Double(encoder.layers * (5 * encoder.cell + encoder.width)) + vectors
        return 4 * Double(configuration.directions.count) * (4 * weights + Double(positions) * activations)
    }
}

/// Adds up what the hands of the stopwatches moved while steps were measured.
private struct PhaseShares {
    private var seconds = [Double](repeating: 0, count: Phase.allCases.count)
    private var total = 0.0

    mutating func measure(_ training: SyntheticTraining, _ body: () throws -> Double) throws -> Double {
        func times() -> [Double] { Phase.allCases.map { training.seconds(in: $0) } }
        let before = times()
        let start = now()
        let result = try body()
        total += now() - start
        for (index, pair) in zip(before, times()).enumerated() { seconds[index] += pair.1 - pair.0 }
        return result
    }

    /// `other` is what the named ones leave, because its hand also runs while another direction has its turn.
    var shares: [(phase: Phase, share: Double)] {
        let named = Phase.allCases.filter { $0 != .other }.map { (phase: $0, share: seconds[$0.rawValue] / total) }
        return named + [(.other, 1 - named.reduce(0) { $0 + $1.share })]
    }
}
