import Kernels

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
    ///   - bufferTokens: how many tokens are held, and so how far a sentence can move.
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
