internal import Files
public import Kernels
public import Model
internal import Parallel

/// A benchmark of training steps in turns with the machine's ceiling for matrix products, so that a change of the clock or a neighbour
/// affects both.
public struct TrainingBenchmark: Sendable {
    private let configuration: EncoderConfiguration
    /// The number of streams of text.
    public var batch = 64
    /// The number of steps in a window.
    public var window = 20
    private let threads: Int
    /// The approximate measuring time in seconds; there are at least three rounds.
    public var seconds = 20.0
    /// The rows and columns of the matrices whose product is the ceiling.
    public var ceilingSize = 2048

    /// The kernels to which training and Contour's products of the ceiling are limited.
    public var kernels = ProcessorKernels.fastest

    /// Returns true, after a round, to end the measurement.
    public var shouldStop: @Sendable () -> Bool = { false }

    /// Makes a benchmark of an encoder.
    public init(_ configuration: EncoderConfiguration, threads: Int) {
        self.configuration = configuration
        self.threads = threads
    }

    /// The fraction of a round for each of the two ceilings; the rest is training.
    private static let ceilingPart = 0.125
    private static let roundsInAll = 8.0

    /// Measures. Throws `ToolError`: `usage` if the sizes make no network, `configuration` if it does not fit in memory, and what
    /// `OpenBLAS` throws.
    /// - `onRound`: called after every round.
    public func run(onRound: (_ number: Int, Round) -> Void = { _, _ in }) throws -> Result {
        if let complaint = configuration.complaint { throw ToolError(.usage, complaint) }
        try checkMemory()
        let pool = ThreadPool(threads: threads)
        let ceiling = try MachineCeiling(size: ceilingSize, pool: pool, kernels: kernels)
        let training = SyntheticTraining(configuration, batch: batch, window: window, pool: pool, kernels: kernels)
        let parameters = training.encoder.parameterCount
        let part = seconds / Self.roundsInAll
        let trainingPart = part * (1 - 2 * Self.ceilingPart)
        // The first step does not count, because it touches memory for the first time.
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
            parameters: parameters, rounds: rounds, phases: phases.shares,
            peakMemory: Files.peakMemory())
    }

    /// Trains for `duration` seconds, at least one step, and returns the words per second.
    private func trainingRate(_ training: SyntheticTraining, _ way: Way, for duration: Double) throws -> Double {
        var steps = 0
        let start = now()
        repeat {
            try training.step(sideBySide: way == .sideBySide)
            steps += 1
        } while now() - start < duration && !shouldStop()
        return Double(steps * training.words) / (now() - start)
    }

    /// Refuses a network that does not fit in memory, before anything is allocated: a machine that runs out of memory kills a process
    /// without a message.
    private func checkMemory() throws {
        let needed = configuration.trainingBytes(batch: batch, window: window)
        guard let available = Machine.availableMemory, needed > Double(available) else { return }
        throw ToolError(
            .configuration,
            "cell \(configuration.encoder.cell), projection \(configuration.width), batch \(batch), window \(window) take "
                + "about \(Int(needed / 1e9)) GB, and this machine has \(Int(Double(available) / 1e9)) GB to give")
    }
}

extension TrainingBenchmark {
    /// A way in which the directions of an encoder share the threads.
    public enum Way: String, CaseIterable, Encodable, Sendable {
        /// Both directions at once, each on any free thread.
        case sideBySide
        /// One direction after the other, each on all threads.
        case inTurn
    }

    /// The measurements of one round.
    public struct Round: Sendable {
        /// The training speed in words per second in the two ways.
        public let sideBySide, inTurn: Double
        /// The training speed in GFLOP/s at one word per second: 6 x weights, that is, a multiplication and an addition for each
        /// weight in the forward pass, and twice as many in the backward pass.
        let wordCost: Double
        /// The machine's ceiling in this round.
        public let ceiling: MachineCeiling.Rates

        /// Returns the training speed in words per second.
        public func wordsPerSecond(_ way: Way) -> Double { way == .sideBySide ? sideBySide : inTurn }
        /// Returns the training speed in GFLOP/s.
        public func trainingRate(_ way: Way) -> Double { wordCost * wordsPerSecond(way) }
        /// Returns the training speed as a fraction of the ceiling.
        public func share(_ way: Way) -> Double { trainingRate(way) / ceiling.best }
    }

    /// The measurements of training.
    public struct Result: Sendable {
        /// The number of weights.
        public let parameters: Int
        /// The measured rounds.
        public let rounds: [Round]
        /// The fractions of a step's time, with the directions in turn, so that phases do not overlap; their sum is 1. Phases that
        /// this network does not have are left out.
        public let phases: [(phase: Phase, share: Double)]
        /// The peak memory of the whole process in bytes, including the ceiling's three matrices.
        public let peakMemory: Int

        /// Returns the spread of a value over the rounds.
        public func spread(_ value: (Round) -> Double) -> Spread { Spread(rounds.map(value)) }

        /// The way with the faster median.
        public var fasterWay: Way {
            spread(\.sideBySide).median >= spread(\.inTurn).median ? .sideBySide : .inTurn
        }

        /// The fraction of a step's time outside of matrix products.
        public var withoutProducts: Double { phases.reduce(0) { $0 + ($1.phase.isProduct ? 0 : $1.share) } }
    }
}
