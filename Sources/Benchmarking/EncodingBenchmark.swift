internal import Encoding
internal import Files
public import Kernels
internal import Layers
public import Model
internal import Parallel

/// Encoding with random weights beside the machine's ceiling for matrix products, by turns in one run: many sentences, single
/// sentences, and the start from a model file.
public struct EncodingBenchmark: Sendable {
    let configuration: EncoderConfiguration
    let threads: Int
    /// A token shard, or a text with a sentence a line and spaces between its tokens; `nil` for synthetic text.
    public var text: String?
    /// The number of sentences to encode in a round, if the text has as many that are not empty.
    public var sentences = 1000
    public var rounds = 3
    /// The lengths in words of sentences that are encoded alone, and how many of each.
    private static let lengths = [5, 10, 20], alone = 30
    /// The number of times that the start is measured.
    private static let starts = 5
    /// The rows and columns of the matrices whose product is the ceiling, and the seconds that it is measured for in a round.
    private static let ceilingSize = 2048, ceilingSeconds = 1.0
    /// Returns true, after a round, if there are to be no more rounds.
    public var shouldStop: @Sendable () -> Bool = { false }

    public init(_ configuration: EncoderConfiguration, threads: Int) {
        self.configuration = configuration
        self.threads = threads
    }

    /// Measures. Throws `ToolError`: `usage` if the sizes make no network, and what reading the text or running a tool throws.
    /// - Parameters:
    ///   - onProgress: called with what is being done.
    ///   - onRound: called after every round.
    public func run(
        onProgress: (String) -> Void = { _ in }, onRound: (_ number: Int, Round) -> Void = { _, _ in }
    ) throws -> Result {
        if let complaint = configuration.complaint { throw ToolError(.usage, complaint) }
        onProgress("preparing")
        let pool = ThreadPool(threads: threads)
        let inputs = try EncodingInputs(self, pool: pool)
        let tokens = inputs.sentences.reduce(0) { $0 + $1.count }
        let ceiling = try MachineCeiling(size: Self.ceilingSize, pool: pool)
        let start = try measureStart(inputs, pool, onProgress)
        let run = try EncodingRun(inputs, pool: pool)
        let counted = 2 * Self.weightsMet(configuration) * Double(tokens) + run.operationsOfDistinctWords()

        var measured: [Round] = []
        while measured.isEmpty || measured.count < rounds && !shouldStop() {
            let rates = ceiling.rates(seconds: Self.ceilingSeconds), seconds = try run.encodeAll()
            let round = Round(
                wordsPerSecond: Double(tokens) / seconds, encodingRate: 1e-9 * counted / seconds, ceiling: rates)
            measured.append(round)
            onRound(measured.count, round)
        }
        onProgress("sentences alone")
        return Result(
            parameters: run.encoder.parameterCount, sentences: inputs.sentences.count, tokens: tokens,
            distinctWords: inputs.distinctWords.count, counted: counted, computed: run.operations / Double(measured.count),
            rounds: measured, phases: run.phases.shares,
            alone: try Self.lengths.map { try run.encodeAlone(words: $0, count: Self.alone) }, start: start,
            peakMemory: Files.peakMemory())
    }

    /// The number of weights of the encoder's layers that a word meets in a product of its own, in all directions. Norms and
    /// gates are not counted.
    static func weightsMet(_ configuration: EncoderConfiguration) -> Double {
        Double(configuration.directions.count) * configuration.encoder.family.weights
    }

    private func measureStart(_ inputs: EncodingInputs, _ pool: ThreadPool, _ onProgress: (String) -> Void) throws -> Start {
        var read: [Double] = [], pack: [Double] = [], tool: [Double] = []
        for number in 1...Self.starts {
            onProgress("start \(number) of \(Self.starts)")
            var encoder: ContextualEncoder?
            read.append(try seconds { encoder = try inputs.readModel(pool) })
            pack.append(seconds { encoder?.packWeights() })
            encoder = nil
            tool.append(try inputs.runTool())
        }
        return Start(read: Spread(read), pack: Spread(pack), tool: Spread(tool))
    }
}

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
