import Files
import Glibc
@_spi(HostMemory) import Kernels
import Layers
import Model
import Parallel
import Shards
import TestSupport
import Training
import WordVectors

/// A corpus and a table on disk, in a language so regular that a tiny encoder learns it, and runs of training on it.
struct TrainingData {
    static let dimension = 12
    let directory: TemporaryDirectory
    /// Token shards.
    let tokens: [String]
    let table: String
    private let merges: String?

    /// Sentences in which every word but the first follows from the one before: w(3k) w(3k+1) w(3k+2), a few times.
    static func sentences(_ count: Int) -> [[String]] {
        (0..<count).map { index in
            (0...(index % 3)).flatMap { repeated -> [String] in
                let start = (index * 5 + repeated * 7) % 4 * 3
                return ["w\(start)", "w\(start + 1)", "w\(start + 2)"]
            }
        }
    }

    /// - Parameters:
    ///   - shards: how many the sentences are spread over.
    ///   - zeroVectors: words whose vectors are zeros.
    ///   - storage: how the table holds its rows.
    ///   - merges: the digest of the merges that cut the text into units; `nil` for a text of words.
    init(
        sentences: [[String]], shards: Int = 1, zeroVectors: Set<String> = [], storage: RowStorage = .float32,
        merges: String? = nil
    ) throws {
        self.merges = merges
        directory = try TemporaryDirectory()
        table = directory.file("table")
        let pool = WorkerPool(threads: 1)
        let size = (sentences.count + shards - 1) / shards
        tokens = (0..<shards).map { [directory] in directory.file("tokens\($0)") }
        for (shard, path) in tokens.enumerated() {
            let part = sentences[shard * size..<min((shard + 1) * size, sentences.count)]
            try Self.write(Array(part), to: path, options, pool)
        }
        try Self.writeTable(table, words: 12, zeroVectors, storage, pool)
    }

    /// Puts a table of the first `words` words before the one there is, and joins them: these words and the marks come twice.
    func joinTable(words: Int, storage: RowStorage) throws {
        let first = directory.file("first")
        try Self.writeTable(first, words: words, [], storage, WorkerPool(threads: 1))
        try directory.write("table", contents(of: first) + contents(of: table))
    }

    /// Of how the text was made into tokens.
    private var options: ShardFields { merges.map { ["mode": "penn", "bpe": $0] } ?? ["mode": "penn"] }

    private static func write(
        _ sentences: [[String]], to path: String, _ options: ShardFields, _ pool: WorkerPool
    ) throws {
        let output = try OutputFile(path: path, binary: true)
        let writer = try TokenShardWriter(output, tool: "test 1", options: options, pool: pool)
        for start in stride(from: 0, to: sentences.count, by: 50) {
            var batch = TokenBatch()
            for sentence in sentences[start..<min(sentences.count, start + 50)] {
                batch.sentenceLengths.append(UInt32(sentence.count))
                for word in sentence { batch.ids.append(UInt32(batch.words.insert(word))) }
            }
            try writer.append(batch)
        }
        try writer.finish()
        try output.commit()
    }

    private static func writeTable(
        _ path: String, words count: Int, _ zeroVectors: Set<String>, _ storage: RowStorage, _ pool: WorkerPool
    ) throws {
        let output = try OutputFile(path: path, binary: true)
        let words = (0..<count).map { "w\($0)" } + ["<s>", "</s>"]
        let writer = try TableShardWriter(
            output, tool: "test 1", dimension: dimension, count: words.count, storage: storage, fields: ["generator": "none"],
            pool: pool)
        for (index, word) in words.enumerated() {
            let row = (0..<dimension).map {
                zeroVectors.contains(word) ? 0 : Float(sin(Double(index * 17 + $0 * $0 + 1) * 1.3))
            }
            try row.withUnsafeBufferPointer { row in
                try Array(word.utf8).withUnsafeBytes {
                    try writer.append(
                        $0, count: index < count ? 100 : 0, source: index < count ? .pretrained : .special, row: row)
                }
            }
        }
        let mean = [Float](repeating: 0, count: dimension)
        try writer.append(tensor: "mean", shape: [dimension], values: mean)
        try writer.finish()
        try output.commit()
    }

    /// Options under which a run takes a moment.
    static func options(steps: Int) -> TrainingOptions {
        var options = TrainingOptions()
        options.batch = 8
        options.window = 7
        options.steps = steps
        options.peakRate = 0.01
        options.evaluations = 2
        return options
    }

    func input(
        threads: Int = 1, tableMemory: Int = WordRows.defaultMemory, heldOutEvery: Int = 10, network: Network = .continuous
    ) throws -> TrainingInput {
        try TrainingInput(
            table: network.needsTable ? table : nil, tableMemory: tableMemory,
            vocabulary: network.output.hasVocabulary ? vocabulary() : nil, tokens: tokens, heldOut: nil,
            heldOutEvery: heldOutEvery, heldOutTokens: 1000, centred: true, threads: threads)
    }

    /// What the network reads and predicts.
    struct Network: Sendable {
        var input = InputKind.embeddings
        var output = OutputKind.continuous
        var sharesLayers = false
        var dropoutKind = DropoutKind.recurrent

        /// What the text must have been cut by.
        var merges: String? { input == .subwords ? "0123456789abcdef" : nil }
        var needsTable: Bool { input == .embeddings || output == .continuous }

        static let continuous = Network()
    }

    /// Counts of the first words that the text is made of; the others are unknown to it.
    func vocabulary() throws -> String { try vocabulary((0..<8).map { "w\($0)" }, merges: merges) }

    func vocabulary(_ words: [String], merges: String?) throws -> String {
        let path = directory.file("vocabulary")
        let output = try OutputFile(path: path, binary: true)
        let writer = try VocabularyShardWriter(output, tool: "test 1", options: merges.map { ["bpe": $0] } ?? [:], pool: WorkerPool(threads: 1))
        for (index, word) in words.enumerated() {
            try Array(word.utf8).withUnsafeBytes { try writer.append($0, count: UInt64(100 - index)) }
        }
        try writer.finish()
        try output.commit()
        return path
    }

    func trainer(
        _ options: TrainingOptions, threads: Int = 1, tableMemory: Int = WordRows.defaultMemory, heldOutEvery: Int = 10,
        directions: [Direction] = Direction.allCases, loss: LossKind = .cosine, network: Network = .continuous,
        checkpoints: CheckpointDirectory? = nil, change: (inout EncoderConfiguration) -> Void = { _ in }
    ) throws -> Trainer {
        let input = try input(threads: threads, tableMemory: tableMemory, heldOutEvery: heldOutEvery, network: network)
        var configuration = EncoderConfiguration(vectorSize: 0, cell: 32, projection: 16)
        configuration.input = network.input
        configuration.output = network.output
        configuration.sharesLayers = network.sharesLayers
        configuration.lstm.dropoutKind = network.dropoutKind
        configuration.isTied = network.input == .subwords && network.sharesLayers
        configuration.inputSize = network.input == .embeddings ? Self.dimension : 0
        configuration.outputSize = network.output == .continuous ? Self.dimension : 0
        configuration.vocabularySize = input.words.vocabulary?.size ?? 0
        configuration.negatives = 5
        configuration.cutoffs = [4, 8]
        configuration.filters = [[1, 8], [2, 8], [3, 8]]
        configuration.reading = Reading(directions) ?? .both
        configuration.loss = loss
        configuration.tokenizer = "mode=penn"
        change(&configuration)
        if loss == .contrastive { input.describe(in: &configuration) }
        if let complaint = configuration.complaint { throw ToolError(.usage, complaint) }
        try input.check(configuration, options)
        return try Trainer(
            configuration, options, input, heldOut: try input.heldOutText(configuration, options), checkpoints: checkpoints)
    }

    func checkpoints(_ name: String = "checkpoints", keep: Int = 3, every interval: Double = 1e9) throws -> CheckpointDirectory {
        try CheckpointDirectory(path: directory.file(name), keep: keep, interval: interval)
    }

    /// The bytes of a model file.
    func bytes(of encoder: ContextualEncoder) throws -> [UInt8] {
        let path = directory.file("model")
        let output = try OutputFile(path: path, binary: true)
        try ModelFile.write(encoder, to: output)
        try output.commit()
        return try contents(of: path)
    }
}
