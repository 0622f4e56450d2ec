public import Kernels
public import Layers
public import Model
public import Parallel

/// Limits on what is encoded at once: little on a processor, whose caches are small; as much as fits on a GPU, which a step of few
/// sentences would leave idle, and where each step of a batch costs the host about twenty calls.
struct BatchLimits {
    /// Maximum positions, including padding, and sentences of a batch's memory.
    let capacity: WindowCapacity
    /// Maximum number of sentences in a batch.
    let sentences: Int
    /// True if sentences lie one after another rather than side by side with padding, for layers that process all steps at once.
    let isPacked: Bool
    /// Size of a group of sentences, which are sorted by length: enough tokens that many have the same length, and a limit on
    /// output values.
    let groupTokens, groupValues: Int
    /// In a batch, sentences that have ended end together in this number; see `WindowShape`.
    let endsTogether: Int
    /// Number of batches whose memory the host fills before the first of them is computed.
    let turns: Int

    /// Sentences in a packed batch. 16 and 128 gave the same number of words a second on two cores, within 2%.
    private static let packedSentences = 64
    /// 192 MiB of output values.
    private static let processorValues = 48 << 20
    /// 768 MiB, and the same for the group before it.
    private static let gpuValues = 192 << 20

    /// - Parameter groupTokens: replaces the usual number.
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

    /// Returns the number of words whose input layer outputs of size `width` are kept in addition to those of a batch: 64 MiB for
    /// spellings, which take long to read, and 8 MiB for vectors; on a GPU all words of most texts, if an eighth of its free memory
    /// holds them.
    static func keptWords(_ encoder: ContextualEncoder) -> Int {
        let configuration = encoder.configuration, backend = encoder.directions[0].backend, width = configuration.width
        let values = configuration.input == .embeddings ? 2 << 20 : 16 << 20
        guard !backend.computesInHostMemory else { return values / width }
        let layers = configuration.sharesLayers ? 1 : encoder.directions.count
        return max(values / width, min(1 << 18, backend.freeBytes / 8 / (4 * layers * width)))
    }

    /// Number of new words that go through the input layers at once.
    var newWords: Int { min(capacity.rows, 1 << 13) }
}

extension SentenceEncoder {
    /// Reads a model for encoding, with memory for batches of a size that suits the device. Throws what `ModelFile.read` throws.
    /// - `backends`: backends of a device, one for each direction; empty to use the processor.
    public static func readModel(_ path: String, pool: ThreadPool, backends: [any Backend] = []) throws -> ContextualEncoder {
        try ModelFile.read(path, hasOutput: false, pool: pool, backends: backends) { configuration in
            backends.first.map { capacity(configuration, on: $0) } ?? capacity
        }
    }

    /// Returns the largest batch that an encoder will process on a device: 98,304 positions, or as many as leave half of the
    /// currently free memory free. The gates of 4096 cells at more positions are more numbers than 31 bits can count.
    public static func capacity(_ configuration: EncoderConfiguration, on backend: any Backend) -> WindowCapacity {
        let directions = configuration.directions.count, layers = configuration.encoder.family.layers + 1
        var rows = 3 << 15
        while rows > batchRows {
            let capacity = WindowCapacity(batch: rows / 32, rows: rows)
            let network = configuration.memoryBill(capacity: capacity, training: nil, hasOutput: false, backend: backend)
            // The input layer's outputs, and those of all layers of two batches on their way to the host.
            let values = directions * configuration.width * (rows + 2 * layers * min(rows, 1 << 16))
            if network.reduce(4 * values, { $0 + $1.bytes }) <= backend.freeBytes / 2 { return capacity }
            rows /= 2
        }
        return capacity
    }
}
