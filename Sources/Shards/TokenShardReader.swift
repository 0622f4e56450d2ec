public import Files
public import Parallel

/// One block of a token shard, checked: sentences of ids, and the words that are new in it.
public struct TokenBlock: Sendable {
    let block: ShardBlock
    /// The number of the part; ids count from 0 again in each.
    public let part: Int
    /// The id of the block's first new word: 0 at the start of a part.
    public let firstNewWord: Int
    public let newWordCount: Int
    public let sentenceCount: Int
    public let tokenCount: Int

    /// Calls `body` with each new word; the first has id `firstNewWord`.
    public func forEachNewWord(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
        try block.forEachWord(lengths: TokenColumn.newWordLengths, bytes: TokenColumn.newWordBytes, body)
    }

    public func withSentenceLengths<Result>(_ body: (UnsafeBufferPointer<UInt32>) throws -> Result) rethrows -> Result {
        try block.withColumn(TokenColumn.sentenceLengths, body)
    }

    /// All ids, sentence after sentence.
    public func withIDs<Result>(_ body: (UnsafeBufferPointer<UInt32>) throws -> Result) rethrows -> Result {
        try block.withColumn(TokenColumn.ids, body)
    }
}

extension ShardBlock {
    /// Cuts a column of bytes by a column of lengths.
    func forEachWord(lengths: Int, bytes: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
        try withColumn(lengths, as: UInt32.self) { lengths in
            try withColumn(bytes, as: UInt8.self) { bytes in
                var start = 0
                for length in lengths {
                    let end = start + Int(length)
                    try body(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[start..<end])))
                    start = end
                }
            }
        }
    }

    /// Whether a column of lengths adds up to `total`.
    func adds(up lengths: Int, to total: Int) -> Bool {
        withColumn(lengths, as: UInt32.self) { $0.reduce(0) { $0 + Int($1) } } == total
    }
}

/// Reads token shards, one after the other, block by block.
public final class TokenShardReader {
    private let pool: WorkerPool
    private var paths: ArraySlice<String>
    private var reader: ShardReader?
    private var partOffset = 0
    private var words = 0
    private var part = -1
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
        reader = try ShardReader(source, kind: .tokens, columns: TokenColumn.all, pool: pool)
    }

    /// The next block, `nil` after the last. Throws `ToolError`.
    public func next() throws -> TokenBlock? {
        while true {
            if reader == nil {
                guard let path = paths.popFirst() else { return nil }
                reader = try ShardReader(FileSource(path: path), kind: .tokens, columns: TokenColumn.all, pool: pool)
            }
            guard let reader else { return nil }
            if let block = try reader.next() {
                header = reader.header
                return try check(block, reader)
            }
            digests += reader.digests
            partOffset += reader.part + 1
            self.reader = nil
        }
    }

    private func check(_ block: ShardBlock, _ reader: ShardReader) throws -> TokenBlock {
        if part != partOffset + reader.part {
            part = partOffset + reader.part
            words = 0
        }
        let known = words
        let newWords = block.count(TokenColumn.newWordLengths, stride: 4)
        let tokens = block.count(TokenColumn.ids, stride: 4)
        words += newWords
        let sound =
            block.adds(up: TokenColumn.newWordLengths, to: block.count(TokenColumn.newWordBytes, stride: 1))
            && block.adds(up: TokenColumn.sentenceLengths, to: tokens)
            && block.withColumn(TokenColumn.ids, as: UInt32.self) { ids in ids.allSatisfy { Int($0) < words } }
        guard sound else {
            throw ToolError.data(reader.name, block.place, "lengths and ids of this block do not fit together")
        }
        try checkWords(block, TokenColumn.newWordLengths, TokenColumn.newWordBytes, after: known, file: reader.name)
        return TokenBlock(
            block: block, part: part, firstNewWord: known, newWordCount: newWords,
            sentenceCount: block.count(TokenColumn.sentenceLengths, stride: 4), tokenCount: tokens)
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
        block.withIDs { ids in
            block.withSentenceLengths { lengths in
                var next = 0
                for length in lengths {
                    for position in 0..<Int(length) {
                        if position > 0 { text.append(UInt8(ascii: " ")) }
                        words.withWord(Int(ids[next])) { text.append(contentsOf: $0) }
                        next += 1
                    }
                    text.append(UInt8(ascii: "\n"))
                }
            }
        }
        try output.write(text)
    }
}
