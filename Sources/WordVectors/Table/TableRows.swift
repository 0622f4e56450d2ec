import Shards

/// The rows of a table, [count, dimension]: in memory, or in its file, from which they are read one by one.
public final class TableRows: Sendable {
    public let dimension: Int
    private let place: Place

    private enum Place: Sendable {
        case memory(RowMatrix)
        /// `numbers[id]` is the number of a word's row in the file; without it, the word's id is.
        case file(StoredRows, numbers: [UInt32]?)
    }

    init(_ rows: RowMatrix) {
        dimension = rows.dimension
        place = .memory(rows)
    }

    init(_ rows: StoredRows, numbers: [UInt32]?) {
        dimension = rows.dimension
        place = .file(rows, numbers: numbers)
    }

    /// Whether reading a row means reading a file.
    public var areStored: Bool {
        if case .file = place { return true }
        return false
    }

    /// Reads the row of word `id` into `row`, [dimension]. Throws `ToolError` (`ioError`; `dataError` where the file is
    /// damaged). May be called from several threads at once.
    public func read(_ id: Int, into row: UnsafeMutableBufferPointer<Float>) throws {
        switch place {
        case .memory(let rows): _ = row.update(from: rows.row(id))
        case .file(let rows, let numbers): try rows.read(numbers.map { Int($0[id]) } ?? id, into: row)
        }
    }

    /// The row of word `id`, as `read` reads it.
    public func row(_ id: Int) throws -> [Float] {
        var row = [Float](repeating: 0, count: dimension)
        try row.withUnsafeMutableBufferPointer { try read(id, into: $0) }
        return row
    }
}
