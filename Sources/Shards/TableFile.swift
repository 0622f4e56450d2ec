public import Files

/// A table in a plain file, read without its rows: words, counts and sources as they come, pieces of tensors, and at the
/// end the places of the rows.
///
/// Everything that is read is checked as `ShardReader` checks it, but for the digest, which is over the rows as well: it is
/// taken from the end of the part.
public final class TableFile {
    public let dimension: Int
    /// The header of the part that the last item belongs to.
    public private(set) var header: ShardHeader
    public private(set) var part = 0
    /// The digests that the ended parts say they have.
    public private(set) var digests: [UInt64] = []
    public var name: String { file.name }
    /// How the rows so far are stored: float32 if some are.
    public private(set) var storage = RowStorage.float16

    private let file: PlacedFile
    private var offset = 0
    private var together = 0
    /// How the part's rows are stored.
    private var partStorage = RowStorage.float32
    private var insidePart = true
    private var blocks = 0
    private var runs: [StoredRows.Run] = []
    private var rowCount = 0, rowBlocks = 0
    /// What the part's blocks hold.
    private var counted = PartTotals(.table)
    private let firstColumns: [ShardColumn]
    private var passedOver: [DeferredTensors.Place] = []

    public enum Item {
        case words(Words)
        case tensor(TableShardReader.TensorPiece)
    }

    /// A run of words; their rows follow those of the runs before.
    public struct Words {
        let block: ShardBlock
        public let count: Int

        /// Calls `body` with every word, its count and source, in order.
        public func forEach(_ body: (UnsafeRawBufferPointer, UInt64, VectorSource) throws -> Void) rethrows {
            try block.withColumn(TableColumn.counts, as: UInt64.self) { counts in
                try block.withColumn(TableColumn.sources, as: UInt8.self) { sources in
                    var index = 0
                    try block.forEachWord(lengths: TableColumn.wordLengths, bytes: TableColumn.wordBytes) { word in
                        try body(word, counts[index], VectorSource(rawValue: sources[index]) ?? .none)
                        index += 1
                    }
                }
            }
        }
    }

    /// `nil` for a source that is not a plain file, and for a table whose rows do not lie in stored blocks: neither has
    /// been touched then, and `TableShardReader` reads it. Throws `ToolError` (`ioError`, `dataError`).
    public init?(_ source: any ByteSource) throws {
        guard let file = PlacedFile(source), file.size > 0 else { return nil }
        self.file = file
        guard let first = try FrameScanner(PlacedSource(file, at: 0), kind: .table).next() else { return nil }
        let header = try TablePart.header(Frame.decompress(first, file: file.name), file: file.name, place: first.place)
        guard let together = header.fields.integer(RowPlaces.field) else { return nil }
        self.header = header
        firstColumns = header.columns
        dimension = try TablePart.dimension(of: header, file: file.name)
        offset = first.bytes.count
        try begin(header, together: together)
    }

    /// The places of all rows; to be called when `next` has returned `nil`.
    public func rows() -> StoredRows { StoredRows(file, dimension: dimension, runs: runs) }

    /// The large tensors of the first part, which `next` passes over; to be called when it has returned `nil`.
    public func deferred() -> DeferredTensors { DeferredTensors(file, columns: firstColumns, places: passedOver) }

    /// The next words or piece of a small tensor, `nil` after the last.
    public func next() throws -> Item? {
        while true {
            guard offset < file.size else {
                guard !insidePart else {
                    throw ToolError.data(name, "after block \(blocks)", "the shard is cut short: it has no end mark")
                }
                return nil
            }
            if insidePart, let words = try wordsOfStoredFrame() { return .words(words) }
            if insidePart, let end = try file.endOfFrame(at: offset, leastContent: DeferredTensors.leastContent) {
                if part == 0 { passedOver.append(.init(offset: offset, number: blocks)) }
                offset = end
                blocks += 1
                continue
            }
            let place = "byte \(offset)"
            guard let frame = try FrameScanner(PlacedSource(file, at: offset), kind: .table, at: offset).next() else { continue }
            let content = try Frame.decompress(frame, file: name)
            offset += frame.bytes.count
            if !insidePart {
                part += 1
                let header = try TablePart.header(content, file: name, place: place)
                guard try TablePart.dimension(of: header, file: name) == dimension,
                    let together = header.fields.integer(RowPlaces.field)
                else { throw ToolError.data(name, place, "joined tables have vectors of different sizes or forms") }
                try begin(header, together: together)
            } else if content.starts(with: ShardBlock.endMagic) {
                try end(content, place)
            } else {
                let prefix = ShardPrefix(content)
                guard prefix.fits(ShardBlock.magic, number: blocks, size: content.count) else { throw misplaced(place) }
                blocks += 1
                let block = try ShardBlock(payload: content, columns: header.columns, file: name, place: place)
                guard block.count(TableColumn.wordLengths, stride: 4) == 0 else {
                    throw ToolError.data(name, place, "the rows of this block do not lie where the header says")
                }
                return .tensor(try TablePart.tensor(block, file: name))
            }
        }
    }

    private func begin(_ header: ShardHeader, together: Int) throws {
        partStorage = TablePart.storage(of: header)
        if partStorage == .float32 { storage = .float32 }
        // The rows of an LZ4 block take at most 4 MiB.
        guard together >= 1, together <= Frame.largestBlock / (partStorage.stride * dimension) else {
            throw ToolError.data(name, "", "the table says that \(together) rows lie together, which cannot be")
        }
        self.header = header
        self.together = together
        insidePart = true
        blocks = 0
        counted = PartTotals(.table)
    }

    private func end(_ content: [UInt8], _ place: String) throws {
        guard ShardPrefix(content).fits(ShardBlock.endMagic, number: blocks, size: content.count) else { throw misplaced(place) }
        let text = String(validating: content.dropFirst(ShardBlock.prefixSize), as: UTF8.self) ?? ""
        guard let totals = ShardFields(lines: text.parts(separatedBy: "\n")),
            let digest = totals["digest"].flatMap({ UInt64($0, radix: 16) })
        else { throw ToolError.data(name, place, "the shard is damaged: its end has no digest") }
        try PartTotals.check("blocks", totals["blocks"], is: UInt64(blocks), file: name, place: place)
        try counted.check(totals, header: header, file: name, place: place)
        digests.append(digest)
        insidePart = false
    }

    private func misplaced(_ place: String) -> ToolError {
        .data(name, place, "block \(blocks) of the shard is missing, repeated or damaged")
    }

    /// The words of the frame at `offset`, if that is a stored one with rows; its rows are stepped over.
    private func wordsOfStoredFrame() throws -> Words? {
        let place = "byte \(offset)"
        // Size of the first block, prefix of the shard's block, number of words.
        let fixed = Frame.headerSize + 4 + ShardBlock.prefixSize + 8
        guard file.size - offset >= fixed else { return nil }
        let head = try file.read(at: offset, count: fixed)
        func number<Value: FixedWidthInteger>(_ place: Int, _ type: Value.Type) -> Value {
            head.withUnsafeBytes { Value(littleEndian: $0.loadUnaligned(fromByteOffset: place, as: Value.self)) }
        }
        let blockSize = number(Frame.headerSize, UInt32.self)
        let magicPlace = Frame.headerSize + 4
        guard blockSize & Frame.storedBit != 0, head[magicPlace..<magicPlace + 4].elementsEqual(ShardBlock.magic),
            number(magicPlace + ShardBlock.prefixSize, UInt64.self) > 0
        else { return nil }
        let size = Int(blockSize & ~Frame.storedBit), contentSize = number(6, UInt64.self)
        func damaged(_ what: String) -> ToolError { .data(name, place, "the shard is damaged (\(what))") }
        guard contentSize <= Frame.maximumContent, head.starts(with: Frame.header(contentSize: Int(contentSize))),
            size <= Frame.largestBlock, size >= ShardBlock.prefixSize + 8
        else { throw damaged("a frame's header") }
        let stored = try file.read(at: offset + Frame.headerSize, count: min(size + Frame.blockExtra, file.size - offset))
        guard let content = stored.withUnsafeBytes({ Frame.storedBlock($0).map(Array.init) }) else {
            throw damaged("a block's checksum is wrong")
        }
        guard ShardPrefix(content).fits(ShardBlock.magic, number: blocks, size: Int(contentSize)) else { throw misplaced(place) }
        let block = try ShardBlock(
            payload: Array(content.dropLast(8)), columns: TableColumn.beforeRows, file: name, place: place)
        let count = block.count(TableColumn.wordLengths, stride: 4)
        try counted.add(block, file: name)
        let values = content.withUnsafeBytes {
            UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: content.count - 8, as: UInt64.self))
        }
        guard TablePart.fits(block, words: count), values == UInt64(count * dimension) else {
            throw ToolError.data(name, place, "words and rows of this block do not fit together")
        }
        try checkWords(block, TableColumn.wordLengths, TableColumn.wordBytes, after: rowCount, file: name)
        let run = StoredRows.Run(
            first: rowCount, firstBlock: rowBlocks, count: count, together: together,
            offset: offset + Frame.headerSize + size + Frame.blockExtra, storage: partStorage)
        let rowBytes = partStorage.stride * count * dimension
        let behind = run.offset + rowBytes + Frame.blockExtra * run.blocks
        try checkEnd(of: contentSize, at: behind, size: Int(contentSize) - size - rowBytes, place)
        runs.append(run)
        rowCount += run.count
        rowBlocks += run.blocks
        blocks += 1
        return Words(block: block, count: count)
    }

    /// Checks what lies behind the rows, and steps over it: empty columns, and the end of the frame.
    private func checkEnd(of contentSize: UInt64, at behind: Int, size: Int, _ place: String) throws {
        // Up to 7 bytes that pad the rows, and four counts.
        guard (32..<40).contains(size) else { throw ToolError.data(name, place, "the shard is damaged (a frame's size)") }
        let bytes = try file.read(at: behind, count: size + Frame.blockExtra + Frame.endSize)
        let isSound = bytes.withUnsafeBytes { bytes in
            let content = Frame.storedBlock(UnsafeRawBufferPointer(rebasing: bytes[..<(size + Frame.blockExtra)]))
            return content?.allSatisfy { $0 == 0 } == true
                && bytes.loadUnaligned(fromByteOffset: size + Frame.blockExtra, as: UInt32.self) == 0
        }
        guard isSound else { throw ToolError.data(name, "byte \(behind)", "the shard is damaged (a frame's end)") }
        offset = behind + bytes.count
    }
}
