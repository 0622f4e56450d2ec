public import Files
import Synchronization

/// A table in a plain file, read without its rows: words, counts and sources as they come, pieces of tensors, and at the
/// end the places of the rows. It is checked as `ShardReader` checks it, but for the digest, which is over the rows as well.
public final class TableFile {
    public let dimension: Int
    /// The header of the part that the last item belongs to.
    public var header: ShardHeader { parts.header }
    /// The number of that part, from 0.
    public var part: Int { parts.number }
    /// The digests that the ended parts say they have.
    public var digests: [UInt64] { parts.digests }
    public var name: String { file.name }
    /// The storage of the rows so far: float32 if some are.
    public private(set) var storage = RowStorage.float16

    private let file: PlacedFile
    private var offset = 0
    private var parts: ShardParts
    /// The rows in an LZ4 block of this part.
    private var together = 0
    /// The storage of this part's rows.
    private var partStorage = RowStorage.float32
    private var runs: [StoredRows.Run] = []
    private var rowCount = 0, rowBlocks = 0
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
        guard let file = PlacedFile(source), let (content, end) = try file.frame(at: 0, kind: .table) else { return nil }
        var parts = ShardParts(.table, columns: TableColumn.forms, file: file.name)
        try parts.begin(content, place: "byte 0")
        guard let together = parts.header.fields.integer(RowPlaces.field) else { return nil }
        self.file = file
        self.parts = parts
        firstColumns = parts.header.columns
        dimension = try TablePart.dimension(of: parts.header, file: file.name)
        offset = end
        try begin(together)
    }

    /// The places of all rows; to be called when `next` has returned `nil`.
    public func rows() -> StoredRows { StoredRows(file, dimension: dimension, runs: runs) }

    /// The large tensors of the first part, which `next` passes over; to be called when it has returned `nil`.
    public func deferred() -> DeferredTensors { DeferredTensors(file, columns: firstColumns, places: passedOver) }

    /// The next words or piece of a small tensor, `nil` after the last.
    public func next() throws -> Item? {
        while offset < file.size {
            if parts.isOpen, let words = try wordsOfStoredFrame() { return .words(words) }
            if parts.isOpen, let end = try file.endOfFrame(at: offset, leastContent: DeferredTensors.leastContent) {
                if part == 0 { passedOver.append(.init(offset: offset, number: parts.blocks)) }
                offset = end
                parts.skipBlock()
                continue
            }
            let place = "byte \(offset)"
            guard let (content, end) = try file.frame(at: offset, kind: .table) else { continue }
            offset = end
            if !parts.isOpen {
                try parts.begin(content, place: place)
                guard try TablePart.dimension(of: header, file: name) == dimension,
                    let together = header.fields.integer(RowPlaces.field)
                else { throw ToolError.data(name, place, "joined tables have vectors of different sizes or forms") }
                try begin(together)
            } else if content.starts(with: ShardBlock.endMagic) {
                try parts.end(content, digest: nil, place: place)
            } else {
                let piece = try tensorPiece(content, number: parts.blocks, header.columns, file: name, place: place)
                parts.skipBlock()
                return .tensor(piece)
            }
        }
        try parts.checkEnded()
        return nil
    }

    /// Begins a part with so many rows in an LZ4 block.
    private func begin(_ together: Int) throws {
        partStorage = TablePart.storage(of: header)
        if partStorage == .float32 { storage = .float32 }
        // The rows of an LZ4 block take at most 4 MiB.
        guard together >= 1, together <= Frame.largestBlock / (partStorage.stride * dimension) else {
            throw ToolError.data(name, "", "the table says that \(together) rows lie together, which cannot be")
        }
        self.together = together
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
        try parts.checkBlock(content, size: Int(contentSize), place: place)
        let block = try ShardBlock(
            payload: Array(content.dropLast(8)), columns: TableColumn.beforeRows, file: name, place: place)
        let count = block.count(TableColumn.wordLengths, stride: 4)
        try parts.count(block)
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
        /// The place in the file of the first row's LZ4 block.
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
        // Some at a time, because of more than a KiB the stack may not have the room. In place, the loop would not vectorise.
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
            guard let (content, _) = try file.frame(at: place.offset, kind: .table) else { continue }
            try body(tensorPiece(content, number: place.number, columns, file: file.name, place: "byte \(place.offset)"))
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
