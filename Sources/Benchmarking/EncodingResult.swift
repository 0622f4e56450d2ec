public import Kernels

extension EncodingBenchmark {
    /// One turn of each.
    public struct Round: Sendable {
        public let wordsPerSecond: Double
        /// GFLOP/s of encoding, by the operations that are counted.
        public let encodingRate: Double
        /// GFLOP/s of large products: ours, and OpenBLAS's with threads of its own.
        public let ownProducts, openBLASProducts: Double

        init(tokens: Int, seconds: Double, operations: Double, ownProducts: Double, openBLASProducts: Double) {
            wordsPerSecond = Double(tokens) / seconds
            encodingRate = 1e-9 * operations / seconds
            self.ownProducts = ownProducts
            self.openBLASProducts = openBLASProducts
        }

        public var ceiling: Double { max(ownProducts, openBLASProducts) }
        public var share: Double { encodingRate / ceiling }
    }

    /// Sentences of one length, each encoded alone when its words have been met before. Seconds a sentence.
    public struct Alone: Sendable {
        public let words: Int
        /// From the words to the vectors of all layers.
        public let seconds: Spread
        /// Of it, what is not arithmetic of the encoder: products, gates, norms, sums.
        public let overhead: Spread
    }

    /// Seconds.
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
        /// Of the encoder without an output layer.
        public let parameters: Int
        public let sentences, tokens, distinctWords: Int
        /// Multiplications and additions of a round: two for each weight and word of the text and, of characters, those of each
        /// distinct word once. The sentences' marks, and what fills batches up, are not counted.
        public let counted: Double
        /// Those of all products that were really computed in a round.
        public let computed: Double
        public let rounds: [Round]
        /// The parts of a round's time, as far as the encoder has them; together 1.
        public let phases: [(phase: Phase, share: Double)]
        public let alone: [Alone]
        public let start: Start
        /// Bytes, of the whole process; the ceiling's three matrices are among them.
        public let peakMemory: Int

        public func spread(_ value: (Round) -> Double) -> Spread { Spread(rounds.map(value)) }
    }
}
