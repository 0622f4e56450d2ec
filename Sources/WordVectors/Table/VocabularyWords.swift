public import Files
public import Parallel
public import Shards

/// A vocabulary in memory: words from the most frequent on, and their counts.
public struct VocabularyWords: Sendable {
    public private(set) var words = WordTable()
    public private(set) var counts: [UInt64] = []
    /// The digest of the shard, by which a table says what it was made from.
    public private(set) var digest: UInt64 = 0

    /// Reads a vocabulary shard. Throws `ToolError`; joined shards are refused, because the order would not be that of
    /// the counts.
    public init(_ source: any ByteSource, pool: WorkerPool) throws {
        let reader = try VocabularyShardReader(source, pool: pool)
        let name = source.name
        while try reader.nextBlock({ word, count in
            guard words.insert(word) == counts.count else {
                throw ToolError.data(name, "", "holds a word twice; joined vocabularies are merged by build-vocab")
            }
            counts.append(count)
        }) {}
        guard reader.parts == 1 else {
            throw ToolError.data(name, "", "is several vocabularies joined; merge them: build-vocab a b -o c")
        }
        guard !counts.isEmpty else { throw ToolError.data(name, "", "is a vocabulary without words") }
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
