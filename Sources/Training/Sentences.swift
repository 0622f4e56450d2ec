import Kernels
public import Shards

/// Sentences as row numbers of an embedding table, one after the other.
public struct Sentences: Sendable {
    public private(set) var rows: [UInt32] = []
    /// The end of each sentence in `rows`.
    public private(set) var ends: [Int] = []

    public init() {}

    public var count: Int { ends.count }
    public var tokenCount: Int { rows.count }

    public subscript(index: Int) -> ArraySlice<UInt32> { rows[(index == 0 ? 0 : ends[index - 1])..<ends[index]] }

    public mutating func append(_ sentence: some Sequence<UInt32>) {
        rows.append(contentsOf: sentence)
        ends.append(rows.count)
    }

    /// Some of the sentences, spread evenly over all, with at most about `limit` positions; every sentence has one more than
    /// tokens. All if they are no more.
    public func thinned(toPositions limit: Int) -> Sentences {
        let total = tokenCount + count
        guard total > limit else { return self }
        var kept = Sentences(), passed = 0, taken = 0
        for index in 0..<count {
            passed += self[index].count + 1
            // As many as belong to the share of the text that has passed.
            guard Double(taken + self[index].count + 1) <= Double(passed) * Double(limit) / Double(total) else { continue }
            taken += self[index].count + 1
            kept.append(self[index])
        }
        if kept.count == 0 { kept.append(self[0]) }
        return kept
    }

    public mutating func removeAll() {
        rows.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }
}

/// Turns token shards into sentences of row numbers: each word is looked up once for each part of a shard.
public final class SentenceReader {
    private let reader: TokenShardReader
    private let row: (UnsafeRawBufferPointer) throws -> UInt32
    private var map: [UInt32] = []
    private var number = 0

    /// - Parameter row: the row number of a word, which it may make on the spot.
    public init(_ reader: TokenShardReader, row: @escaping (UnsafeRawBufferPointer) throws -> UInt32) {
        self.reader = reader
        self.row = row
    }

    /// The header of the tokens read last, `nil` before the first.
    public var header: ShardHeader? { reader.header }

    /// Appends the sentences of the next block; false when there is none. Sentences without tokens (`tokenize --every-line`) are nothing to
    /// train on, and are passed over. Throws `ToolError`.
    /// - Parameter keep: returns true for the number of a sentence that is wanted, counted from 0 by this reader.
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

/// Sentences in random order: shuffled within a buffer of bounded size, which is filled again and again.
///
/// The order depends on the seed, the epoch and the data alone.
public final class ShuffledSentences {
    private let read: (inout Sentences) throws -> Bool
    private let bufferTokens: Int
    private var random: Random
    private var buffer = Sentences()
    private var order: [Int] = []
    private var next = 0
    private var ended = false

    /// - Parameters:
    ///   - bufferTokens: the number of tokens held, and so the distance that a sentence can move.
    ///   - read: appends the next block of sentences; false when there is none.
    public init(
        seed: UInt64, epoch: Int, bufferTokens: Int = defaultBuffer, read: @escaping (inout Sentences) throws -> Bool
    ) {
        self.read = read
        self.bufferTokens = bufferTokens
        random = Random(seed: seed, stream: "sentences", number: epoch)
    }

    /// 16 MB of tokens.
    public static let defaultBuffer = 4 << 20

    /// Calls `body` with the next sentence's rows; false when there is none.
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
