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

/// The lower-case forms of a vocabulary's words: what the vectors would know if the text were in lower case.
struct LowerCaseForms {
    /// Those that are no words of the vocabulary, which the reader of the vectors looks out for.
    private(set) var others = WordTable()
    /// Each word that is not in lower case, with its form: a word of the vocabulary, or one of `others`.
    private var pairs: [(word: UInt32, form: UInt32, isOther: Bool)] = []

    init(of words: WordTable) {
        for id in 0..<words.count {
            guard let form = words.withWord(id, lowerCase) else { continue }
            form.withUnsafeBytes { form in
                if let known = words.find(form) {
                    pairs.append((UInt32(id), UInt32(known), false))
                } else {
                    pairs.append((UInt32(id), UInt32(others.insert(form)), true))
                }
            }
        }
    }

    /// The words that have no vector while their form has one, and their tokens.
    func gain(_ lookup: VectorLookup, counts: [UInt64]) -> TableSummary.Share {
        var gain = TableSummary.Share()
        for (word, form, isOther) in pairs where !lookup.found[Int(word)] {
            guard isOther ? lookup.noticed[Int(form)] : lookup.found[Int(form)] else { continue }
            gain.words += 1
            gain.tokens &+= counts[Int(word)]
        }
        return gain
    }
}
