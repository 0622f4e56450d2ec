/// Sentences coded with a dictionary of their own: what one thread makes of one piece of text.
///
/// A `TokenShardWriter` joins the dictionaries of the batches it is given, in order; only the distinct words of each
/// batch are looked up there.
public struct TokenBatch: Sendable {
    /// The distinct words of this batch, in the order of their first use.
    public var words: WordTable
    /// Tokens in each sentence. No sentence is empty.
    public var sentenceLengths: [UInt32] = []
    /// The words' ids in `words`, sentence after sentence.
    public var ids: [UInt32] = []

    public init(wordCapacity: Int = 0) { words = WordTable(capacity: wordCapacity) }

    /// Empties the batch and keeps its memory.
    public mutating func removeAll() {
        words.removeAll()
        sentenceLengths.removeAll(keepingCapacity: true)
        ids.removeAll(keepingCapacity: true)
    }
}
