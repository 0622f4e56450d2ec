internal import Encoding
internal import Files
public import Kernels
internal import Layers
internal import Model
internal import Parallel

extension EncodingBenchmark {
    /// The measurements of one round on a device.
    public struct DeviceRound: Sendable {
        /// The speed in words per second.
        public let wordsPerSecond: Double
        /// The fraction of the time in which the host had nothing to prepare and waited for the device.
        public let waiting: Double
    }

    /// The sizes and the rounds of encoding on a device.
    public struct DeviceResult: Sendable {
        /// The number of weights, and of the text's sentences, tokens and distinct words.
        public let parameters, sentences, tokens, distinctWords: Int
        /// The largest batch: its positions, including padding, and its sentences.
        public let batchRows, batchSentences: Int
        /// The rounds that count.
        public let rounds: [DeviceRound]

        /// Returns the spread of a value over the rounds.
        public func spread(_ value: (DeviceRound) -> Double) -> Spread { Spread(rounds.map(value)) }
    }

    /// Measures encoding on a device, from the words to the vectors of all layers in the memory of the host. A first round does not
    /// count: it allocates memory, and meets all words for the first time. Throws what `run` throws.
    /// - `backends`: one of the device for each direction.
    /// - `onProgress`, `onRound`: called as in `run`.
    public func run(
        on backends: [any Backend], onProgress: (String) -> Void = { _ in },
        onRound: (_ number: Int, DeviceRound) -> Void = { _, _ in }
    ) throws -> DeviceResult {
        if let complaint = configuration.complaint { throw ToolError(.usage, complaint) }
        onProgress("preparing")
        let pool = ThreadPool(threads: threads)
        let inputs = try EncodingInputs(self, pool: pool)
        let tokens = inputs.sentences.reduce(0) { $0 + $1.count }
        let run = try EncodingRun(inputs, pool: pool, backends: backends)
        let stage = try run.stage()
        _ = try run.encodeAll(stage)
        var measured: [DeviceRound] = []
        while measured.isEmpty || measured.count < rounds && !shouldStop() {
            let waited = stage.waited, seconds = try run.encodeAll(stage)
            let round = DeviceRound(wordsPerSecond: Double(tokens) / seconds, waiting: (stage.waited - waited) / seconds)
            measured.append(round)
            onRound(measured.count, round)
        }
        let capacity = run.encoder.directions[0].capacity
        return DeviceResult(
            parameters: run.encoder.parameterCount, sentences: inputs.sentences.count, tokens: tokens,
            distinctWords: inputs.distinctWords.count, batchRows: capacity.rows, batchSentences: capacity.batch, rounds: measured)
    }
}
