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
        try ShardBlock.checkPrefix(
            content.bytes, magic, number: blocks, size: content.bytes.count, file: name, place: content.place)
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

/// The counts of what a part's blocks hold, taken as they are read, for comparison with the totals in the part's end (docs/format.md).
struct PartTotals {
    private let kind: ShardKind
    private var counted: [(name: String, value: UInt64)]

    init(_ kind: ShardKind) {
        self.kind = kind
        counted = Self.names(kind).map { ($0, 0) }
    }

    /// The totals that every end has, in the order of `amounts`.
    private static func names(_ kind: ShardKind) -> [String] {
        switch kind {
        case .tokens: ["sentences", "tokens", "words"]
        case .vocabulary: ["words", "tokens"]
        case .table: ["words"]
        case .vectors: ["sentences", "tokens"]
        }
    }

    /// What a block adds to each; `nil` for a vocabulary's counts that add up to more than 2^64.
    private func amounts(_ block: ShardBlock) -> [UInt64?] {
        func count(_ column: Int, _ stride: Int) -> UInt64 { UInt64(block.count(column, stride: stride)) }
        switch kind {
        case .tokens: return [count(TokenColumn.sentenceLengths, 4), count(TokenColumn.ids, 4), count(TokenColumn.newWordLengths, 4)]
        case .vocabulary:
            let tokens = block.withColumn(VocabularyColumn.counts, as: UInt64.self) { counts in
                counts.reduce(UInt64?(0)) { Self.sum($0, $1) }
            }
            return [count(VocabularyColumn.counts, 8), tokens]
        case .table: return [count(TableColumn.wordLengths, 4)]
        case .vectors: return [count(VectorColumn.sentenceLengths, 4), count(VectorColumn.wordLengths, 4)]
        }
    }

    private static func sum(_ first: UInt64?, _ second: UInt64?) -> UInt64? {
        guard let first, let second else { return nil }
        let (sum, overflow) = first.addingReportingOverflow(second)
        return overflow ? nil : sum
    }

    /// Counts a block. Throws `ToolError.data`, naming `file`, if a vocabulary's counts add up to more than 2^64.
    mutating func add(_ block: ShardBlock, file: String) throws {
        for (place, amount) in amounts(block).enumerated() {
            guard let total = Self.sum(counted[place].value, amount) else {
                throw ToolError.data(file, block.place, "the words' counts add up to more than 2^64")
            }
            counted[place].value = total
        }
    }

    /// Throws `ToolError.data`, naming `file` and the total, if one of an end's is missing, no number, or another than what was
    /// counted.
    func check(_ totals: ShardFields, header: ShardHeader, file: String, place: String) throws {
        for (name, value) in counted {
            try Self.check(name, totals[name], is: value, file: file, place: place)
            // A vocabulary may have left words out.
            if kind == .vocabulary, let whole = totals["counted-\(name)"], UInt64(whole) ?? 0 < value {
                throw ToolError.data(
                    file, place, "the shard's end has the total 'counted-\(name) \(whole)', fewer than the \(value) \(name) that were kept")
            }
        }
        for name in ["text-digest", "counted-digest"] where totals[name].map({ UInt64($0, radix: 16) == nil }) ?? false {
            throw ToolError.data(file, place, "the shard's end has the total '\(name) \(totals[name] ?? "")', which is no digest")
        }
        if let bytes = totals["text-bytes"], UInt64(bytes) == nil {
            throw ToolError.data(file, place, "the shard's end has the total 'text-bytes \(bytes)', which is no number")
        }
        if kind == .table, header.fields["words"] != totals["words"] {
            throw ToolError.data(
                file, place, "the shard's header has the field 'words \(header.fields["words"] ?? "")', and there are "
                    + "\(totals["words"] ?? "") words")
        }
    }

    /// Throws `ToolError.data` if a total of an end is not `value`.
    static func check(_ name: String, _ total: String?, is value: UInt64, file: String, place: String) throws {
        guard let total else { throw ToolError.data(file, place, "the shard's end lacks the total '\(name)'") }
        guard UInt64(total) == value else {
            throw ToolError.data(file, place, "the shard's end has the total '\(name) \(total)', and there are \(value) \(name)")
        }
    }
}

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
