public import Files
public import Parallel

enum TableColumn {
    static let wordLengths = 0, wordBytes = 1, counts = 2, sources = 3, rows = 4
    static let tensorName = 5, tensorShape = 6, tensorOffset = 7, tensorValues = 8
    static let beforeRows = [
        ShardColumn("word-lengths", .u32), ShardColumn("word-bytes", .u8), ShardColumn("counts", .u64),
        ShardColumn("sources", .u8),
    ]
    static func all(_ storage: RowStorage) -> [ShardColumn] {
        beforeRows + [
            ShardColumn("rows", storage.element), ShardColumn("tensor-name", .u8), ShardColumn("tensor-shape", .u64),
            ShardColumn("tensor-offset", .u64), ShardColumn("tensor-values", .f32),
        ]
    }
    static let forms = RowStorage.allCases.map(all)
}

/// The source of a word's vector in a table.
public enum VectorSource: UInt8, Sendable, CaseIterable {
    /// The pre-trained vectors have the word.
    case pretrained = 0
    /// The mean of its character n-grams' vectors (fastText).
    case ngrams = 1
    /// A character model (MIMICK).
    case mimick = 2
    /// A mark of the pipeline, such as the sentence end.
    case special = 3
    /// Nothing could be made of it: the row is zero.
    case none = 4
    /// A random direction that stands for the word.
    case random = 5
}

/// Writes an embedding table: words with their counts and vectors, and the tensors that travel with them (the mean for
/// centring, the generator of vectors for further words).
public final class TableShardWriter {
    private let writer: ShardWriter
    private let dimension: Int
    private let count: Int
    private let storage: RowStorage
    private var lengths: [UInt32] = []
    private var bytes: [UInt8] = []
    private var counts: [UInt64] = []
    private var sources: [UInt8] = []
    private var rows: [Float] = []
    private var halves: [UInt16] = []
    private var words = 0

    /// The most that a block holds: values, words, bytes of words. Its words lie in one LZ4 block, of at most 4 MiB.
    private static let blockValues = 1 << 18
    private static let blockWords = 1 << 16
    private static let blockBytes = 1 << 20
    private static let tensorBlockValues = 1 << 22

    /// - Parameters:
    ///   - count: the number of words that will be appended.
    ///   - fields: options and digests; `dimension` and `words` are added here.
    public init(
        _ output: OutputFile, tool: String, dimension: Int, count: Int, storage: RowStorage = .float32,
        fields: ShardFields, pool: WorkerPool
    ) throws {
        self.dimension = dimension
        self.count = count
        self.storage = storage
        writer = ShardWriter(output, pool: pool)
        var all: ShardFields = [
            "dimension": String(dimension), "words": String(count),
            RowPlaces.field: String(RowPlaces.rows(dimension * storage.stride)),
        ]
        all.append(contentsOf: fields)
        try writer.beginPart(ShardHeader(kind: .table, tool: tool, columns: TableColumn.all(storage), fields: all))
    }

    /// Appends a word. `row` has `dimension` values. Throws `ToolError` for a word that is larger than a block, and for a
    /// value that is too large for float16.
    public func append(
        _ word: UnsafeRawBufferPointer, count: UInt64, source: VectorSource, row: UnsafeBufferPointer<Float>
    ) throws {
        precondition(row.count == dimension)
        guard word.count <= Self.blockBytes else {
            throw ToolError(.dataError, "\(writer.name): a word of \(word.count) bytes is too long for a table")
        }
        if bytes.count + word.count > Self.blockBytes { try flush() }
        lengths.append(UInt32(word.count))
        bytes.append(contentsOf: word)
        counts.append(count)
        sources.append(source.rawValue)
        try append(row, of: word)
        words += 1
        if lengths.count * dimension >= Self.blockValues || lengths.count == Self.blockWords { try flush() }
    }

    private func append(_ row: UnsafeBufferPointer<Float>, of word: UnsafeRawBufferPointer) throws {
        guard storage == .float16 else { return rows.append(contentsOf: row) }
        if let value = HalfFloat.append(row, to: &halves) {
            throw ToolError(
                .dataError, "\(writer.name): the vector of \(String(decoding: word, as: UTF8.self)) holds \(value), and float16 ends at "
                    + "\(Int(HalfFloat.greatest)); use --storage float32")
        }
    }

    /// Appends a tensor, in blocks of at most 16 MiB.
    public func append(tensor name: String, shape: [Int], values: [Float]) throws {
        precondition(shape.reduce(1, *) == values.count)
        try flush()
        var offset = 0
        repeat {
            let piece = values[offset..<min(values.count, offset + Self.tensorBlockValues)]
            var block = writer.newBlock(capacity: 4 * piece.count)
            block.append(emptyColumns: TableColumn.tensorName)
            block.append(column: Array(name.utf8))
            block.append(column: shape.map(UInt64.init))
            block.append(column: [UInt64(offset)])
            piece.withUnsafeBufferPointer { block.append(column: $0) }
            try writer.append(block)
            offset += piece.count
        } while offset < values.count
    }

    public func finish() throws {
        try flush()
        precondition(words == count, "a table must hold as many words as its header says")
        try writer.endPart(["words": String(words)])
    }

    private func flush() throws {
        guard !lengths.isEmpty else { return }
        var block = writer.newBlock(capacity: storage.stride * dimension * lengths.count + 16 * lengths.count + bytes.count)
        let rowCount = lengths.count
        block.append(taking: &lengths)
        block.append(taking: &bytes)
        block.append(taking: &counts)
        block.append(taking: &sources)
        let cuts = RowPlaces.cuts(behind: block.count, rows: rowCount, rowBytes: dimension * storage.stride)
        if storage == .float16 { block.append(taking: &halves) } else { block.append(taking: &rows) }
        block.append(emptyColumns: 4)
        try writer.append(block, storedAt: cuts)
    }
}

/// Reads an embedding table in the order of the file: rows of words, then pieces of tensors.
public final class TableShardReader {
    private let reader: ShardReader
    /// The width of the rows.
    public let dimension: Int
    private var words = 0

    /// Throws `ToolError` (`noInput`, `ioError`, `dataError`).
    public init(_ source: any ByteSource, pool: WorkerPool) throws {
        reader = try ShardReader(source, kind: .table, columns: TableColumn.forms, pool: pool)
        dimension = try TablePart.dimension(of: reader.header, file: reader.name)
    }

    public var name: String { reader.name }
    /// The storage of the rows so far: float32 if some are.
    public private(set) var storage = RowStorage.float16
    public var header: ShardHeader { reader.header }
    /// The number of the part that the last block belongs to.
    public var part: Int { reader.part }
    public var digests: [UInt64] { reader.digests }

    /// A run of rows of the table.
    public struct Rows {
        let block: ShardBlock
        public let count: Int
        let dimension: Int
        /// The rows of a block that stores them as halves; empty where the block has them as they are.
        let values: [Float]

        private func withRows(_ body: (UnsafeBufferPointer<Float>) throws -> Void) rethrows {
            if values.isEmpty { return try block.withColumn(TableColumn.rows, as: Float.self, body) }
            try values.withUnsafeBufferPointer(body)
        }

        /// Calls `body` with every word, its count, source and row, in order.
        public func forEach(
            _ body: (UnsafeRawBufferPointer, UInt64, VectorSource, UnsafeBufferPointer<Float>) throws -> Void
        ) rethrows {
            try withRows { rows in
                try TablePart.forEachWord(block) { index, word, count, source in
                    let row = rows[index * dimension..<(index + 1) * dimension]
                    try body(word, count, source, UnsafeBufferPointer(rebasing: row))
                }
            }
        }
    }

    /// A piece of a tensor: `values` begin at element `offset`.
    public struct TensorPiece {
        let block: ShardBlock
        public let name: String
        public let shape: [Int]
        public let offset: Int

        public func withValues<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result {
            try block.withColumn(TableColumn.tensorValues, body)
        }
    }

    public enum Item {
        case rows(Rows)
        case tensor(TensorPiece)
    }

    /// The next rows or piece of a tensor, `nil` after the last. All values are finite numbers, or it throws.
    public func next() throws -> Item? {
        guard let block = try reader.next() else { return nil }
        guard try TablePart.dimension(of: reader.header, file: reader.name) == dimension else {
            throw ToolError.data(reader.name, block.place, "joined tables have vectors of different sizes")
        }
        return try block.count(TableColumn.tensorName, stride: 1) > 0 ? .tensor(TablePart.tensor(block, file: reader.name)) : .rows(rows(block))
    }

    private func rows(_ block: ShardBlock) throws -> Rows {
        let words = block.count(TableColumn.wordLengths, stride: 4)
        let storage = TablePart.storage(of: reader.header)
        if storage == .float32 { self.storage = .float32 }
        guard TablePart.fits(block, words: words),
            block.count(TableColumn.rows, stride: storage.stride) == words * dimension
        else { throw ToolError.data(reader.name, block.place, "words and rows of this block do not fit together") }
        try checkWords(block, TableColumn.wordLengths, TableColumn.wordBytes, after: self.words, file: reader.name)
        self.words += words
        let values = try block.withColumn(TableColumn.rows, as: UInt8.self) { bytes in
            let bytes = UnsafeRawBufferPointer(bytes)
            guard storage.isFinite(bytes) else {
                throw ToolError.data(reader.name, block.place, "a vector holds NaN or infinity")
            }
            guard storage != .float32 else { return [Float]() }
            return [Float](unsafeUninitializedCapacity: words * dimension) { values, count in
                count = words * dimension
                storage.read(bytes, into: UnsafeMutableBufferPointer(rebasing: values[..<count]))
            }
        }
        return Rows(block: block, count: words, dimension: dimension, values: values)
    }
}

/// Prints table shards in word2vec's text form: a line with the number of words and the width, then word and values.
public func printTable(paths: [String], to output: OutputFile, pool: WorkerPool) throws {
    for path in paths {
        let reader = try TableShardReader(FileSource(path: path), pool: pool)
        // Joined tables tell their number of words part by part, so a file is read once just to count.
        let announced = path == "-" ? reader.header.fields.integer("words") ?? 0 : try countWords(path, pool: pool)
        try output.write("\(announced) \(reader.dimension)\n")
        var printed = 0
        while let item = try reader.next() {
            guard case .rows(let rows) = item else { continue }
            try rows.forEach { word, _, _, row in
                try output.write(word)
                try output.write(row.reduce(into: "") { $0 += " \($1)" } + "\n")
            }
            printed += rows.count
        }
        guard printed == announced else {
            throw ToolError.data(
                reader.name, "", "joined tables cannot be printed from a pipe: word2vec text begins with their number of words")
        }
    }
}

private func countWords(_ path: String, pool: WorkerPool) throws -> Int {
    let reader = try TableShardReader(FileSource(path: path), pool: pool)
    var count = 0
    while let item = try reader.next() {
        if case .rows(let rows) = item { count += rows.count }
    }
    return count
}

/// The checks that both readers of tables make.
enum TablePart {
    /// The storage of the part's rows.
    static func storage(of header: ShardHeader) -> RowStorage {
        RowStorage.allCases.first { TableColumn.all($0) == header.columns } ?? .float32
    }

    static func dimension(of header: ShardHeader, file: String) throws -> Int {
        try header.fields.integer("dimension", in: 1...1 << 20, file: file)
    }

    /// True if the columns before the rows are those of so many words.
    static func fits(_ block: ShardBlock, words: Int) -> Bool {
        block.adds(up: TableColumn.wordLengths, to: block.count(TableColumn.wordBytes, stride: 1))
            && block.count(TableColumn.counts, stride: 8) == words && block.count(TableColumn.sources, stride: 1) == words
    }

    /// Calls `body` with the number of every word in the block, the word, its count and source, in order.
    static func forEachWord(
        _ block: ShardBlock, _ body: (Int, UnsafeRawBufferPointer, UInt64, VectorSource) throws -> Void
    ) rethrows {
        try block.withColumn(TableColumn.counts, as: UInt64.self) { counts in
            try block.withColumn(TableColumn.sources, as: UInt8.self) { sources in
                var index = 0
                try block.forEachWord(lengths: TableColumn.wordLengths, bytes: TableColumn.wordBytes) { word in
                    try body(index, word, counts[index], VectorSource(rawValue: sources[index]) ?? .none)
                    index += 1
                }
            }
        }
    }

    static func tensor(_ block: ShardBlock, file: String) throws -> TableShardReader.TensorPiece {
        let name = block.withColumn(TableColumn.tensorName, as: UInt8.self) { String(decoding: $0, as: UTF8.self) }
        let shape = block.withColumn(TableColumn.tensorShape, as: UInt64.self) { $0.map { Int(clamping: $0) } }
        let offset = block.withColumn(TableColumn.tensorOffset, as: UInt64.self) { $0.first.map { Int(clamping: $0) } }
        guard let offset, let size = product(of: shape), size <= 1 << 40, offset >= 0,
            offset <= size - block.count(TableColumn.tensorValues, stride: 4)
        else { throw ToolError.data(file, block.place, "tensor \(name) does not fit its shape") }
        let isFinite = block.withColumn(TableColumn.tensorValues, as: UInt8.self) {
            RowStorage.float32.isFinite(UnsafeRawBufferPointer($0))
        }
        guard isFinite else { throw ToolError.data(file, block.place, "a vector holds NaN or infinity") }
        return TableShardReader.TensorPiece(block: block, name: name, shape: shape, offset: offset)
    }
}

/// The places of a table's rows in its frames, so that they can be read there.
///
/// The frame of a block with rows is stored. Its first LZ4 block has all that lies before the rows' values, the next ones
/// have the same number of rows each (the last one fewer), and one more has what comes behind.
enum RowPlaces {
    /// The field of the header that says how many rows an LZ4 block has.
    static let field = "rows-together"
    /// Bytes of rows in an LZ4 block, about: what must be read for the first of its rows, to check all of them.
    private static let bytes = 64 << 10

    /// The number of rows in an LZ4 block.
    static func rows(_ rowBytes: Int) -> Int { max(1, bytes / rowBytes) }

    /// The ends of a frame's LZ4 blocks but the last; the rows' column begins `behind` so many bytes of the content.
    static func cuts(behind: Int, rows: Int, rowBytes: Int) -> [Int] {
        // A column begins with its count.
        let start = behind + 8, together = Self.rows(rowBytes)
        return [start] + stride(from: 0, to: rows, by: together).map { start + rowBytes * min(rows, $0 + together) }
    }
}
