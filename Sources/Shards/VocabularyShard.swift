public import Files
public import Parallel

enum VocabularyColumn {
    static let counts = 0, wordLengths = 1, wordBytes = 2
    static let all = [
        ShardColumn("counts", .u64), ShardColumn("word-lengths", .u32), ShardColumn("word-bytes", .u8),
    ]
}

/// Writes words with their counts, ordered by descending count, and by bytes for equal counts.
///
/// ```swift
/// let writer = try VocabularyShardWriter(output, tool: "example 1", options: [:], pool: pool)
/// try Array("word".utf8).withUnsafeBytes { try writer.append($0, count: 12) }
/// try writer.finish()
/// try output.commit()
/// ```
public final class VocabularyShardWriter {
    private let writer: ShardWriter
    private var counts: [UInt64] = []
    private var lengths: [UInt32] = []
    private var bytes: [UInt8] = []
    private var totals = (words: 0, tokens: UInt64(0))

    /// Words in a block: about half a mebibyte.
    private static let blockWords = 1 << 15
    /// Maximum bytes of words in a block, for long words.
    private static let blockBytes = 1 << 20

    /// Starts a shard. Throws `ToolError` with status `ioError`.
    public init(_ output: OutputFile, tool: String, options: ShardFields, pool: WorkerPool) throws {
        writer = ShardWriter(output, pool: pool)
        try writer.beginPart(ShardHeader(kind: .vocabulary, tool: tool, columns: VocabularyColumn.all, fields: options))
    }

    /// Appends a word, which must follow the previous one in the order of the shard. Throws `ToolError` with status `ioError`.
    public func append(_ word: UnsafeRawBufferPointer, count: UInt64) throws {
        counts.append(count)
        lengths.append(UInt32(word.count))
        bytes.append(contentsOf: word)
        totals.words += 1
        totals.tokens += count
        if counts.count == Self.blockWords || bytes.count >= Self.blockBytes { try flush() }
    }

    /// Ends the shard. The caller commits the output. Throws `ToolError` with status `ioError`.
    /// - Parameter source: totals of what was counted, in addition to those of the words kept.
    public func finish(source: ShardFields = [:]) throws {
        try flush()
        var fields: ShardFields = ["words": String(totals.words), "tokens": String(totals.tokens)]
        fields.append(contentsOf: source)
        try writer.endPart(fields)
    }

    private func flush() throws {
        guard !counts.isEmpty else { return }
        var block = writer.newBlock(capacity: 12 * counts.count + bytes.count)
        block.append(taking: &counts)
        block.append(taking: &lengths)
        block.append(taking: &bytes)
        try writer.append(block)
    }
}

/// Reads a vocabulary shard word by word.
///
/// ```swift
/// let reader = try VocabularyShardReader(openInput("vocab.shard"), pool: pool)
/// while try reader.nextBlock({ word, count in print(String(decoding: word, as: UTF8.self), count) }) {}
/// ```
public final class VocabularyShardReader {
    private let reader: ShardReader
    private var words = 0

    /// Opens a vocabulary. Throws `ToolError` (`ioError`, `dataError`).
    public init(_ source: any ByteSource, pool: WorkerPool) throws {
        reader = try ShardReader(source, kind: .vocabulary, columns: [VocabularyColumn.all], pool: pool)
    }

    /// Header of the current part.
    public var header: ShardHeader { reader.header }
    /// Digests of the parts that have ended.
    public var digests: [UInt64] { reader.digests }

    /// Calls `body` with the words and counts of the next block; returns false after the last. Throws `ToolError`, also for invalid
    /// words.
    public func nextBlock(_ body: (_ word: UnsafeRawBufferPointer, _ count: UInt64) throws -> Void) throws -> Bool {
        guard let block = try reader.next() else { return false }
        let words = block.count(VocabularyColumn.counts, stride: 8)
        guard block.count(VocabularyColumn.wordLengths, stride: 4) == words,
            block.adds(up: VocabularyColumn.wordLengths, to: block.count(VocabularyColumn.wordBytes, stride: 1))
        else { throw ToolError.data(reader.name, block.place, "words and counts of this block do not fit together") }
        try checkWords(block, VocabularyColumn.wordLengths, VocabularyColumn.wordBytes, after: self.words, file: reader.name)
        self.words += words
        try block.withColumn(VocabularyColumn.counts, as: UInt64.self) { counts in
            var index = 0
            try block.forEachWord(lengths: VocabularyColumn.wordLengths, bytes: VocabularyColumn.wordBytes) { word in
                try body(word, counts[index])
                index += 1
            }
        }
        return true
    }

    /// Reads a vocabulary to its end and calls `body` with each word, its count and its number, from 1.
    ///
    /// Throws `ToolError.data`: with the number, for an invalid or repeated word; for counts that add up to more than 2^64; for
    /// joined vocabularies, because they are not in the order of counts; and for a vocabulary without words.
    /// - Returns: the words in order.
    @discardableResult
    public func readWords(
        _ body: (_ word: UnsafeRawBufferPointer, _ count: UInt64, _ number: Int) throws -> Void
    ) throws -> WordTable {
        var words = WordTable(), tokens: UInt64 = 0
        while try nextBlock({ word, count in
            let number = words.count + 1
            guard words.insert(word) == number - 1 else {
                throw ToolError.data(
                    reader.name, "word \(number)", "\(String(decoding: word, as: UTF8.self)) stands there twice; joined "
                        + "vocabularies are merged by build-vocab")
            }
            let sum = tokens.addingReportingOverflow(count)
            guard !sum.overflow else { throw ToolError.data(reader.name, "", "its counts add up to more than 2^64") }
            tokens = sum.partialValue
            try body(word, count, number)
        }) {}
        guard reader.part == 0 else {
            throw ToolError.data(reader.name, "", "is several vocabularies joined; merge them: build-vocab a b -o c")
        }
        guard words.count > 0 else { throw ToolError.data(reader.name, "", "is a vocabulary without words") }
        return words
    }
}

/// Prints vocabulary shards as text: word, tab, count.
public func printVocabulary(paths: [String], to output: OutputFile, pool: WorkerPool) throws {
    for path in paths {
        let reader = try VocabularyShardReader(FileSource(path: path), pool: pool)
        while try reader.nextBlock({ word, count in
            try output.write(word)
            try output.write("\t\(count)\n")
        }) {}
    }
}
