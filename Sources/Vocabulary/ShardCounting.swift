public import Files
public import Parallel
import Shards

extension WordCounter {
    /// Properties of an input that was counted.
    public struct Input: Sendable {
        /// True if the input is a vocabulary from which words below a minimum count, or beyond a maximum size, were left out;
        /// merging is then not exact.
        public let isFiltered: Bool
        /// The merges that split its words into units, as its header names them; empty if its words are whole.
        public let merges: String
    }

    /// Adds the words of a token or vocabulary shard. Throws `ToolError`: `dataError` for a damaged or any other input,
    /// `configuration` if its words were split into units by other merges than those of previous shards.
    public func addShard(_ source: any ByteSource, pool: WorkerPool) throws -> Input {
        let input = try count(source, pool: pool)
        guard merges ?? input.merges == input.merges else {
            throw ToolError(.configuration, "\(source.name): was cut into units by other merges than the inputs before it")
        }
        merges = input.merges
        return input
    }

    private func count(_ source: any ByteSource, pool: WorkerPool) throws -> Input {
        let shard = try PeekedShard(source)
        let add = { (word: UnsafeRawBufferPointer, count: UInt64) in
            try self.add(word, count: count, file: source.name)
        }
        if shard.kind == .vocabulary { return try addVocabulary(shard.source, pool, add) }
        let reader = try TokenShardReader(shard.source, pool: pool)
        try addTokens(reader, add)
        return Input(isFiltered: false, merges: reader.header?.fields["bpe"] ?? "")
    }

    private func addVocabulary(
        _ source: any ByteSource, _ pool: WorkerPool, _ add: (UnsafeRawBufferPointer, UInt64) throws -> Void
    ) throws -> Input {
        let reader = try VocabularyShardReader(source, pool: pool)
        var isFiltered = false, merges = ""
        var more = true
        while more {
            more = try reader.nextBlock(add)
            let fields = reader.header.fields
            merges = fields["bpe"] ?? merges
            isFiltered = isFiltered || (fields["min-count"] ?? "1") != "1" || (fields["max-size"] ?? "none") != "none"
        }
        return Input(isFiltered: isFiltered, merges: merges)
    }

    /// Counts ids, part by part, so that each word of a part is looked up once.
    private func addTokens(
        _ reader: TokenShardReader, _ add: (UnsafeRawBufferPointer, UInt64) throws -> Void
    ) throws {
        var words = WordList()
        var counts: [UInt64] = []
        func endPart() throws {
            for id in 0..<words.count { try words.withWord(id) { try add($0, counts[id]) } }
            words.removeAll()
            counts.removeAll(keepingCapacity: true)
        }
        while let block = try reader.next() {
            if block.firstNewWord == 0 { try endPart() }
            block.forEachNewWord { words.append($0) }
            counts.append(contentsOf: repeatElement(0, count: words.count - counts.count))
            counts.withUnsafeMutableBufferPointer { counts in
                block.withIDs { ids in for id in ids { counts[Int(id)] += 1 } }
            }
        }
        try endPart()
    }
}

/// Writes the words of `counter` with their counts as a vocabulary shard.
///
/// Header and totals do not depend on how the text was divided, so that counting at once and merging give the same bytes.
public func writeVocabulary(
    of counter: WordCounter, minimumCount: UInt64, maximumSize: Int?, to output: OutputFile, tool: String, pool: WorkerPool
) throws -> CountedText {
    var options: ShardFields = [
        "min-count": String(minimumCount), "max-size": maximumSize.map { String($0) } ?? "none",
    ]
    if let merges = counter.merges, !merges.isEmpty { options.append("bpe", merges) }
    let writer = try VocabularyShardWriter(output, tool: tool, options: options, pool: pool)
    let counted = try counter.finish(minimumCount: minimumCount, maximumSize: maximumSize) {
        try writer.append($0, count: $1)
    }
    try writer.finish(source: [
        "counted-words": String(counted.types), "counted-tokens": String(counted.tokens),
        "counted-digest": hexadecimal(counted.digest),
    ])
    return counted
}
