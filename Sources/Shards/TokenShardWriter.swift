public import Files
public import Parallel

/// The columns of token shards.
enum TokenColumn {
    static let newWordLengths = 0, newWordBytes = 1, sentenceLengths = 2, ids = 3
    static let all = [
        ShardColumn("new-word-lengths", .u32), ShardColumn("new-word-bytes", .u8),
        ShardColumn("sentence-lengths", .u32), ShardColumn("ids", .u32),
    ]
}

/// Writes sentences with a dictionary: each word is spelt once, where it first occurs, and is a number from then on.
public final class TokenShardWriter {
    /// When the dictionary of a part holds this many words or bytes, a new part begins with an empty one: so memory
    /// stays bounded here and in every reader.
    public static let dictionaryWords = 2_000_000
    public static let dictionaryBytes = 32 << 20

    private let writer: ShardWriter
    private let header: ShardHeader
    private let wordLimit: Int
    private var words: WordTable
    private var totals = (sentences: 0, tokens: 0)
    private var map: [UInt32] = []

    /// - Parameters:
    ///   - tool: name and version of the program, for the header.
    ///   - options: the options that shaped the tokens.
    ///   - dictionaryWords: for tests: begin a new part after this many words.
    public init(
        _ output: OutputFile, tool: String, options: ShardFields, pool: WorkerPool,
        dictionaryWords: Int = TokenShardWriter.dictionaryWords
    ) throws {
        writer = ShardWriter(output, pool: pool)
        header = ShardHeader(kind: .tokens, tool: tool, columns: TokenColumn.all, fields: options)
        wordLimit = dictionaryWords
        words = WordTable(capacity: 1 << 16)
        try writer.beginPart(header)
    }

    /// Appends a batch as one block. Throws `ToolError` (`ioError`; `dataError` if a sentence is over the format's limit).
    public func append(_ batch: borrowing TokenBatch) throws {
        if words.count >= wordLimit || words.bytes.count >= Self.dictionaryBytes {
            try endPart()
            try writer.beginPart(header)
            words = WordTable(capacity: 1 << 16)
            totals = (0, 0)
        }
        let known = words.count
        let knownBytes = words.bytes.count
        words.insert(contentsOf: batch.words, map: &map)
        let lengths = (known..<words.count).map { UInt32(words.range(of: $0).count) }
        var block = writer.newBlock(capacity: 4 * (batch.ids.count + batch.sentenceLengths.count + 2 * lengths.count))
        block.append(column: lengths)
        words.bytes.withUnsafeBufferPointer {
            block.append(column: UnsafeBufferPointer(rebasing: $0[knownBytes...]))
        }
        block.append(column: batch.sentenceLengths)
        block.append(columnOf: batch.ids.count) { ids in
            // Pointers, because every access to a property of a class is checked.
            map.withUnsafeBufferPointer { map in
                batch.ids.withUnsafeBufferPointer { old in
                    for index in 0..<old.count { ids[index] = map[Int(old[index])].littleEndian }
                }
            }
        }
        try writer.append(block)
        totals.sentences += batch.sentenceLengths.count
        totals.tokens += batch.ids.count
    }

    /// Ends the shard. `source` says what text it was made from (a digest, a size).
    @discardableResult
    public func finish(source: ShardFields = [:]) throws -> UInt64 { try endPart(source) }

    @discardableResult
    private func endPart(_ source: ShardFields = [:]) throws -> UInt64 {
        var fields: ShardFields = [
            "sentences": String(totals.sentences), "tokens": String(totals.tokens), "words": String(words.count),
        ]
        for (name, value) in source.pairs { fields.append(name, value) }
        return try writer.endPart(fields)
    }
}
