import Files

/// What both readers of tables check.
enum TablePart {
    /// The header of a table's part. Throws `ToolError.data` for anything else.
    static func header(_ content: [UInt8], file: String, place: String) throws -> ShardHeader {
        try ShardHeader(content: content, kind: .table, columns: TableColumn.forms, file: file, place: place)
    }

    /// How the part's rows are stored.
    static func storage(of header: ShardHeader) -> RowStorage {
        RowStorage.allCases.first { TableColumn.all($0) == header.columns } ?? .float32
    }

    static func dimension(of header: ShardHeader, file: String) throws -> Int {
        try header.fields.integer("dimension", in: 1...1 << 20, file: file)
    }

    /// Whether the columns before the rows are those of so many words.
    static func fits(_ block: ShardBlock, words: Int) -> Bool {
        block.adds(up: TableColumn.wordLengths, to: block.count(TableColumn.wordBytes, stride: 1))
            && block.count(TableColumn.counts, stride: 8) == words && block.count(TableColumn.sources, stride: 1) == words
    }

    static func tensor(_ block: ShardBlock, file: String) throws -> TableShardReader.TensorPiece {
        let name = block.withColumn(TableColumn.tensorName, as: UInt8.self) { String(decoding: $0, as: UTF8.self) }
        let shape = block.withColumn(TableColumn.tensorShape, as: UInt64.self) { $0.map { Int(clamping: $0) } }
        let offset = block.withColumn(TableColumn.tensorOffset, as: UInt64.self) { $0.first.map { Int(clamping: $0) } }
        let size = shape.reduce((1, false)) { total, side in
            let (product, overflow) = total.0.multipliedReportingOverflow(by: side)
            return (product, total.1 || overflow)
        }
        guard let offset, !size.1, size.0 <= 1 << 40, offset >= 0,
            offset <= size.0 - block.count(TableColumn.tensorValues, stride: 4)
        else { throw ToolError.data(file, block.place, "tensor \(name) does not fit its shape") }
        try checkFinite(block, TableColumn.tensorValues, file: file)
        return TableShardReader.TensorPiece(block: block, name: name, shape: shape, offset: offset)
    }

    static func checkFinite(_ block: ShardBlock, _ column: Int, file: String) throws {
        let finite = block.withColumn(column, as: Float.self) { values in
            // A sum of zeros unless something is NaN or infinite: branch-free, so it vectorises.
            values.reduce(Float(0)) { $0 + $1 * 0 } == 0
        }
        guard finite else { throw ToolError.data(file, block.place, "a vector holds NaN or infinity") }
    }
}
