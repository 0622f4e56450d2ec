public import Files
public import Parallel

/// Sentences coded with a dictionary of their own: what one thread makes of one piece of text.
///
/// A `TokenShardWriter` joins the dictionaries of the batches it is given, in order; only the distinct words of each
/// batch are looked up there.
public struct TokenBatch: Sendable {
    /// The distinct words of this batch, in the order of their first use.
    public var words = WordTable()
    /// Tokens in each sentence. No sentence is empty.
    public var sentenceLengths: [UInt32] = []
    /// The words' ids in `words`, sentence after sentence.
    public var ids: [UInt32] = []

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

/// Writes sentences with a dictionary: each word is spelt once, where it first occurs, and is a number from then on.
public final class TokenShardWriter {
    /// The words and bytes of a part's dictionary after which a new part begins with an empty one: this bounds the memory here
    /// and in every reader.
    public static let dictionaryWords = 2_000_000
    public static let dictionaryBytes = 32 << 20

    private let writer: ShardWriter
    private let header: ShardHeader
    private let wordLimit: Int
    private var words: WordTable
    private var totals = (sentences: 0, tokens: 0)
    private var map: [UInt32] = []

    /// - Parameters:
    ///   - options: the options that shaped the tokens, for the header.
    ///   - dictionaryWords: the words after which a new part begins; tests take fewer.
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
    public func finish(source: ShardFields = [:]) throws {
        var fields: ShardFields = [
            "sentences": String(totals.sentences), "tokens": String(totals.tokens), "words": String(words.count),
        ]
        fields.append(contentsOf: source)
        try writer.endPart(fields)
    }
}

/// One block of a token shard, checked: sentences of ids, and the words that are new in it.
public struct TokenBlock: Sendable {
    let block: ShardBlock
    /// The id of the block's first new word: 0 at the start of a part, where ids count from 0 again.
    public let firstNewWord: Int
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

/// Reads token shards, one after the other, block by block.
public final class TokenShardReader {
    private let pool: WorkerPool
    private var paths: ArraySlice<String>
    private var reader: ShardReader?
    /// The number of the part in its shard, and the number of words in its dictionary so far.
    private var part = 0, words = 0
    /// The digests of all parts read to their ends.
    public private(set) var digests: [UInt64] = []
    /// The header of the part that the last block belongs to.
    public private(set) var header: ShardHeader?

    /// - Parameter paths: shards to read in this order; `-` is standard input.
    public init(paths: [String], pool: WorkerPool) {
        self.paths = paths[...]
        self.pool = pool
    }

    /// Reads one source.
    public init(_ source: any ByteSource, pool: WorkerPool) throws {
        paths = []
        self.pool = pool
        reader = try ShardReader(source, kind: .tokens, columns: [TokenColumn.all], pool: pool)
    }

    /// The next block, `nil` after the last. Throws `ToolError`.
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
public struct TokenTotals: Sendable, Equatable {
    public private(set) var sentences = 0
    public private(set) var tokens = 0
    /// True if tokens are units of words (`tokenize --bpe`).
    public private(set) var areUnits = false

    /// Throws `ToolError` for what is no token shard, or damaged where it was read: `dataError`, `ioError`.
    public init(_ file: PlacedFile) throws {
        var offset = 0
        while offset < file.size {
            // A part's header and end are small frames; so may a block be.
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

/// Prints token shards as text: a sentence a line, one space between tokens.
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
