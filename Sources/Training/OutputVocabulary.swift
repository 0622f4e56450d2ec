import Files
import Model
public import Parallel
public import Shards

/// The classes of a softmax: the marks, then the words of a vocabulary, most frequent first.
public struct OutputVocabulary: Sendable {
    /// Words, whose number here is their class.
    public let words: WordTable
    /// Count of each class in the text that the vocabulary was made from; for marks, only if the text contains them.
    public let counts: [UInt64]
    /// Digest of words and counts, in order.
    public let digest: UInt64
    /// The merges that its units were made with; empty if its words are whole.
    public let merges: String

    /// Number of classes.
    public var size: Int { words.count }

    /// Its words in the order of their classes, if they are subword units; otherwise empty.
    public var units: [String] { merges.isEmpty ? [] : (0..<size).map(words.word) }

    /// Reads a vocabulary shard.
    ///
    /// Throws `ToolError`: `noInput`, `ioError`, `dataError` like `VocabularyShardReader.readWords`, for a vocabulary of marks
    /// alone, and for one not sorted by frequency, as samplers and cut-offs require.
    public init(path: String, pool: WorkerPool) throws {
        var words = WordTable(), counts: [UInt64] = EncoderConfiguration.Mark.names.map { _ in 0 }
        for mark in EncoderConfiguration.Mark.names { _ = words.insert(mark) }
        let name = inputName(path)
        let reader = try VocabularyShardReader(FileSource(path: path), pool: pool)
        var digest = XXH64(), last = UInt64.max
        try reader.readWords { word, count, number in
            guard count <= last else {
                throw ToolError.data(
                    name, "word \(number)", "\(String(decoding: word, as: UTF8.self)) occurs more often than the word before "
                        + "it; build-vocab sorts by frequency")
            }
            last = count
            digest.update(word)
            withUnsafeBytes(of: count.littleEndian) { digest.update($0) }
            let id = words.insert(word)
            if id == counts.count { counts.append(count) } else { counts[id] = count }
        }
        guard words.count > EncoderConfiguration.Mark.names.count else { throw ToolError.data(name, "", "has no words") }
        self.words = words
        self.counts = counts
        merges = reader.header.fields["bpe"] ?? ""
        self.digest = digest.digest()
    }

    /// Returns the class of a word: that of `<unk>` if it has none.
    public func number(of word: UnsafeRawBufferPointer) -> Int32 { words.find(word).map(Int32.init) ?? EncoderConfiguration.Mark.unknown }
}
