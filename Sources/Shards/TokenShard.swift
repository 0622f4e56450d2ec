public import Files
public import Parallel

/// Sentences encoded with a dictionary of their own, as one thread makes them from one piece of text.
///
/// A `TokenShardWriter` joins the dictionaries of its batches in order and looks up only the distinct words of each batch.
///
/// ```swift
/// var batch = TokenBatch()
/// for word in ["a", "b", "a"] { batch.ids.append(UInt32(batch.words.insert(word))) }
/// batch.sentenceLengths.append(3)
/// ```
public struct TokenBatch: Sendable {
    /// The distinct words of this batch in the order of their first occurrence.
    public var words = WordTable()
    /// Number of tokens in each sentence, at least 1.
    public var sentenceLengths: [UInt32] = []
    /// The id in `words` of each token, sentence after sentence.
    public var ids: [UInt32] = []

    /// Creates an empty batch.
    public init() {}

    /// Empties the batch and keeps its memory.
    public mutating func removeAll() {
        words.removeAll()
        sentenceLengths.removeAll(keepingCapacity: true)
        ids.removeAll(keepingCapacity: true)
    }
}

/// The columns of token shards.
enum TokenColumn {
    static let newWordLengths = 0, newWordBytes = 1, sentenceLengths = 2, ids = 3
    static let all = [
        ShardColumn("new-word-lengths", .u32), ShardColumn("new-word-bytes", .u8),
        ShardColumn("sentence-lengths", .u32), ShardColumn("ids", .u32),
    ]
}

/// Writes sentences with a dictionary: each word is spelled out at its first occurrence, and is a number afterwards.
///
/// ```swift
/// let writer = try TokenShardWriter(output, tool: "example 1", options: [:], pool: pool)
/// try writer.append(batch)
/// try writer.finish()
/// try output.commit()
/// ```
public final class TokenShardWriter {
    /// Number of words in a part's dictionary after which a new part with an empty one starts. It limits memory here and in every
    /// reader.
    public static let dictionaryWords = 2_000_000
    /// Number of bytes in a part's dictionary after which a new part starts.
    public static let dictionaryBytes = 32 << 20

    private let writer: ShardWriter
    private let header: ShardHeader
    private let wordLimit: Int
    private var words: WordTable
    private var totals = (sentences: 0, tokens: 0)
    private var map: [UInt32] = []

    /// Starts a shard. Throws `ToolError` with status `ioError`.
    /// - `options`: options that affected the tokens, for the header.
    /// - `dictionaryWords`: number of words after which a new part starts; tests pass fewer.
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

    /// Appends a batch as one block. Throws `ToolError`: `ioError`, or `dataError` if a sentence exceeds the format's limit.
    public func append(_ batch: borrowing TokenBatch) throws {
        if words.count >= wordLimit || words.bytes.count >= Self.dictionaryBytes {
            try finish()
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
            // Pointers, because each access to a property of a class is checked.
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

    /// Ends the shard. The caller commits the output. Throws `ToolError` with status `ioError`.
    /// - Parameter source: describes the text it was made from, by digest and size.
    public func finish(source: ShardFields = [:]) throws {
        var fields: ShardFields = [
            "sentences": String(totals.sentences), "tokens": String(totals.tokens), "words": String(words.count),
        ]
        fields.append(contentsOf: source)
        try writer.endPart(fields)
    }
}

/// A checked block of a token shard: sentences of ids, and the words that are new in it.
///
/// ```swift
/// block.forEachSentence { ids in print(ids.count) }
/// ```
public struct TokenBlock: Sendable {
    let block: ShardBlock
    /// Id of the block's first new word: 0 at the start of a part, where ids start again from 0.
    public let firstNewWord: Int
    /// Number of tokens in the block.
    public let tokenCount: Int

    /// Calls `body` with each new word; the first has id `firstNewWord`.
    public func forEachNewWord(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
        try block.forEachWord(lengths: TokenColumn.newWordLengths, bytes: TokenColumn.newWordBytes, body)
    }

    /// Calls `body` with the ids of each sentence.
    public func forEachSentence(_ body: (UnsafeBufferPointer<UInt32>) throws -> Void) rethrows {
        try withIDs { ids in
            try block.withColumn(TokenColumn.sentenceLengths) { (lengths: UnsafeBufferPointer<UInt32>) in
                var start = 0
                for length in lengths {
                    try body(UnsafeBufferPointer(rebasing: ids[start..<start + Int(length)]))
                    start += Int(length)
                }
            }
        }
    }

    /// Calls `body` with all ids, sentence after sentence.
    public func withIDs<Result>(_ body: (UnsafeBufferPointer<UInt32>) throws -> Result) rethrows -> Result {
        try block.withColumn(TokenColumn.ids, body)
    }
}

/// Reads token shards, one after another, block by block.
///
/// ```swift
/// let reader = TokenShardReader(paths: ["corpus.tok"], pool: WorkerPool(threads: 2))
/// var words: [String] = []
/// while let block = try reader.next() {
///     if block.firstNewWord == 0 { words.removeAll() }
///     block.forEachNewWord { words.append(String(decoding: $0, as: UTF8.self)) }
///     block.forEachSentence { ids in print(ids.map { words[Int($0)] }.joined(separator: " ")) }
/// }
/// ```
public final class TokenShardReader {
    private let pool: WorkerPool
    private var paths: ArraySlice<String>
    private var reader: ShardReader?
    /// Number of the part in its shard, and number of words in its dictionary so far.
    private var part = 0, words = 0
    /// Digests of all parts read to their ends.
    public private(set) var digests: [UInt64] = []
    /// Header of the part of the last block.
    public private(set) var header: ShardHeader?

    /// Creates a reader of several shards.
    /// - `paths`: shards to read in this order; `-` is standard input.
    public init(paths: [String], pool: WorkerPool) {
        self.paths = paths[...]
        self.pool = pool
    }

    /// Creates a reader of one source. Throws `ToolError`.
    public init(_ source: any ByteSource, pool: WorkerPool) throws {
        paths = []
        self.pool = pool
        reader = try ShardReader(source, kind: .tokens, columns: [TokenColumn.all], pool: pool)
    }

    /// Returns the next block; `nil` after the last. Throws `ToolError`.
    public func next() throws -> TokenBlock? {
        while true {
            if reader == nil {
                guard let path = paths.popFirst() else { return nil }
                reader = try ShardReader(FileSource(path: path), kind: .tokens, columns: [TokenColumn.all], pool: pool)
                (part, words) = (0, 0)
            }
            guard let reader else { return nil }
            if let block = try reader.next() {
                header = reader.header
                return try check(block, reader)
            }
            digests += reader.digests
            self.reader = nil
        }
    }

    private func check(_ block: ShardBlock, _ reader: ShardReader) throws -> TokenBlock {
        if part != reader.part { (part, words) = (reader.part, 0) }
        let known = words
        let tokens = block.count(TokenColumn.ids, stride: 4)
        words += block.count(TokenColumn.newWordLengths, stride: 4)
        let sound =
            block.adds(up: TokenColumn.newWordLengths, to: block.count(TokenColumn.newWordBytes, stride: 1))
            && block.adds(up: TokenColumn.sentenceLengths, to: tokens)
            && block.withColumn(TokenColumn.ids, as: UInt32.self) { ids in ids.allSatisfy { Int($0) < words } }
        guard sound else {
            throw ToolError.data(reader.name, block.place, "lengths and ids of this block do not fit together")
        }
        try checkWords(block, TokenColumn.newWordLengths, TokenColumn.newWordBytes, after: known, file: reader.name)
        return TokenBlock(block: block, firstNewWord: known, tokenCount: tokens)
    }
}

/// The totals in the ends of a token shard's parts, read without the blocks.
///
/// ```swift
/// let totals = try PlacedFile(openInput("corpus.tok")).map { try TokenTotals($0) }
/// ```
public struct TokenTotals: Sendable, Equatable {
    /// Number of sentences.
    public private(set) var sentences = 0
    /// Number of tokens.
    public private(set) var tokens = 0
    /// True if tokens are units of words (`tokenize --bpe`).
    public private(set) var areUnits = false

    /// Reads the totals. Throws `ToolError`: `ioError`, or `dataError` if the file is not a token shard or is damaged where it was
    /// read.
    public init(_ file: PlacedFile) throws {
        var offset = 0
        while offset < file.size {
            // A part's header and end are small frames; a block may be small, too.
            if let end = try file.endOfFrame(at: offset, leastContent: 1 << 16) {
                offset = end
                continue
            }
            let place = "byte \(offset)"
            guard let (content, end) = try file.frame(at: offset, kind: .tokens) else { break }
            offset = end
            if content.starts(with: ShardBlock.endMagic) {
                let fields = ShardFields(endOfPart: content)
                guard let sentences = fields?.integer("sentences"), let tokens = fields?.integer("tokens"), sentences >= 0,
                    tokens >= 0
                else { throw ToolError.data(file.name, place, "the shard's end does not say how many tokens it has") }
                self.sentences = self.sentences.addingReportingOverflow(sentences).partialValue
                self.tokens = self.tokens.addingReportingOverflow(tokens).partialValue
            } else if !content.starts(with: ShardBlock.magic) {
                let header = try ShardHeader(
                    content: content, kind: .tokens, columns: [TokenColumn.all], file: file.name, place: place)
                areUnits = areUnits || header.fields["bpe"] != nil
            }
        }
    }
}

/// Prints token shards as text: a sentence on each line, with one space between tokens.
public func printTokens(paths: [String], to output: OutputFile, pool: WorkerPool) throws {
    let reader = TokenShardReader(paths: paths, pool: pool)
    var words = WordList()
    while let block = try reader.next() {
        if block.firstNewWord == 0 { words.removeAll() }
        block.forEachNewWord { words.append($0) }
        var text: [UInt8] = []
        block.forEachSentence { sentence in
            for (position, id) in sentence.enumerated() {
                if position > 0 { text.append(UInt8(ascii: " ")) }
                words.withWord(Int(id)) { text.append(contentsOf: $0) }
            }
            text.append(UInt8(ascii: "\n"))
        }
        try output.write(text)
    }
}
