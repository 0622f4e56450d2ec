public import Files
public import Parallel

/// Reads an embedding table in the order of the file: rows of words, then pieces of tensors.
public final class TableShardReader {
    private let reader: ShardReader
    /// The width of the rows.
    public let dimension: Int
    private var words = 0

    /// Throws `ToolError` (`noInput`, `ioError`, `dataError`).
    public init(_ source: any ByteSource, pool: WorkerPool) throws {
        reader = try ShardReader(source, kind: .table, anyOf: TableColumn.forms, pool: pool)
        dimension = try TablePart.dimension(of: reader.header, file: reader.name)
    }

    public var name: String { reader.name }
    /// How the rows so far are stored: float32 if some are.
    public private(set) var storage = RowStorage.float16
    public var header: ShardHeader { reader.header }
    /// The number of the part that the last block belongs to.
    public var part: Int { reader.part }
    public var totals: ShardFields { reader.totals }
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
            try block.withColumn(TableColumn.counts, as: UInt64.self) { counts in
                try block.withColumn(TableColumn.sources, as: UInt8.self) { sources in
                    try withRows { rows in
                        var index = 0
                        try block.forEachWord(lengths: TableColumn.wordLengths, bytes: TableColumn.wordBytes) { word in
                            let row = rows[index * dimension..<(index + 1) * dimension]
                            let source = VectorSource(rawValue: sources[index]) ?? .none
                            try body(word, counts[index], source, UnsafeBufferPointer(rebasing: row))
                            index += 1
                        }
                    }
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
