internal import Encoding
internal import Files
internal import Layers
public import Model
internal import Parallel

/// Encoding with random weights beside the machine's ceiling for matrix products, by turns in one run: many sentences, sentences
/// alone, and the start from a model file.
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
    /// Rows and columns of the matrices whose product is the ceiling, and for how many seconds it is measured in a round.
    private static let ceilingSize = 2048, ceilingSeconds = 1.0
    /// Asked after every round; once true, the rounds so far, at least one, are all.
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

    /// The number of weights of the encoder's layers that a word meets in a product of its own, in all directions. Norms and gates are not
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
        return Start(modelBytes: inputs.modelBytes, read: Spread(read), pack: Spread(pack), tool: Spread(tool))
    }
}
