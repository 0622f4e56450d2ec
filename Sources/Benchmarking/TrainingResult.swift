public import Kernels

extension TrainingBenchmark {
    /// A way in which the directions of an encoder share the threads.
    public enum Way: String, CaseIterable, Encodable, Sendable {
        /// At once, each on whatever thread is free.
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
        public let wordsPerStep: Int
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
