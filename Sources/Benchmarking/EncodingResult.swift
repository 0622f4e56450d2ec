public import Kernels

extension EncodingBenchmark {
    /// The measurements of one round.
    public struct Round: Sendable {
        public let wordsPerSecond: Double
        /// GFLOP/s of encoding, by the operations that are counted.
        public let encodingRate: Double
        /// The machine's ceiling in this round.
        public let ceiling: MachineCeiling.Rates

        public var share: Double { encodingRate / ceiling.best }
    }

    /// The measurements of sentences of one length, each encoded alone after its words have been met before.
    public struct Alone: Sendable {
        public let words: Int
        /// Seconds from the words to the vectors of all layers.
        public let seconds: Spread
        /// Seconds of them that are not for the encoder's arithmetic: products, gates, norms, sums.
        public let overhead: Spread
    }

    /// The measurements of the start, in seconds.
    public struct Start: Sendable {
        public let modelBytes: Int
        /// Mapping a model file that is in the page cache, and checking its numbers and its digest.
        public let read: Spread
        /// Packing its weights.
        public let pack: Spread
        /// `encode` as a process of its own, from its start to its end, for one short sentence.
        public let tool: Spread
    }

    public struct Result: Sendable {
        /// The number of weights, without an output layer.
        public let parameters: Int
        public let sentences, tokens, distinctWords: Int
        /// Multiplications and additions of a round: two for each weight and word of the text and, of characters, those of each
        /// distinct word once. Sentences' marks and the padding of batches are not counted.
        public let counted: Double
        /// Multiplications and additions of all products that were computed in a round.
        public let computed: Double
        public let rounds: [Round]
        /// The shares of a round's time, together 1; phases that the encoder does not have are left out.
        public let phases: [(phase: Phase, share: Double)]
        public let alone: [Alone]
        public let start: Start
        /// The peak memory of the whole process in bytes; the ceiling's three matrices are in it.
        public let peakMemory: Int

        public func spread(_ value: (Round) -> Double) -> Spread { Spread(rounds.map(value)) }
    }
}
