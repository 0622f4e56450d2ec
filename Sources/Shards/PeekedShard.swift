public import Files

/// A shard whose first header has been looked at, for tools that take more than one kind.
public struct PeekedShard {
    /// `nil` if the input is no shard: opening it as one says what is wrong.
    public let kind: ShardKind?
    /// The shard from its start.
    public let source: any ByteSource

    public init(_ source: any ByteSource) throws {
        let begun = try PeekedSource(source, oneOf: [lz4Magic])
        guard begun.head.starts(with: lz4Magic) else {
            (kind, self.source) = (nil, begun)
            return
        }
        // The header is a frame of its own, and its first lines lie in the first bytes.
        let peeked = try PeekedSource(begun, count: 4 << 10)
        var bytes = [UInt8](repeating: 0, count: 256)
        let content = try? decompressed(MemorySource(peeked.head))
        var count = 0
        bytes.withUnsafeMutableBytes { bytes in
            // What lies behind the header may be cut off here.
            while count < bytes.count,
                let more = try? content?.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[count...])), more > 0
            { count += more }
        }
        let lines = String(decoding: bytes[..<count], as: UTF8.self).parts(separatedBy: "\n")
        let isShard = lines.first?.begins(with: ShardHeader.magic) == true
        let line = isShard ? lines.first { $0.begins(with: "kind ") } : nil
        kind = line.flatMap { ShardKind(rawValue: String($0.dropFirst(5))) }
        self.source = peeked
    }
}
