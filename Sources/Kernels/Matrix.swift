/// A row-major matrix somewhere in memory: a view, which neither owns nor copies. `stride` floats lie between the
/// starts of two rows.
///
/// The memory's owner must outlive the view: a stored property, or `withExtendedLifetime` where the owner is local.
public struct Matrix: @unchecked Sendable {
    public let start: UnsafeMutablePointer<Float>
    public let rows: Int
    public let columns: Int
    public let stride: Int

    @inlinable
    public init(_ start: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int? = nil) {
        self.start = start
        self.rows = rows
        self.columns = columns
        self.stride = stride ?? columns
    }

    /// The first `rows` x `columns` floats of a buffer.
    @inlinable
    public init(_ buffer: FloatBuffer, rows: Int, columns: Int) {
        precondition(rows * columns <= buffer.count, "\(rows) x \(columns) in a buffer of \(buffer.count) floats")
        self.init(buffer.start, rows: rows, columns: columns)
    }

    /// Where row `index` starts.
    @inlinable
    public func row(_ index: Int) -> UnsafeMutablePointer<Float> { start + index * stride }

    /// Rows `range` as a matrix of their own.
    @inlinable
    public func rows(_ range: Range<Int>) -> Matrix {
        assert(range.lowerBound >= 0 && range.upperBound <= rows)
        return Matrix(row(range.lowerBound), rows: range.count, columns: columns, stride: stride)
    }

    /// Columns `range` as a matrix of their own.
    @inlinable
    public func columns(_ range: Range<Int>) -> Matrix {
        assert(range.lowerBound >= 0 && range.upperBound <= columns)
        return Matrix(start + range.lowerBound, rows: rows, columns: range.count, stride: stride)
    }

    /// The same memory read as the transpose; only products take it.
    @inlinable
    public var transposed: Transposed { Transposed(matrix: self) }

    /// Sets every element.
    public func fill(_ value: Float) {
        for index in 0..<rows { row(index).update(repeating: value, count: columns) }
    }

    /// Copies a matrix of the same shape.
    public func copy(from other: Matrix) {
        precondition(other.rows == rows && other.columns == columns)
        for index in 0..<rows { row(index).update(from: other.row(index), count: columns) }
    }
}

/// A matrix that takes part in a product as its transpose.
public struct Transposed: Sendable {
    public let matrix: Matrix

    @inlinable
    public init(matrix: Matrix) { self.matrix = matrix }
}

/// A factor of a product: a matrix, or one to be read as its transpose.
public protocol Factor {
    var operand: Operand { get }
}

/// What a product needs to know of a factor: `rows` and `columns` are those after transposition.
public struct Operand: Sendable {
    let matrix: Matrix
    let isTransposed: Bool

    var rows: Int { isTransposed ? matrix.columns : matrix.rows }
    var columns: Int { isTransposed ? matrix.rows : matrix.columns }

    /// The part of the operand that starts at (`row`, `column`).
    func element(_ row: Int, _ column: Int) -> UnsafeMutablePointer<Float> {
        isTransposed ? matrix.row(column) + row : matrix.row(row) + column
    }
}

extension Matrix: Factor {
    public var operand: Operand { Operand(matrix: self, isTransposed: false) }
}

extension Transposed: Factor {
    public var operand: Operand { Operand(matrix: matrix, isTransposed: true) }
}
