public import Files
public import Parallel

/// Reads an embedding table in the order of the file: rows of words, then pieces of tensors.
public final class TableShardReader {
    private let reader: ShardReader
    /// The width of the rows.
    public let dimension: Int

    /// Throws `ToolError` (`noInput`, `ioError`, `dataError`).
    public init(_ source: any ByteSource, pool: WorkerPool) throws {
        reader = try ShardReader(source, kind: .table, columns: TableColumn.all, pool: pool)
        dimension = try Self.dimension(of: reader.header, file: reader.name)
    }

    public var name: String { reader.name }
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

        /// Calls `body` with every word, its count, source and row, in order.
        public func forEach(
            _ body: (UnsafeRawBufferPointer, UInt64, VectorSource, UnsafeBufferPointer<Float>) throws -> Void
        ) rethrows {
            try block.withColumn(TableColumn.counts, as: UInt64.self) { counts in
                try block.withColumn(TableColumn.sources, as: UInt8.self) { sources in
                    try block.withColumn(TableColumn.rows, as: Float.self) { rows in
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
        guard try Self.dimension(of: reader.header, file: reader.name) == dimension else {
            throw ToolError.data(reader.name, block.place, "joined tables have vectors of different sizes")
        }
        return try block.count(TableColumn.tensorName, stride: 1) > 0 ? .tensor(tensor(block)) : .rows(rows(block))
    }

    private func rows(_ block: ShardBlock) throws -> Rows {
        let words = block.count(TableColumn.wordLengths, stride: 4)
        guard block.adds(up: TableColumn.wordLengths, to: block.count(TableColumn.wordBytes, stride: 1)),
            block.count(TableColumn.counts, stride: 8) == words, block.count(TableColumn.sources, stride: 1) == words,
            block.count(TableColumn.rows, stride: 4) == words * dimension
        else { throw ToolError.data(reader.name, block.place, "words and rows of this block do not fit together") }
        try checkFinite(block, TableColumn.rows)
        return Rows(block: block, count: words, dimension: dimension)
    }

    private func tensor(_ block: ShardBlock) throws -> TensorPiece {
        let name = block.withColumn(TableColumn.tensorName, as: UInt8.self) { String(decoding: $0, as: UTF8.self) }
        let shape = block.withColumn(TableColumn.tensorShape, as: UInt64.self) { $0.map { Int(clamping: $0) } }
        let offset = block.withColumn(TableColumn.tensorOffset, as: UInt64.self) { $0.first.map { Int(clamping: $0) } }
        let size = shape.reduce((1, false)) { total, side in
            let (product, overflow) = total.0.multipliedReportingOverflow(by: side)
            return (product, total.1 || overflow)
        }
        guard let offset, !size.1, size.0 <= 1 << 40, offset >= 0,
            offset <= size.0 - block.count(TableColumn.tensorValues, stride: 4)
        else { throw ToolError.data(reader.name, block.place, "tensor \(name) does not fit its shape") }
        try checkFinite(block, TableColumn.tensorValues)
        return TensorPiece(block: block, name: name, shape: shape, offset: offset)
    }

    private func checkFinite(_ block: ShardBlock, _ column: Int) throws {
        let finite = block.withColumn(column, as: Float.self) { values in
            // A sum of zeros unless something is NaN or infinite: branch-free, so it vectorises.
            values.reduce(Float(0)) { $0 + $1 * 0 } == 0
        }
        guard finite else { throw ToolError.data(reader.name, block.place, "a vector holds NaN or infinity") }
    }

    private static func dimension(of header: ShardHeader, file: String) throws -> Int {
        guard let dimension = header.fields.integer("dimension"), dimension > 0, dimension <= 1 << 20 else {
            throw ToolError.data(file, "", "the table does not say how wide its vectors are")
        }
        return dimension
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
