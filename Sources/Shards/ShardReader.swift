public import Files
import Parallel

/// Reads a shard, or several joined by `cat`, block by block. Blocks are decompressed on the threads of a pool, and everything is
/// checked: checksums, order, digest, and the totals in the end.
///
/// ```swift
/// let reader = try VocabularyShardReader(openInput("vocab.shard"), pool: pool)     // uses a ShardReader
/// ```
public final class ShardReader {
    /// The user's name for the input.
    public var name: String { parts.file }
    /// Header of the part of the last block.
    public var header: ShardHeader { parts.header }
    /// Number of the part of the last block, from 0.
    public var part: Int { parts.number }
    /// Digests of the parts that have ended.
    public var digests: [UInt64] { parts.digests }

    private let scanner: FrameScanner
    private let decompressor: OrderedWorkers<ScannedFrame, Content>
    private var endOfInput = false
    private var parts: ShardParts
    private var digest = XXH64()

    private struct Content: Sendable {
        let bytes: [UInt8]
        let place: String
    }

    /// Opens a shard and reads its first header. Throws `ToolError`, with `dataError` unless it is a sound shard of `kind`.
    /// - Parameter columns: the sets of columns that shards of this kind may have.
    init(_ source: any ByteSource, kind: ShardKind, columns: [[ShardColumn]], pool: WorkerPool) throws {
        scanner = FrameScanner(source, kind: kind)
        let file = source.name
        parts = ShardParts(kind, columns: columns, file: file)
        decompressor = OrderedWorkers(pool: pool) {
            Content(bytes: try Frame.decompress($0, file: file), place: $0.place)
        }
        guard let first = try nextContent() else { throw ToolError.data(name, "", "is empty") }
        try begin(first)
    }

    /// Returns the next block, across parts; `nil` after the last part. Throws `ToolError`.
    public func next() throws -> ShardBlock? {
        while true {
            guard let content = try nextContent() else {
                try parts.checkEnded()
                return nil
            }
            if !parts.isOpen {
                try begin(content)
            } else if content.bytes.starts(with: ShardBlock.endMagic) {
                try parts.end(content.bytes, digest: digest.digest(), place: content.place)
            } else {
                try parts.checkBlock(content.bytes, size: content.bytes.count, place: content.place)
                content.bytes.withUnsafeBytes { digest.update($0) }
                let block = try ShardBlock(payload: content.bytes, columns: header.columns, file: name, place: content.place)
                try parts.count(block)
                return block
            }
        }
    }

    private func begin(_ content: Content) throws {
        try parts.begin(content.bytes, place: content.place)
        digest = XXH64()
        content.bytes.withUnsafeBytes { digest.update($0) }
    }

    private func nextContent() throws -> Content? {
        while !endOfInput && !decompressor.isFull {
            guard let frame = try scanner.next() else {
                endOfInput = true
                break
            }
            decompressor.submit(frame)
        }
        return decompressor.isEmpty ? nil : try decompressor.next()
    }
}

/// A source whose first header has been examined, for tools that accept several kinds of shards.
///
/// ```swift
/// let peeked = try PeekedShard(openInput("input"))
/// if peeked.kind == .tokens { let reader = try TokenShardReader(peeked.source, pool: pool) }
/// ```
public struct PeekedShard {
    /// Kind of the shard; `nil` if the input is not a shard. Opening it as one then throws what is wrong.
    public let kind: ShardKind?
    /// The shard, from its start.
    public let source: any ByteSource

    /// Reads the first bytes of a source. Throws `ToolError`.
    public init(_ source: any ByteSource) throws {
        let begun = try PeekedSource(source, oneOf: [lz4Magic])
        guard begun.head.starts(with: lz4Magic) else {
            (kind, self.source) = (nil, begun)
            return
        }
        // The header is a frame of its own whose first lines lie in the first bytes.
        let peeked = try PeekedSource(begun, count: 4 << 10)
        var bytes = [UInt8](repeating: 0, count: 256)
        let content = try? decompressed(MemorySource(peeked.head))
        let count = bytes.withUnsafeMutableBytes { try? content?.read(into: $0) } ?? 0
        let lines = String(decoding: bytes[..<count], as: UTF8.self).parts(separatedBy: "\n")
        let isShard = lines.first?.begins(with: ShardHeader.magic) == true
        let line = isShard ? lines.first { $0.begins(with: "kind ") } : nil
        kind = line.flatMap { ShardKind(rawValue: String($0.dropFirst(5))) }
        self.source = peeked
    }
}
