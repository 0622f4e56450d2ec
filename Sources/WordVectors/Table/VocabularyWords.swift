public import Files
public import Parallel
public import Shards

/// A vocabulary in memory: words from the most frequent on, and their counts.
public struct VocabularyWords: Sendable {
    public private(set) var words = WordTable()
    public private(set) var counts: [UInt64] = []
    /// The digest of the shard, by which a table says what it was made from.
    public private(set) var digest: UInt64 = 0

    /// Reads a vocabulary shard. Throws `ToolError`: `ioError`, and `dataError` as `VocabularyShardReader.readWords` does.
    public init(_ source: any ByteSource, pool: WorkerPool) throws {
        let reader = try VocabularyShardReader(source, pool: pool)
        var counts: [UInt64] = []
        words = try reader.readWords { _, count, _ in counts.append(count) }
        self.counts = counts
        digest = reader.digests.first ?? 0
    }

    /// Words and counts, in order.
    public init(_ pairs: [(word: String, count: UInt64)]) {
        for (word, count) in pairs where words.find(word) == nil {
            _ = words.insert(word)
            counts.append(count)
        }
    }
}
