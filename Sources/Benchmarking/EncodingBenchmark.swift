internal import Encoding
internal import Files
public import Kernels
internal import Layers
public import Model
internal import Parallel

/// A benchmark of encoding with random weights, in turns with the machine's ceiling for matrix products: many sentences, single
/// sentences, and the start from a model file.
public struct EncodingBenchmark: Sendable {
    let configuration: EncoderConfiguration
    let threads: Int
    /// The path of a token shard, or of a text with one sentence per line and spaces between its tokens; `nil` means synthetic text.
    public var text: String?
    /// The number of sentences in a round; fewer if the text has fewer that are not empty.
    public var sentences = 1000
    /// The number of rounds.
    public var rounds = 3
    /// The lengths in words of sentences that are encoded alone, and the number of sentences of each length.
    private static let lengths = [5, 10, 20], alone = 30
    /// The number of measurements of the start.
    private static let starts = 5
    /// The rows and columns of the matrices whose product is the ceiling, and its measuring time per round in seconds.
    private static let ceilingSize = 2048, ceilingSeconds = 1.0
    /// Returns true, after a round, to end the measurement.
    public var shouldStop: @Sendable () -> Bool = { false }

    /// Makes a benchmark of an encoder.
    public init(_ configuration: EncoderConfiguration, threads: Int) {
        self.configuration = configuration
        self.threads = threads
    }

    /// Measures. Throws `ToolError`: `usage` if the sizes make no network, and what reading the text or running a tool throws.
    /// - Parameters:
    ///   - onProgress: called with the name of each step.
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

    /// Returns the number of the encoder's weights that each word meets in a product, in all directions. Norms and gates are not
    /// counted.
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
        /// The speed in words per second.
        public let wordsPerSecond: Double
        /// The speed of encoding in GFLOP/s, by the counted operations.
        public let encodingRate: Double
        /// The machine's ceiling in this round.
        public let ceiling: MachineCeiling.Rates

        /// The speed of encoding as a fraction of the ceiling.
        public var share: Double { encodingRate / ceiling.best }
    }

    /// The measurements of sentences of one length, each encoded alone after an earlier sentence with its words.
    public struct Alone: Sendable {
        /// The number of words in a sentence.
        public let words: Int
        /// The time from the words to the vectors of all layers in seconds.
        public let seconds: Spread
        /// The part of these seconds outside of the encoder's arithmetic (products, gates, norms, sums).
        public let overhead: Spread
    }

    /// The measurements of the start, in seconds.
    public struct Start: Sendable {
        /// The time to map a model file that is in the page cache, and to check its values and its digest.
        public let read: Spread
        /// The time to pack the weights.
        public let pack: Spread
        /// The time of the process `encode` from its start to its end, for one short sentence.
        public let tool: Spread
    }

    /// The measurements of an encoder.
    public struct Result: Sendable {
        /// The number of weights, without an output layer.
        public let parameters: Int
        /// The numbers of sentences, tokens and distinct words in a round.
        public let sentences, tokens, distinctWords: Int
        /// The multiplications and additions of a round: two for each weight and word of the text and, with characters, those of each
        /// distinct word once. Sentence marks and the padding of batches are not counted.
        public let counted: Double
        /// The multiplications and additions of all products that were computed in a round.
        public let computed: Double
        /// The measured rounds.
        public let rounds: [Round]
        /// The fractions of a round's time, with a sum of 1. Phases that the encoder does not have are left out.
        public let phases: [(phase: Phase, share: Double)]
        /// The measurements of single sentences, for each length.
        public let alone: [Alone]
        /// The measurements of the start.
        public let start: Start
        /// The peak memory of the whole process in bytes, including the ceiling's three matrices.
        public let peakMemory: Int

        /// Returns the spread of a value over the rounds.
        public func spread(_ value: (Round) -> Double) -> Spread { Spread(rounds.map(value)) }
    }
}
