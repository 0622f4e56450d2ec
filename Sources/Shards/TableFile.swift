public import Files
import Synchronization

/// A table in a plain file, read without its rows: words, counts and sources in order, pieces of tensors, and at the end the places
/// of the rows. It is checked like `ShardReader` checks, except for the digest, which covers the rows, too.
///
/// ```swift
/// if let table = try TableFile(openInput("table.shard")) {
///     while let item = try table.next() {
///         if case .words(let words) = item { print(words.count) }
///     }
///     let rows = table.rows()
/// }
/// ```
public final class TableFile {
    /// Width of the rows.
    public let dimension: Int
    /// Header of the part of the last item.
    public var header: ShardHeader { parts.header }
    /// Number of that part, from 0.
    public var part: Int { parts.number }
    /// Digests that the parts' ends state.
    public var digests: [UInt64] { parts.digests }
    /// The user's name for the file.
    public var name: String { file.name }
    /// Storage of the rows read so far: float32 if any are.
    public private(set) var storage = RowStorage.float16

    private let file: PlacedFile
    private var offset = 0
    private var parts: ShardParts
    /// Number of rows in an LZ4 block of this part.
    private var together = 0
    /// Storage of this part's rows.
    private var partStorage = RowStorage.float32
    private var runs: [StoredRows.Run] = []
    private var rowCount = 0, rowBlocks = 0
    private let firstColumns: [ShardColumn]
    private var passedOver: [DeferredTensors.Place] = []

    /// A piece of the file: words, or part of a small tensor.
    ///
    /// ```swift
    /// while let item = try table.next() {
    ///     if case .tensor(let piece) = item { print(piece.name) }
    /// }
    /// ```
    public enum Item {
        /// A run of words, with their counts and sources.
        case words(Words)
        /// A piece of a small tensor.
        case tensor(TableShardReader.TensorPiece)
    }

    /// A run of words; their rows follow those of the previous runs.
    ///
    /// ```swift
    /// try words.forEach { word, count, source in print(String(decoding: word, as: UTF8.self), count, source) }
    /// ```
    public struct Words {
        let block: ShardBlock
        /// Number of words.
        public let count: Int

        /// Calls `body` with each word, its count and its source, in order.
        public func forEach(_ body: (UnsafeRawBufferPointer, UInt64, VectorSource) throws -> Void) rethrows {
            try TablePart.forEachWord(block) { _, word, count, source in try body(word, count, source) }
        }
    }

    /// Opens a table. Returns `nil` if the source is not a plain file, or if the table's rows are not stored uncompressed; nothing
    /// has then been read, and `TableShardReader` can read the source. Throws `ToolError` (`ioError`, `dataError`).
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

    /// Returns the places of all rows. Call it after `next` has returned `nil`.
    public func rows() -> StoredRows { StoredRows(file, dimension: dimension, runs: runs) }

    /// Returns the large tensors of the first part, which `next` skips. Call it after `next` has returned `nil`.
    public func deferred() -> DeferredTensors { DeferredTensors(file, columns: firstColumns, places: passedOver) }

    /// Returns the next words or the next piece of a small tensor; `nil` after the last.
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

    /// Starts a part whose LZ4 blocks hold `together` rows.
    private func begin(_ together: Int) throws {
        partStorage = TablePart.storage(of: header)
        if partStorage == .float32 { storage = .float32 }
        // The rows of an LZ4 block take at most 4 MiB.
        guard together >= 1, together <= Frame.largestBlock / (partStorage.stride * dimension) else {
            throw ToolError.data(name, "", "the table says that \(together) rows lie together, which cannot be")
        }
        self.together = together
    }

    /// Returns the words of the frame at `offset`, skipping its rows, if the frame is uncompressed and has rows.
    private func wordsOfStoredFrame() throws -> Words? {
        let place = "byte \(offset)"
        // Size of the first LZ4 block, prefix of the shard's block, number of words.
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

    /// Checks and skips what follows the rows: empty columns, and the end of the frame.
    private func checkEnd(of contentSize: UInt64, at behind: Int, size: Int, _ place: String) throws {
        // At most 7 bytes that pad the rows, and four counts.
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

/// The rows of a table at their places in the file. A row is read when requested, and its LZ4 block is checked when the first of
/// its rows is read. Any thread may call it.
///
/// ```swift
/// let rows = table.rows()
/// var row = [Float](repeating: 0, count: rows.dimension)
/// try row.withUnsafeMutableBufferPointer { try rows.read(7, into: $0) }
/// ```
public final class StoredRows: Sendable {
    /// The rows of one frame.
    struct Run: Sendable {
        /// Number of the first row among all rows of the file, and of its LZ4 block among all LZ4 blocks.
        let first: Int
        let firstBlock: Int
        let count: Int
        /// Number of rows in each LZ4 block except the last.
        let together: Int
        /// Offset in the file of the first row's LZ4 block.
        let offset: Int
        let storage: RowStorage

        var blocks: Int { (count + together - 1) / together }
    }

    /// Width of the rows.
    public let dimension: Int
    private let file: PlacedFile
    private let runs: [Run]
    /// A bit for each LZ4 block that has been checked.
    private let sound: Mutex<[UInt64]>

    init(_ file: PlacedFile, dimension: Int, runs: [Run]) {
        self.file = file
        self.dimension = dimension
        self.runs = runs
        let blocks = runs.last.map { $0.firstBlock + $0.blocks } ?? 0
        sound = Mutex(Array(repeating: 0, count: (blocks + 63) / 64))
    }

    /// Reads row `index` into `row` [dimension]. Throws `ToolError`: `ioError`, or `dataError` if its block is damaged or holds NaN
    /// or infinity. Allocates nothing if the block has been checked before.
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

    /// Reads the values that start at byte `place` of the file and have been checked.
    private func read(at place: Int, _ storage: RowStorage, into row: UnsafeMutableBufferPointer<Float>) throws {
        let bytes = UnsafeMutableRawBufferPointer(row)
        guard storage == .float16 else { return try file.read(at: place, into: bytes) }
        // Halves are read to the second half of the row: floats, written from the start, never reach a half that is still needed.
        let halves = UnsafeMutableRawBufferPointer(rebasing: bytes[(bytes.count / 2)...])
        try file.read(at: place, into: halves)
        // A few at a time, because the stack may not have room for more than one KiB. Converting in place would not vectorise.
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

    /// Returns the last run that starts at or before a row.
    private func run(of index: Int) -> Int {
        var low = 0, high = runs.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if runs[middle].first <= index { low = middle } else { high = middle }
        }
        return low
    }
}

/// The large tensors of a table in a plain file. They are skipped at first, because what they belong to may never be needed.
///
/// ```swift
/// try table.deferred().forEach { piece in print(piece.name, piece.offset) }
/// ```
public struct DeferredTensors: Sendable {
    struct Place: Sendable {
        let offset: Int
        /// Number of the block in its part.
        let number: Int
    }

    /// Minimum content of a frame that is skipped.
    static let leastContent = 1 << 20

    private let file: PlacedFile
    private let columns: [ShardColumn]
    private let places: [Place]

    init(_ file: PlacedFile, columns: [ShardColumn], places: [Place]) {
        self.file = file
        self.columns = columns
        self.places = places
    }

    /// Reads the pieces in file order and calls `body` with each. Throws `ToolError` (`ioError`, `dataError`).
    public func forEach(_ body: (TableShardReader.TensorPiece) throws -> Void) throws {
        for place in places {
            guard let (content, _) = try file.frame(at: place.offset, kind: .table) else { continue }
            try body(tensorPiece(content, number: place.number, columns, file: file.name, place: "byte \(place.offset)"))
        }
    }
}

/// Returns the piece of a tensor in a block. Throws `ToolError.data` unless it is block `number` of its part and has no rows.
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
