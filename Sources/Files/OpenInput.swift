/// Opens `path` (`-` for standard input) and undoes gzip or LZ4 compression, recognised by content and not by name.
///
/// Concatenated members and frames read as one stream. Throws `ToolError` (`noInput`, `ioError`, `dataError`).
public func openInput(_ path: String) throws -> any ByteSource {
    try decompressed(FileSource(path: path))
}

/// Undoes the compression of `source`, if its first bytes say that there is any.
public func decompressed(_ source: any ByteSource) throws -> any ByteSource {
    let peeked = try PeekedSource(source, oneOf: [gzipMagic, lz4Magic])
    if peeked.head.starts(with: gzipMagic) { return GzipSource(peeked) }
    if peeked.head.starts(with: lz4Magic) { return try LZ4Source(peeked) }
    return peeked
}

/// Whether these are the first bytes of what `openInput` would decompress.
public func isCompressed(_ head: [UInt8]) -> Bool { head.starts(with: gzipMagic) || head.starts(with: lz4Magic) }

private let gzipMagic: [UInt8] = [0x1F, 0x8B]
/// What an LZ4 frame begins with.
public let lz4Magic: [UInt8] = [0x04, 0x22, 0x4D, 0x18]

/// A source whose first bytes have been looked at.
public final class PeekedSource: ByteSource {
    public var name: String { source.name }
    /// The first bytes, as many as asked for, or all there are.
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

    /// Looks for one of several beginnings, and no further than it takes: who types a line gets an answer to it.
    public init(_ source: any ByteSource, oneOf magics: [[UInt8]]) throws {
        var head: [UInt8] = [], buffer = [UInt8](repeating: 0, count: magics.map(\.count).max() ?? 0)
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
