internal import Files
public import Model
internal import Parallel

/// Training steps beside the machine's ceiling for matrix products, by turns in one run, so that a clock or a neighbour
/// that changes meets both.
public struct TrainingBenchmark: Sendable {
    private let configuration: EncoderConfiguration
    public var batch = 64
    public var window = 20
    private let threads: Int
    /// About how many seconds to measure, in no fewer than three rounds.
    public var seconds = 20.0
    /// Rows and columns of the matrices whose product is the ceiling.
    public var ceilingSize = 2048

    /// Asked after every round; once true, the rounds so far, at least one, are all.
    public var shouldStop: @Sendable () -> Bool = { false }

    public init(_ configuration: EncoderConfiguration, threads: Int) {
        self.configuration = configuration
        self.threads = threads
    }

    /// The share of a round that is spent on each ceiling; the rest is training.
    private static let ceilingPart = 0.125
    private static let roundsInAll = 8.0

    /// Measures. Throws `ToolError`: `usage` if the sizes make no network, `configuration` if it does not fit in memory, and what
    /// `OpenBLAS` throws.
    /// - Parameter onRound: called after every round.
    public func run(onRound: (_ number: Int, Round) -> Void = { _, _ in }) throws -> Result {
        if let complaint = configuration.complaint { throw ToolError(.usage, complaint) }
        try checkMemory()
        let pool = ThreadPool(threads: threads)
        let ceiling = try MachineCeiling(size: ceilingSize, pool: pool)
        let training = SyntheticTraining(configuration, batch: batch, window: window, pool: pool)
        let parameters = training.encoder.parameterCount
        let part = seconds / Self.roundsInAll
        let trainingPart = part * (1 - 2 * Self.ceilingPart)
        // Not counted: memory is touched for the first time.
        try training.step(sideBySide: true)

        var phases = PhaseTally(training.encoder)
        var rounds: [Round] = []
        let start = now()
        while rounds.isEmpty || !shouldStop() && (rounds.count < 3 || now() - start < seconds - part / 2) {
            let rates = ceiling.rates(seconds: part * Self.ceilingPart)
            let inTurn = try phases.measure(sideBySide: false) { try trainingRate(training, .inTurn, for: trainingPart / 2) }
            let sideBySide = try trainingRate(training, .sideBySide, for: trainingPart / 2)
            let round = Round(sideBySide: sideBySide, inTurn: inTurn, wordCost: 6e-9 * Double(parameters), ceiling: rates)
            rounds.append(round)
            onRound(rounds.count, round)
        }
        return Result(
            parameters: parameters, wordsPerStep: training.words, rounds: rounds, phases: phases.shares,
            peakMemory: Files.peakMemory())
    }

    /// Trains for `duration` seconds, at least a step, and returns words a second.
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
        guard let available = Machine.availableMemory, needed > Double(available) else { return }
        throw ToolError(
            .configuration,
            "cell \(configuration.encoder.cell), projection \(configuration.width), batch \(batch), window \(window) take at "
                + "least \(Int(needed / 1e9)) GB, and this machine has \(Int(Double(available) / 1e9)) GB to give")
    }

    /// Returns a lower bound of the bytes that training takes: weights, gradients and Adam's moments of the large matrices, and
    /// each layer's gates, cells and outputs at every position.
    static func leastMemory(_ configuration: EncoderConfiguration, positions: Int) -> Double {
        let vectors = Double(configuration.inputSize + configuration.outputSize), encoder = configuration.encoder.family
        let weights = vectors * Double(encoder.width) + encoder.weights
        // An encoder keeps its inner states and outputs at least.
        let activations = Double(encoder.layers * (5 * encoder.cell + encoder.width)) + vectors
        return 4 * Double(configuration.directions.count) * (4 * weights + Double(positions) * activations)
    }
}
