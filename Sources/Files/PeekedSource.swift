/// A source whose first bytes have been looked at.
public final class PeekedSource: ByteSource {
    public var name: String { source.name }
    /// The first bytes, at least as many as asked for, or all there are.
    public let head: [UInt8]
    private let source: any ByteSource
    private var given = 0

    public init(_ source: any ByteSource, count: Int) throws {
        var head = [UInt8](repeating: 0, count: count)
        let filled = try head.withUnsafeMutableBytes { try source.readFully(into: $0) }
        head.removeLast(count - filled)
        self.head = head
        self.source = source
    }

    /// Looks for one of several beginnings, and waits for no more than it takes: who types a line gets an answer to it. What
    /// comes with the last bytes needed is looked at too.
    public init(_ source: any ByteSource, oneOf magics: [[UInt8]]) throws {
        var head: [UInt8] = [], buffer = [UInt8](repeating: 0, count: max(4 << 10, magics.map(\.count).max() ?? 0))
        while magics.contains(where: { $0.count > head.count && $0.starts(with: head) }) {
            let room = buffer.count - head.count
            let count = try buffer.withUnsafeMutableBytes {
                try source.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[..<room]))
            }
            if count == 0 { break }
            head += buffer[..<count]
        }
        self.head = head
        self.source = source
    }

    public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard given < head.count else { return try source.read(into: buffer) }
        let count = min(buffer.count, head.count - given)
        head.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[given..<given + count])) }
        given += count
        return count
    }
}
