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
///
/// ```swift
/// let source = VectorSource.pretrained
/// ```
public enum VectorSource: UInt8, Sendable, CaseIterable {
    /// From the pre-trained vectors.
    case pretrained = 0
    /// The mean of the vectors of its character n-grams (fastText).
    case ngrams = 1
    /// From a character model (MIMICK).
    case mimick = 2
    /// A mark of the pipeline, such as the end of a sentence.
    case special = 3
    /// No vector could be made: the row is zero.
    case none = 4
    /// A random direction.
    case random = 5
}

/// Writes an embedding table: words with counts and vectors, and the tensors that belong to them, such as the mean for centring and
/// the generator of vectors for further words.
///
/// ```swift
/// let writer = try TableShardWriter(output, tool: "example 1", dimension: 3, count: 1, fields: [:], pool: pool)
/// try Array("word".utf8).withUnsafeBytes { word in
///     try [Float](repeating: 1, count: 3).withUnsafeBufferPointer { row in
///         try writer.append(word, count: 12, source: .pretrained, row: row)
///     }
/// }
/// try writer.finish()
/// try output.commit()
/// ```
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

    /// Limits of a block: values, words, and bytes of words. Its words are in one LZ4 block of at most 4 MiB.
    private static let blockValues = 1 << 18
    private static let blockWords = 1 << 16
    private static let blockBytes = 1 << 20
    private static let tensorBlockValues = 1 << 22

    /// Starts a table. Throws `ToolError` with status `ioError`.
    /// - `count`: number of words that will be appended.
    /// - `fields`: options and digests, to which `dimension` and `words` are added.
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

    /// Appends a word with a row of `dimension` values. Throws `ToolError` for a word larger than a block, and for a value too
    /// large for float16.
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

    /// Appends a tensor in blocks of at most 16 MiB.
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

    /// Ends the shard. The caller commits the output. Throws `ToolError` with status `ioError`.
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

/// Reads an embedding table in file order: rows of words, then pieces of tensors.
///
/// ```swift
/// let reader = try TableShardReader(openInput("table.shard"), pool: pool)
/// while let item = try reader.next() {
///     if case .rows(let rows) = item {
///         try rows.forEach { word, count, source, row in print(String(decoding: word, as: UTF8.self), count, row[0]) }
///     }
/// }
/// ```
public final class TableShardReader {
    private let reader: ShardReader
    /// Width of the rows.
    public let dimension: Int
    private var words = 0

    /// Opens a table. Throws `ToolError` (`noInput`, `ioError`, `dataError`).
    public init(_ source: any ByteSource, pool: WorkerPool) throws {
        reader = try ShardReader(source, kind: .table, columns: TableColumn.forms, pool: pool)
        dimension = try TablePart.dimension(of: reader.header, file: reader.name)
    }

    /// The user's name for the input.
    public var name: String { reader.name }
    /// Storage of the rows read so far: float32 if any are.
    public private(set) var storage = RowStorage.float16
    /// Header of the part of the last item.
    public var header: ShardHeader { reader.header }
    /// Number of the part of the last block.
    public var part: Int { reader.part }
    /// Digests of the parts that have ended.
    public var digests: [UInt64] { reader.digests }

    /// A run of rows of the table.
    ///
    /// ```swift
    /// try rows.forEach { word, count, source, row in print(String(decoding: word, as: UTF8.self), row.count) }
    /// ```
    public struct Rows {
        let block: ShardBlock
        /// Number of rows.
        public let count: Int
        let dimension: Int
        /// The rows of a block that stores halves, as floats; empty if the block stores floats.
        let values: [Float]

        private func withRows(_ body: (UnsafeBufferPointer<Float>) throws -> Void) rethrows {
            if values.isEmpty { return try block.withColumn(TableColumn.rows, as: Float.self, body) }
            try values.withUnsafeBufferPointer(body)
        }

        /// Calls `body` with each word, its count, source and row, in order.
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

    /// A piece of a tensor, whose `values` start at element `offset`.
    ///
    /// ```swift
    /// piece.withValues { values in print(piece.name, piece.offset, values.count) }
    /// ```
    public struct TensorPiece {
        let block: ShardBlock
        /// Name of the tensor.
        public let name: String
        /// Shape of the whole tensor.
        public let shape: [Int]
        /// Index of the piece's first element in the tensor.
        public let offset: Int

        /// Calls `body` with the elements of the piece.
        public func withValues<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result {
            try block.withColumn(TableColumn.tensorValues, body)
        }
    }

    /// A piece of the file: rows, or part of a tensor.
    ///
    /// ```swift
    /// while let item = try reader.next() {
    ///     if case .tensor(let piece) = item { print(piece.name) }
    /// }
    /// ```
    public enum Item {
        /// A run of words with their rows.
        case rows(Rows)
        /// A piece of a tensor.
        case tensor(TensorPiece)
    }

    /// Returns the next rows or piece of a tensor; `nil` after the last. Throws `ToolError`, also for values that are not finite.
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

/// Prints table shards in word2vec's text format: a line with the number of words and the width, then a line for each word with its
/// values.
public func printTable(paths: [String], to output: OutputFile, pool: WorkerPool) throws {
    for path in paths {
        let reader = try TableShardReader(FileSource(path: path), pool: pool)
        // Joined tables state their numbers of words part by part, so a file is first read once for counting.
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

/// Checks that both readers of tables make.
enum TablePart {
    /// Returns the storage of the part's rows.
    static func storage(of header: ShardHeader) -> RowStorage {
        RowStorage.allCases.first { TableColumn.all($0) == header.columns } ?? .float32
    }

    static func dimension(of header: ShardHeader, file: String) throws -> Int {
        try header.fields.integer("dimension", in: 1...1 << 20, file: file)
    }

    /// Returns true if the columns before the rows match this number of words.
    static func fits(_ block: ShardBlock, words: Int) -> Bool {
        block.adds(up: TableColumn.wordLengths, to: block.count(TableColumn.wordBytes, stride: 1))
            && block.count(TableColumn.counts, stride: 8) == words && block.count(TableColumn.sources, stride: 1) == words
    }

    /// Calls `body` with the index of each word in the block, the word, its count and its source, in order.
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

/// The places of a table's rows in its frames, which allow them to be read directly.
///
/// The frame of a block with rows is stored uncompressed. Its first LZ4 block holds everything before the values of the rows; the
/// next ones hold the same number of rows each, except the last; one more holds what follows.
enum RowPlaces {
    /// The header field for the number of rows in an LZ4 block.
    static let field = "rows-together"
    /// Approximate bytes of rows in an LZ4 block, all of which must be read and checked for the first of its rows.
    private static let bytes = 64 << 10

    /// Returns the number of rows in an LZ4 block.
    static func rows(_ rowBytes: Int) -> Int { max(1, bytes / rowBytes) }

    /// Returns the ends of a frame's LZ4 blocks except the last. The column of rows starts at byte `behind` of the content.
    static func cuts(behind: Int, rows: Int, rowBytes: Int) -> [Int] {
        // A column starts with its count.
        let start = behind + 8, together = Self.rows(rowBytes)
        return [start] + stride(from: 0, to: rows, by: together).map { start + rowBytes * min(rows, $0 + together) }
    }
}
