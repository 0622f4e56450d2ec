public import Files
public import Parallel

enum VectorColumn {
    static let sentenceLengths = 0, wordLengths = 1, wordBytes = 2, values = 3

    static func all(_ storage: RowStorage) -> [ShardColumn] {
        [ShardColumn("sentence-lengths", .u32), ShardColumn("word-lengths", .u32), ShardColumn("word-bytes", .u8),
         ShardColumn("values", storage.element)]
    }
}

/// Contextual vectors of one sentence.
public struct SentenceVectors: Sendable {
    public var words: [String]
    /// Shape (tokens, layers, width), row-major.
    public var values: [Float]

    public init(words: [String], values: [Float]) {
        self.words = words
        self.values = values
    }
}

/// Writes contextual vectors, sentence after sentence; a sentence may be empty, so that every input line keeps its place. A
/// long one is written in pieces as they come, and goes on in the blocks that follow.
public final class VectorShardWriter {
    private let writer: ShardWriter
    private let name: String
    private let storage: RowStorage
    private let valuesPerToken: Int
    private var sentenceLengths: [UInt32] = []
    private var wordLengths: [UInt32] = []
    private var bytes: [UInt8] = []
    private var values: [Float] = []
    private var halves: [UInt16] = []
    private var totals = (sentences: 0, tokens: 0)
    /// Of the sentence that was begun last: tokens whose vectors are still to come.
    private var missing = 0

    /// Values of a block, about; and what makes a sentence go on in the next one.
    private static let blockValues = 1 << 19, mostValues = 1 << 22

    /// - Parameters:
    ///   - layers: vectors a token.
    ///   - width: values a vector.
    public init(
        _ output: OutputFile, tool: String, layers: Int, width: Int, storage: RowStorage = .float32, fields: ShardFields,
        pool: WorkerPool
    ) throws {
        valuesPerToken = layers * width
        name = output.name
        self.storage = storage
        writer = ShardWriter(output, pool: pool)
        var all: ShardFields = ["layers": String(layers), "width": String(width)]
        for (name, value) in fields.pairs { all.append(name, value) }
        try writer.beginPart(ShardHeader(kind: .vectors, tool: tool, columns: VectorColumn.all(storage), fields: all))
    }

    /// Begins a sentence; its vectors follow in `append`.
    public func begin(_ words: [String]) throws {
        precondition(missing == 0, "the vectors of the sentence before are not complete")
        if values.count >= Self.blockValues || sentenceLengths.count >= 1 << 16 { try flush() }
        sentenceLengths.append(UInt32(words.count))
        for word in words {
            wordLengths.append(UInt32(word.utf8.count))
            bytes.append(contentsOf: word.utf8)
        }
        missing = words.count
        totals.sentences += 1
        totals.tokens += words.count
    }

    /// The vectors of the next tokens of the sentence: shape (tokens, layers, width). Throws `ToolError`: `dataError` for a
    /// number that has no half, `ioError`.
    public func append(_ vectors: UnsafeBufferPointer<Float>) throws {
        let tokens = vectors.count / valuesPerToken
        precondition(tokens * valuesPerToken == vectors.count && tokens <= missing)
        missing -= tokens
        var rest = vectors
        while !rest.isEmpty {
            if values.count >= Self.mostValues { try flush() }
            let room = max(1, (Self.mostValues - values.count) / valuesPerToken) * valuesPerToken
            values.append(contentsOf: rest.prefix(room))
            rest = UnsafeBufferPointer(rebasing: rest.dropFirst(room))
        }
    }

    /// A whole sentence.
    public func append(_ sentence: SentenceVectors) throws {
        precondition(sentence.values.count == sentence.words.count * valuesPerToken)
        try begin(sentence.words)
        try sentence.values.withUnsafeBufferPointer { try append($0) }
    }

    @discardableResult
    public func finish(totals extra: ShardFields = [:]) throws -> UInt64 {
        precondition(missing == 0, "the vectors of the last sentence are not complete")
        try flush()
        var fields: ShardFields = ["sentences": String(totals.sentences), "tokens": String(totals.tokens)]
        for (name, value) in extra.pairs { fields.append(name, value) }
        return try writer.endPart(fields)
    }

    /// Bytes of a shard of one part, if nothing of it can be compressed: the columns, and what blocks, frames, header and end have
    /// beside them.
    public static func largestSize(
        values: Double, valueBytes: Double, wordBytes: Double, tokens: Double, sentences: Double
    ) -> Double {
        let content = valueBytes + wordBytes + 4 * tokens + 4 * sentences
        let blocks = 1 + (values / Double(blockValues)).rounded(.down) + (sentences / Double(1 << 16)).rounded(.down)
        let frame = Double(Frame.headerSize + Frame.endSize + ShardBlock.prefixSize + 4 * (8 + 7) + Frame.blockExtra)
        return content + blocks * frame + content / Double(Frame.largestBlock) * Double(Frame.blockExtra) + 4096
    }

    private func flush() throws {
        guard !sentenceLengths.isEmpty || !values.isEmpty else { return }
        var block = writer.newBlock(capacity: storage.stride * values.count + bytes.count)
        block.append(column: sentenceLengths)
        block.append(column: wordLengths)
        block.append(column: bytes)
        switch storage {
        case .float32: block.append(column: values)
        case .float16:
            try values.withUnsafeBufferPointer { try HalfFloat.convert($0, into: &halves, file: name) }
            block.append(column: halves)
        }
        try writer.append(block)
        sentenceLengths.removeAll(keepingCapacity: true)
        wordLengths.removeAll(keepingCapacity: true)
        bytes.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
    }
}
