public import Files
public import Parallel

/// Reads a shard, or several joined by `cat`: block after block, decompressed on the threads of a pool, everything
/// checked (checksums, order, digest, end and its totals).
public final class ShardReader {
    /// What the user calls the input.
    public let name: String
    /// The header of the part that the last block belongs to.
    public private(set) var header: ShardHeader
    /// Parts begun so far, less one: the number of the part that the last block belongs to.
    public private(set) var part = 0
    /// The totals of the part that has just ended; empty before.
    public private(set) var totals = ShardFields()
    /// The digests of the parts that have ended.
    public private(set) var digests: [UInt64] = []

    private let scanner: FrameScanner
    private let decompressor: OrderedWorkers<ScannedFrame, Content>
    private let kind: ShardKind
    private let columns: [[ShardColumn]]
    private var endOfInput = false
    private var insidePart = true
    private var digest = XXH64()
    private var blocks = 0
    /// What the part's blocks hold.
    private var counted: PartTotals

    private struct Content: Sendable {
        let bytes: [UInt8]
        let place: String
    }

    /// Opens a shard and reads its first header.
    ///
    /// Throws `ToolError` (`noInput`, `ioError`, or `dataError` for anything but a sound shard of `kind` whose columns
    /// are `columns`).
    public convenience init(_ source: any ByteSource, kind: ShardKind, columns: [ShardColumn], pool: WorkerPool) throws {
        try self.init(source, kind: kind, anyOf: [columns], pool: pool)
    }

    /// The same for a kind whose columns may be any of several.
    init(_ source: any ByteSource, kind: ShardKind, anyOf columns: [[ShardColumn]], pool: WorkerPool) throws {
        let scanner = FrameScanner(source, kind: kind)
        let file = scanner.name
        self.scanner = scanner
        self.kind = kind
        self.columns = columns
        name = file
        counted = PartTotals(kind)
        decompressor = OrderedWorkers(pool: pool) {
            Content(bytes: try Frame.decompress($0, file: file), place: $0.place)
        }
        header = ShardHeader(kind: kind, tool: "", columns: [], fields: [:])
        guard let first = try nextContent() else { throw ToolError.data(name, "", "is empty") }
        try begin(first)
    }

    /// The next block, of this part or, at its end, of the next one; `nil` after the last part.
    public func next() throws -> ShardBlock? {
        while true {
            guard let content = try nextContent() else {
                if insidePart {
                    throw ToolError.data(name, "after block \(blocks)", "the shard is cut short: it has no end mark")
                }
                return nil
            }
            if !insidePart {
                part += 1
                try begin(content)
            } else if content.bytes.starts(with: ShardBlock.endMagic) {
                try end(content)
            } else {
                try checkPrefix(content, magic: ShardBlock.magic)
                content.bytes.withUnsafeBytes { digest.update($0) }
                blocks += 1
                let block = try ShardBlock(payload: content.bytes, columns: header.columns, file: name, place: content.place)
                try counted.add(block, file: name)
                return block
            }
        }
    }

    private func begin(_ content: Content) throws {
        let header = try ShardHeader(
            content: content.bytes, kind: kind, columns: columns, file: name, place: content.place)
        self.header = header
        insidePart = true
        digest = XXH64()
        content.bytes.withUnsafeBytes { digest.update($0) }
        blocks = 0
        counted = PartTotals(kind)
        totals = [:]
    }

    private func end(_ content: Content) throws {
        try checkPrefix(content, magic: ShardBlock.endMagic)
        let text = String(validating: content.bytes.dropFirst(ShardBlock.prefixSize), as: UTF8.self) ?? ""
        guard let totals = ShardFields(lines: text.parts(separatedBy: "\n")) else {
            throw ToolError.data(name, content.place, "the shard's end is not text")
        }
        let value = digest.digest()
        guard totals["digest"] == hexadecimal(value) else {
            throw ToolError.data(name, content.place, "the shard is damaged: its digest is not that of its content")
        }
        try PartTotals.check("blocks", totals["blocks"], is: UInt64(blocks), file: name, place: content.place)
        try counted.check(totals, header: header, file: name, place: content.place)
        self.totals = totals
        digests.append(value)
        insidePart = false
    }

    private func checkPrefix(_ content: Content, magic: [UInt8]) throws {
        let sound = ShardPrefix(content.bytes).fits(magic, number: blocks, size: content.bytes.count)
        guard sound else {
            throw ToolError.data(name, content.place, "block \(blocks) of the shard is missing, repeated or damaged")
        }
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
