internal import Files
public import Kernels
public import Model
internal import Parallel

/// Training steps beside the machine's ceiling for matrix products, by turns in one run, so that a clock or a neighbour
/// that changes meets both.
public struct TrainingBenchmark: Sendable {
    private let configuration: EncoderConfiguration
    public var batch = 64
    public var window = 20
    private let threads: Int
    /// The seconds to measure, about, in no fewer than three rounds.
    public var seconds = 20.0
    /// The rows and columns of the matrices whose product is the ceiling.
    public var ceilingSize = 2048

    /// The kernels that training and Contour's products of the ceiling are held to.
    public var kernels = ProcessorKernels.fastest

    /// Returns true, after a round, if there are to be no more rounds.
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
        let ceiling = try MachineCeiling(size: ceilingSize, pool: pool, kernels: kernels)
        let training = SyntheticTraining(configuration, batch: batch, window: window, pool: pool, kernels: kernels)
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
            parameters: parameters, rounds: rounds, phases: phases.shares,
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
        /// Both at once, each on whatever thread is free.
        case sideBySide
        /// One after the other, each on all threads.
        case inTurn
    }

    /// The measurements of one round.
    public struct Round: Sendable {
        /// Words a second of training in the two ways.
        public let sideBySide, inTurn: Double
        /// GFLOP/s of training at a word a second: 6 x weights, a multiplication and an addition for each weight and
        /// word in the forward pass, and twice that in the backward one.
        let wordCost: Double
        /// The machine's ceiling in this round.
        public let ceiling: MachineCeiling.Rates

        public func wordsPerSecond(_ way: Way) -> Double { way == .sideBySide ? sideBySide : inTurn }
        /// GFLOP/s.
        public func trainingRate(_ way: Way) -> Double { wordCost * wordsPerSecond(way) }
        public func share(_ way: Way) -> Double { trainingRate(way) / ceiling.best }
    }

    public struct Result: Sendable {
        public let parameters: Int
        public let rounds: [Round]
        /// The shares of a step's time, with the directions in turn, so that phases do not overlap; together 1. Phases that
        /// this network does not have are left out.
        public let phases: [(phase: Phase, share: Double)]
        /// The peak memory of the whole process in bytes; the ceiling's three matrices are in it.
        public let peakMemory: Int

        public func spread(_ value: (Round) -> Double) -> Spread { Spread(rounds.map(value)) }

        /// The way whose median is the faster one.
        public var fasterWay: Way {
            spread(\.sideBySide).median >= spread(\.inTurn).median ? .sideBySide : .inTurn
        }

        /// The share of a step's time that is not for matrix products.
        public var withoutProducts: Double { phases.reduce(0) { $0 + ($1.phase.isProduct ? 0 : $1.share) } }
    }
}
