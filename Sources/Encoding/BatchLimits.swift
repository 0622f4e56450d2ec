public import Kernels
public import Layers
public import Model
public import Parallel

/// Limits of what is encoded at once: a little on a processor, whose caches are small; on a GPU, which a step of few sentences would
/// leave idle, and where each step of a batch costs the host some twenty calls, as much as there is room for.
struct BatchLimits {
    /// Positions of a batch, padding included, and its sentences.
    let capacity: WindowCapacity
    /// Sentences of a batch at most.
    let sentences: Int
    /// True if sentences lie one behind the other, and not side by side with padding: in layers that go through all steps at once.
    let isPacked: Bool
    /// The size of a group of sentences, which are sorted by their length: tokens enough that many have the same length, and values
    /// of the output.
    let groupTokens, groupValues: Int
    /// The sentences of a batch that have ended end together by so many; see `WindowShape`.
    let endsTogether: Int
    /// Batches whose memory the host fills before the first of them is computed.
    let turns: Int

    /// Sentences of a batch that is packed: 16 and 128 gave as many words a second on two cores within 2%.
    private static let packedSentences = 64
    /// 192 MiB of output values.
    private static let processorValues = 48 << 20
    /// 768 MiB, and as many of the group before it.
    private static let gpuValues = 192 << 20

    /// - Parameter groupTokens: in place of as many as are good.
    init(_ encoder: ContextualEncoder, groupTokens: Int? = nil) {
        let model = encoder.directions[0], isProcessor = model.backend.computesInHostMemory
        capacity = model.capacity
        isPacked = isProcessor && !encoder.configuration.encoder.family.carriesState
        sentences = isPacked ? min(capacity.batch, Self.packedSentences) : capacity.batch
        self.groupTokens = groupTokens ?? (isProcessor ? 1 << 15 : 1 << 16)
        groupValues = isProcessor ? Self.processorValues : Self.gpuValues
        endsTogether = isProcessor ? 1 : 64
        turns = isProcessor ? 1 : 3
    }

    /// Words whose outputs of an input layer of `width` are kept beside those of a batch: 64 MiB of spellings, which take long to
    /// read, and 8 MiB of vectors; on a GPU all words of most texts, if an eighth of its free memory holds them.
    static func keptWords(_ encoder: ContextualEncoder) -> Int {
        let configuration = encoder.configuration, backend = encoder.directions[0].backend, width = configuration.width
        let values = configuration.input == .embeddings ? 2 << 20 : 16 << 20
        guard !backend.computesInHostMemory else { return values / width }
        let layers = configuration.sharesLayers ? 1 : encoder.directions.count
        return max(values / width, min(1 << 18, backend.freeBytes / 8 / (4 * layers * width)))
    }

    /// New words that go through the input layers at once.
    var newWords: Int { min(capacity.rows, 1 << 13) }
}

extension SentenceEncoder {
    /// Reads a model for encoding, with memory for batches as large as is good where it computes. Throws what `ModelFile.read`
    /// throws.
    /// - Parameter backends: of a device, one for each direction; none: the processor computes.
    public static func readModel(_ path: String, pool: ThreadPool, backends: [any Backend] = []) throws -> ContextualEncoder {
        try ModelFile.read(path, hasOutput: false, pool: pool, backends: backends) { configuration in
            backends.first.map { capacity(configuration, on: $0) } ?? capacity
        }
    }

    /// The largest batch that an encoder will be asked for on a device: of 98,304 positions, or so many that half of the memory
    /// which is free now stays free. The gates of 4096 cells at more positions are numbers that 31 bits do not count.
    public static func capacity(_ configuration: EncoderConfiguration, on backend: any Backend) -> WindowCapacity {
        let directions = configuration.directions.count, layers = configuration.encoder.family.layers + 1
        var rows = 3 << 15
        while rows > batchRows {
            let capacity = WindowCapacity(batch: rows / 32, rows: rows)
            let network = configuration.memoryBill(capacity: capacity, training: nil, hasOutput: false, backend: backend)
            // The input layer's outputs, and of two batches those of all layers on their way to the host.
            let values = directions * configuration.width * (rows + 2 * layers * min(rows, 1 << 16))
            if network.reduce(4 * values, { $0 + $1.bytes }) <= backend.freeBytes / 2 { return capacity }
            rows /= 2
        }
        return capacity
    }
}
