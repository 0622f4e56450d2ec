public import Files
public import Parallel

enum VectorColumn {
    static let sentenceLengths = 0, wordLengths = 1, wordBytes = 2, values = 3
    static let all = [
        ShardColumn("sentence-lengths", .u32), ShardColumn("word-lengths", .u32), ShardColumn("word-bytes", .u8),
        ShardColumn("values", .f32),
    ]
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

/// Writes contextual vectors, sentence after sentence; a sentence may be empty, so that every input line keeps its place.
public final class VectorShardWriter {
    private let writer: ShardWriter
    private let valuesPerToken: Int
    private var sentenceLengths: [UInt32] = []
    private var wordLengths: [UInt32] = []
    private var bytes: [UInt8] = []
    private var values: [Float] = []
    private var totals = (sentences: 0, tokens: 0)

    private static let blockValues = 1 << 19

    /// - Parameters:
    ///   - layers: vectors a token.
    ///   - width: values a vector.
    public init(
        _ output: OutputFile, tool: String, layers: Int, width: Int, fields: ShardFields, pool: WorkerPool
    ) throws {
        valuesPerToken = layers * width
        writer = ShardWriter(output, pool: pool)
        var all: ShardFields = ["layers": String(layers), "width": String(width)]
        for (name, value) in fields.pairs { all.append(name, value) }
        try writer.beginPart(ShardHeader(kind: .vectors, tool: tool, columns: VectorColumn.all, fields: all))
    }

    public func append(_ sentence: SentenceVectors) throws {
        precondition(sentence.values.count == sentence.words.count * valuesPerToken)
        sentenceLengths.append(UInt32(sentence.words.count))
        for word in sentence.words {
            wordLengths.append(UInt32(word.utf8.count))
            bytes.append(contentsOf: word.utf8)
        }
        values.append(contentsOf: sentence.values)
        totals.sentences += 1
        totals.tokens += sentence.words.count
        if values.count >= Self.blockValues || sentenceLengths.count >= 1 << 16 { try flush() }
    }

    @discardableResult
    public func finish(totals extra: ShardFields = [:]) throws -> UInt64 {
        try flush()
        var fields: ShardFields = ["sentences": String(totals.sentences), "tokens": String(totals.tokens)]
        for (name, value) in extra.pairs { fields.append(name, value) }
        return try writer.endPart(fields)
    }

    private func flush() throws {
        guard !sentenceLengths.isEmpty else { return }
        var block = writer.newBlock(capacity: 4 * values.count + bytes.count)
        block.append(column: sentenceLengths)
        block.append(column: wordLengths)
        block.append(column: bytes)
        block.append(column: values)
        try writer.append(block)
        sentenceLengths.removeAll(keepingCapacity: true)
        wordLengths.removeAll(keepingCapacity: true)
        bytes.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
    }
}

/// Reads contextual vectors, sentence after sentence.
public final class VectorShardReader {
    private let reader: ShardReader
    /// Vectors a token, and values a vector; the same in all joined parts.
    public let layers: Int
    public let width: Int
    private var sentences: ArraySlice<SentenceVectors> = []

    public init(_ source: any ByteSource, pool: WorkerPool) throws {
        reader = try ShardReader(source, kind: .vectors, columns: VectorColumn.all, pool: pool)
        (layers, width) = try Self.shape(reader.header, file: reader.name)
    }

    public var header: ShardHeader { reader.header }

    /// The next sentence, `nil` after the last. Throws `ToolError`.
    public func next() throws -> SentenceVectors? {
        while sentences.isEmpty {
            guard let block = try reader.next() else { return nil }
            guard try Self.shape(reader.header, file: reader.name) == (layers, width) else {
                throw ToolError.data(reader.name, block.place, "joined shards have vectors of different shapes")
            }
            try decode(block)
        }
        return sentences.popFirst()
    }

    private func decode(_ block: ShardBlock) throws {
        let tokens = block.count(VectorColumn.wordLengths, stride: 4)
        guard block.adds(up: VectorColumn.sentenceLengths, to: tokens),
            block.adds(up: VectorColumn.wordLengths, to: block.count(VectorColumn.wordBytes, stride: 1)),
            block.count(VectorColumn.values, stride: 4) == tokens * layers * width
        else { throw ToolError.data(reader.name, block.place, "words and vectors of this block do not fit together") }
        var words: [String] = []
        words.reserveCapacity(tokens)
        block.forEachWord(lengths: VectorColumn.wordLengths, bytes: VectorColumn.wordBytes) {
            words.append(String(decoding: $0, as: UTF8.self))
        }
        block.withColumn(VectorColumn.values, as: Float.self) { values in
            block.withColumn(VectorColumn.sentenceLengths, as: UInt32.self) { lengths in
                var first = 0
                sentences = lengths.map { length in
                    let range = first..<first + Int(length)
                    first = range.upperBound
                    let size = layers * width
                    return SentenceVectors(
                        words: Array(words[range]),
                        values: Array(values[range.lowerBound * size..<range.upperBound * size]))
                }[...]
            }
        }
    }

    private static func shape(_ header: ShardHeader, file: String) throws -> (Int, Int) {
        guard let layers = header.fields.integer("layers"), let width = header.fields.integer("width"),
            layers > 0, width > 0, layers <= 1 << 20, width <= 1 << 20
        else { throw ToolError.data(file, "", "the shard does not say how many layers and values its vectors have") }
        return (layers, width)
    }
}
