/// Words as bytes in the order given, without a hash table: the dictionary of a token shard as a reader keeps it.
public struct WordList: Sendable {
    private var bytes: [UInt8] = []
    private var ends: [Int] = []

    public init() {}

    public var count: Int { ends.count }

    public mutating func append(_ word: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: word)
        ends.append(bytes.count)
    }

    /// Calls `body` with the bytes of word `index`.
    public func withWord<Result>(_ index: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        let start = index == 0 ? 0 : ends[index - 1]
        return try bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[start..<ends[index]])) }
    }

    public func word(_ index: Int) -> String { withWord(index) { String(decoding: $0, as: UTF8.self) } }

    /// Forgets all words and keeps the memory.
    public mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }
}
