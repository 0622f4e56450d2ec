public import Files
import Synchronization

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
            try TablePart.forEachWord(block) { _, word, count, source in try body(word, count, source) }
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
                let piece = try tensorPiece(content, number: blocks, header.columns, file: name, place: place)
                blocks += 1
                return .tensor(piece)
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
        try ShardBlock.checkPrefix(content, ShardBlock.endMagic, number: blocks, size: content.count, file: name, place: place)
        let text = String(validating: content.dropFirst(ShardBlock.prefixSize), as: UTF8.self) ?? ""
        guard let totals = ShardFields(lines: text.parts(separatedBy: "\n")),
            let digest = totals["digest"].flatMap({ UInt64($0, radix: 16) })
        else { throw ToolError.data(name, place, "the shard is damaged: its end has no digest") }
        try PartTotals.check("blocks", totals["blocks"], is: UInt64(blocks), file: name, place: place)
        try counted.check(totals, header: header, file: name, place: place)
        digests.append(digest)
        insidePart = false
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
        try ShardBlock.checkPrefix(content, ShardBlock.magic, number: blocks, size: Int(contentSize), file: name, place: place)
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

/// The rows of a table where they lie in its file: read when they are asked for, a stored LZ4 block checked when the first
/// of its rows is. Any thread may ask.
public final class StoredRows: Sendable {
    /// Rows of one frame.
    struct Run: Sendable {
        /// The number of the first row, among all rows of the file, and of its LZ4 block among all.
        let first: Int
        let firstBlock: Int
        let count: Int
        /// Rows in an LZ4 block, the last one excepted.
        let together: Int
        /// Where the first row's LZ4 block lies in the file.
        let offset: Int
        let storage: RowStorage

        var blocks: Int { (count + together - 1) / together }
    }

    public let dimension: Int
    private let file: PlacedFile
    private let runs: [Run]
    /// A bit for each LZ4 block that has been found whole.
    private let sound: Mutex<[UInt64]>

    init(_ file: PlacedFile, dimension: Int, runs: [Run]) {
        self.file = file
        self.dimension = dimension
        self.runs = runs
        let blocks = runs.last.map { $0.firstBlock + $0.blocks } ?? 0
        sound = Mutex(Array(repeating: 0, count: (blocks + 63) / 64))
    }

    /// Reads row `index` into `row`, [dimension]. Throws `ToolError` (`ioError`; `dataError` if the block in which it lies
    /// is damaged or holds what is no number). Allocates nothing when the block has been checked.
    public func read(_ index: Int, into row: UnsafeMutableBufferPointer<Float>) throws {
        precondition(row.count == dimension)
        let run = runs[self.run(of: index)], rowBytes = run.storage.stride * dimension
        precondition(index >= run.first && index < run.first + run.count)
        let place = (index - run.first) / run.together
        let start = run.offset + place * (run.together * rowBytes + Frame.blockExtra)
        let rowInBlock = (index - run.first) % run.together
        let block = run.firstBlock + place
        if sound.withLock({ $0[block / 64] >> UInt64(block % 64) & 1 == 1 }) {
            return try read(at: start + 4 + rowInBlock * rowBytes, run.storage, into: row)
        }
        let rows = min(run.together, run.count - place * run.together)
        let bytes = try file.read(at: start, count: rows * rowBytes + Frame.blockExtra)
        try bytes.withUnsafeBytes { bytes in
            guard let content = Frame.storedBlock(bytes) else {
                throw ToolError.data(file.name, "byte \(start)", "the shard is damaged (a block's checksum is wrong)")
            }
            guard run.storage.isFinite(content) else {
                throw ToolError.data(file.name, "byte \(start)", "a vector holds NaN or infinity")
            }
            run.storage.read(
                UnsafeRawBufferPointer(rebasing: content[rowInBlock * rowBytes..<(rowInBlock + 1) * rowBytes]), into: row)
        }
        sound.withLock { $0[block / 64] |= 1 << UInt64(block % 64) }
    }

    /// Reads the values that begin at byte `place` of the file, which are known to be sound.
    private func read(at place: Int, _ storage: RowStorage, into row: UnsafeMutableBufferPointer<Float>) throws {
        let bytes = UnsafeMutableRawBufferPointer(row)
        guard storage == .float16 else { return try file.read(at: place, into: bytes) }
        // Halves wait in the back half of the row: floats, made from the front on, never reach one that is still to be read.
        let halves = UnsafeMutableRawBufferPointer(rebasing: bytes[(bytes.count / 2)...])
        try file.read(at: place, into: halves)
        // Some at a time, because of more than a KiB the stack may not have the room.
        let most = 256
        withUnsafeTemporaryAllocation(byteCount: 2 * most, alignment: 2) { some in
            for start in stride(from: 0, to: row.count, by: most) {
                let end = min(start + most, row.count)
                let piece = UnsafeMutableRawBufferPointer(rebasing: some[..<(2 * (end - start))])
                piece.copyMemory(from: UnsafeRawBufferPointer(rebasing: halves[2 * start..<2 * end]))
                storage.read(UnsafeRawBufferPointer(piece), into: UnsafeMutableBufferPointer(rebasing: row[start..<end]))
            }
        }
    }

    /// The last run that begins at or before a row.
    private func run(of index: Int) -> Int {
        var low = 0, high = runs.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if runs[middle].first <= index { low = middle } else { high = middle }
        }
        return low
    }
}

/// The large tensors of a table in a plain file, passed over at first: what they belong to may never be asked for.
public struct DeferredTensors: Sendable {
    struct Place: Sendable {
        let offset: Int
        /// The number of the block in its part.
        let number: Int
    }

    /// Content of a frame that is passed over, at least.
    static let leastContent = 1 << 20

    private let file: PlacedFile
    private let columns: [ShardColumn]
    private let places: [Place]

    init(_ file: PlacedFile, columns: [ShardColumn], places: [Place]) {
        self.file = file
        self.columns = columns
        self.places = places
    }

    /// Reads the pieces in the order of the file. Throws `ToolError` (`ioError`, `dataError`).
    public func forEach(_ body: (TableShardReader.TensorPiece) throws -> Void) throws {
        for place in places {
            guard let frame = try FrameScanner(PlacedSource(file, at: place.offset), kind: .table, at: place.offset).next() else { continue }
            let content = try Frame.decompress(frame, file: file.name)
            try body(tensorPiece(content, number: place.number, columns, file: file.name, place: frame.place))
        }
    }
}

/// The piece of a tensor that a block holds. Throws `ToolError.data` if it is another block than block `number` of its part, or one with
/// rows.
private func tensorPiece(
    _ content: [UInt8], number: Int, _ columns: [ShardColumn], file: String, place: String
) throws -> TableShardReader.TensorPiece {
    try ShardBlock.checkPrefix(content, ShardBlock.magic, number: number, size: content.count, file: file, place: place)
    let block = try ShardBlock(payload: content, columns: columns, file: file, place: place)
    guard block.count(TableColumn.wordLengths, stride: 4) == 0 else {
        throw ToolError.data(file, place, "the rows of this block do not lie where the header says")
    }
    return try TablePart.tensor(block, file: file)
}
