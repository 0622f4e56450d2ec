public import Files
public import Parallel
public import Shards

/// A vocabulary in memory: words from the most frequent on, and their counts.
public struct VocabularyWords: Sendable {
    /// The words, most frequent first.
    public private(set) var words = WordTable()
    /// Count of each word.
    public private(set) var counts: [UInt64] = []
    /// Digest of the shard, which a table records.
    public private(set) var digest: UInt64 = 0

    /// Reads a vocabulary shard. Throws `ToolError`: `ioError`, and `dataError` like `VocabularyShardReader.readWords`.
    public init(_ source: any ByteSource, pool: WorkerPool) throws {
        let reader = try VocabularyShardReader(source, pool: pool)
        var counts: [UInt64] = []
        words = try reader.readWords { _, count, _ in counts.append(count) }
        self.counts = counts
        digest = reader.digests.first ?? 0
    }

    /// Creates a vocabulary from words and counts, in order.
    public init(_ pairs: [(word: String, count: UInt64)]) {
        for (word, count) in pairs where words.find(word) == nil {
            _ = words.insert(word)
            counts.append(count)
        }
    }
}

/// The lower-case forms of words, for estimating what lowercasing the text would gain.
extension VocabularyWords {
    /// The forms that are not words of the vocabulary themselves.
    var lowerCaseForms: WordTable {
        var forms = WordTable()
        forEachLowerCaseForm { _, form in if words.find(form) == nil { _ = forms.insert(form) } }
        return forms
    }

    /// Returns the words, and their occurrences, that are not in lower case and for whose id and form `isGain` returns true.
    func gainInLowerCase(where isGain: (_ id: Int, _ form: UnsafeRawBufferPointer) -> Bool) -> TableSummary.Share {
        var gain = TableSummary.Share()
        forEachLowerCaseForm { id, form in
            guard isGain(id, form) else { return }
            gain.words += 1
            gain.tokens &+= counts[id]
        }
        return gain
    }

    private func forEachLowerCaseForm(_ body: (_ id: Int, _ form: UnsafeRawBufferPointer) -> Void) {
        for id in 0..<words.count { words.withWord(id, lowerCase)?.withUnsafeBytes { body(id, $0) } }
    }
}
