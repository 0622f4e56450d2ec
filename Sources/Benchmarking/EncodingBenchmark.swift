internal import Encoding
internal import Files
internal import Kernels
internal import Layers
public import Model
internal import Parallel

/// Encoding with random weights beside the machine's ceiling for matrix products, by turns in one run: many sentences, sentences
/// alone, and the start from a model file.
public struct EncodingBenchmark: Sendable {
    public var configuration: EncoderConfiguration
    public var threads: Int
    /// A token shard or a text whose tokens stand between spaces, a sentence a line; `nil` for synthetic text.
    public var text: String?
    /// Sentences to encode in a round, as far as the text has as many that are not empty.
    public var sentences = 1000
    public var rounds = 3
    /// Words of the sentences that are encoded alone, and how many of each length.
    public var lengths = [5, 10, 20]
    public var alone = 30
    /// How often the start is measured.
    public var starts = 5
    /// Rows and columns of the matrices whose product is the ceiling, and how long it is measured in a round.
    public var ceilingSize = 2048
    public var ceilingSeconds = 1.0
    /// Asked after every round; then the rounds there are, at least one, are all.
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
        let ceiling = ProductCeiling(size: ceilingSize, pool: pool)
        _ = try ceiling.openBLASRate(seconds: 0, threads: pool.threads)
        let starting = try measureStart(inputs, pool, onProgress)
        let run = try EncodingRun(inputs, pool: pool)
        let counted = 2 * Self.weightsMet(configuration) * Double(tokens) + run.operationsOfDistinctWords()

        var measured: [Round] = []
        while measured.isEmpty || measured.count < rounds && !shouldStop() {
            let own = ceiling.rate(seconds: ceilingSeconds)
            let library = try ceiling.openBLASRate(seconds: ceilingSeconds, threads: pool.threads)
            let seconds = try run.encodeAll()
            let round = Round(
                tokens: tokens, seconds: seconds, operations: counted, ownProducts: own, openBLASProducts: library)
            measured.append(round)
            onRound(measured.count, round)
        }
        onProgress("sentences alone")
        return Result(
            parameters: run.encoder.parameterCount, sentences: inputs.sentences.count, tokens: tokens,
            distinctWords: inputs.distinctWords.count, counted: counted, computed: run.operations / Double(measured.count),
            rounds: measured, phases: run.phases, alone: try lengths.map { try run.encodeAlone(words: $0, count: alone) },
            start: starting, peakMemory: Files.peakMemory())
    }

    /// The weights of the encoder's layers that a word meets in a product of its own, in all directions. Norms and gates are not
    /// counted.
    static func weightsMet(_ configuration: EncoderConfiguration) -> Double {
        Double(configuration.directions.count) * configuration.encoder.family.weights
    }

    private func measureStart(_ inputs: EncodingInputs, _ pool: ThreadPool, _ onProgress: (String) -> Void) throws -> Start {
        var read: [Double] = [], pack: [Double] = [], tool: [Double] = []
        for number in 1...starts {
            onProgress("start \(number) of \(starts)")
            var encoder: ContextualEncoder?
            read.append(try seconds { encoder = try inputs.readModel(pool) })
            pack.append(seconds { encoder?.packWeights() })
            encoder = nil
            tool.append(try inputs.runTool())
        }
        return Start(modelBytes: inputs.modelBytes, read: Spread(read), pack: Spread(pack), tool: Spread(tool))
    }
}
