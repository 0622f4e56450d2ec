import Kernels

/// Sentences in random order: shuffled within a buffer of bounded size, shard after shard.
///
/// The order depends on the seed, the epoch and the data alone.
public final class ShuffledSentences {
    private let read: (inout Sentences) throws -> Bool
    private let bufferTokens: Int
    private let keep: (Int) -> Bool
    private var random: Random
    private var buffer = Sentences()
    private var order: [Int] = []
    private var next = 0
    private var ended = false
    private var seen = 0

    /// - Parameters:
    ///   - bufferTokens: how many tokens are held, and so how far a sentence can move.
    ///   - keep: by the number of a sentence in the corpus, whether it takes part (held-out ones do not).
    ///   - read: appends the next block of sentences; false when there is none.
    public init(
        seed: UInt64, epoch: Int, bufferTokens: Int = 4 << 20, keep: @escaping (Int) -> Bool = { _ in true },
        read: @escaping (inout Sentences) throws -> Bool
    ) {
        self.read = read
        self.bufferTokens = bufferTokens
        self.keep = keep
        random = Random(seed: seed, stream: "sentences", number: epoch)
    }

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
        order.removeAll(keepingCapacity: true)
        next = 0
        while !ended && (buffer.tokenCount < bufferTokens || order.isEmpty) {
            let first = buffer.count
            ended = try !read(&buffer)
            for index in first..<buffer.count {
                if keep(seen) { order.append(index) }
                seen += 1
            }
        }
        random.shuffle(&order)
    }
}
