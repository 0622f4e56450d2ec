import Kernels
public import Shards

/// Sentences as row numbers of an embedding table, one after another.
public struct Sentences: Sendable {
    /// Row numbers of all tokens.
    public private(set) var rows: [UInt32] = []
    /// End of each sentence in `rows`.
    public private(set) var ends: [Int] = []

    /// Creates an empty list.
    public init() {}

    /// Number of sentences.
    public var count: Int { ends.count }
    /// Number of tokens.
    public var tokenCount: Int { rows.count }

    /// The row numbers of a sentence.
    public subscript(index: Int) -> ArraySlice<UInt32> { rows[(index == 0 ? 0 : ends[index - 1])..<ends[index]] }

    /// Appends a sentence.
    public mutating func append(_ sentence: some Sequence<UInt32>) {
        rows.append(contentsOf: sentence)
        ends.append(rows.count)
    }

    /// Returns sentences spread evenly over all, with at most about `limit` positions, where every sentence has one more than
    /// tokens; all if there are no more.
    public func thinned(toPositions limit: Int) -> Sentences {
        let total = tokenCount + count
        guard total > limit else { return self }
        var kept = Sentences(), passed = 0, taken = 0
        for index in 0..<count {
            passed += self[index].count + 1
            // As many as correspond to the share of the text passed so far.
            guard Double(taken + self[index].count + 1) <= Double(passed) * Double(limit) / Double(total) else { continue }
            taken += self[index].count + 1
            kept.append(self[index])
        }
        if kept.count == 0 { kept.append(self[0]) }
        return kept
    }

    /// Removes all sentences and keeps the memory.
    public mutating func removeAll() {
        rows.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }
}

/// Converts token shards to sentences of row numbers. Each word is looked up once for each part of a shard.
public final class SentenceReader {
    private let reader: TokenShardReader
    private let row: (UnsafeRawBufferPointer) throws -> UInt32
    private var map: [UInt32] = []
    private var number = 0

    /// Creates a reader.
    /// - `row`: returns the row number of a word, and may assign a new one.
    public init(_ reader: TokenShardReader, row: @escaping (UnsafeRawBufferPointer) throws -> UInt32) {
        self.reader = reader
        self.row = row
    }

    /// Header of the tokens read last; `nil` before the first.
    public var header: ShardHeader? { reader.header }

    /// Appends the sentences of the next block; returns false when there is none. Skips sentences without
    /// tokens (`tokenize --every-line`), which are nothing to train on. Throws `ToolError`.
    /// - `keep`: returns true for the number of a sentence to keep, counted from 0 by this reader.
    public func next(into sentences: inout Sentences, keep: (Int) -> Bool = { _ in true }) throws -> Bool {
        guard let block = try reader.next() else { return false }
        if block.firstNewWord == 0 { map.removeAll(keepingCapacity: true) }
        try block.forEachNewWord { map.append(try row($0)) }
        block.forEachSentence { sentence in
            if sentence.isEmpty { return }
            if keep(number) { sentences.append(sentence.lazy.map { [map] in map[Int($0)] }) }
            number += 1
        }
        return true
    }
}

/// Sentences in random order: shuffled within a buffer of bounded size, which is filled repeatedly.
///
/// The order depends only on the seed, the epoch and the data.
public final class ShuffledSentences {
    private let read: (inout Sentences) throws -> Bool
    private let bufferTokens: Int
    private var random: Random
    private var buffer = Sentences()
    private var order: [Int] = []
    private var next = 0
    private var ended = false

    /// Creates a shuffle.
    /// - `bufferTokens`: number of tokens in the buffer, which limits how far a sentence can move.
    /// - `read`: appends the next block of sentences; returns false when there is none.
    public init(
        seed: UInt64, epoch: Int, bufferTokens: Int = defaultBuffer, read: @escaping (inout Sentences) throws -> Bool
    ) {
        self.read = read
        self.bufferTokens = bufferTokens
        random = Random(seed: seed, stream: "sentences", number: epoch)
    }

    /// Default size of the buffer, 16 MB of tokens.
    public static let defaultBuffer = 4 << 20

    /// Calls `body` with the next sentence's rows; returns false when there is none. Throws what `read` throws.
    public func nextSentence(_ body: (ArraySlice<UInt32>) -> Void) throws -> Bool {
        if next == order.count { try refill() }
        guard next < order.count else { return false }
        body(buffer[order[next]])
        next += 1
        return true
    }

    private func refill() throws {
        buffer.removeAll()
        while !ended && (buffer.tokenCount < bufferTokens || buffer.count == 0) { ended = try !read(&buffer) }
        order.removeAll(keepingCapacity: true)
        order.append(contentsOf: 0..<buffer.count)
        next = 0
        random.shuffle(&order)
    }
}
