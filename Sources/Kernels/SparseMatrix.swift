internal import Parallel

/// A matrix with few nonzero elements, stored row by row.
///
/// ```swift
/// var sparse = SparseMatrix()
/// sparse.append(column: 3, value: 0.5)
/// sparse.endRow()
/// ```
public struct SparseMatrix: Sendable {
    /// End index of each row's elements; the first row starts at 0.
    private var ends: [Int] = []
    private var indices: [Int32] = []
    private var elements: [Float] = []

    /// Creates a matrix without rows.
    public init() {}

    /// Number of rows.
    public var rows: Int { ends.count }

    /// Adds an element to the last row. Elements of the same column add up.
    public mutating func append(column: Int32, value: Float) {
        indices.append(column)
        elements.append(value)
    }

    /// Ends the current row; the next element starts another.
    public mutating func endRow() { ends.append(indices.count) }

    private func range(_ row: Int) -> Range<Int> { (row == 0 ? 0 : ends[row - 1])..<ends[row] }

    /// Returns the transpose; its `columns` rows hold their elements in the order of this matrix's rows.
    public func transposed(columns: Int) -> SparseMatrix {
        var starts = [Int](repeating: 0, count: columns)
        for column in indices { starts[Int(column)] += 1 }
        var total = 0
        for column in 0..<columns { (starts[column], total) = (total, total + starts[column]) }
        var result = SparseMatrix()
        result.indices = Array(repeating: 0, count: total)
        result.elements = Array(repeating: 0, count: total)
        for row in ends.indices {
            for entry in range(row) {
                let place = starts[Int(indices[entry])]
                result.indices[place] = Int32(row)
                result.elements[place] = elements[entry]
                starts[Int(indices[entry])] += 1
            }
        }
        result.ends = starts
        return result
    }

    /// Returns for each row the sum of its squared elements, each weighted by its column's weight, [rows].
    func squares(weights: [Float]) -> [Float] {
        (0..<rows).map { row in
            range(row).reduce(0) { $0 + weights[Int(indices[$1])] * elements[$1] * elements[$1] }
        }
    }

    /// Columns of a product summed at once: as many as registers hold.
    public static let lanes = 32

    /// Computes result [rows, width] = this matrix * right [columns, width]. One thread makes each sum, in the order of the row.
    func multiply(_ right: Matrix, into result: Matrix, pool: ThreadPool) {
        let chunk = 256
        indices.withUnsafeBufferPointer { indices in
            elements.withUnsafeBufferPointer { elements in
                pool.forEach((result.rows + chunk - 1) / chunk) { piece in
                    for row in piece * chunk..<min(result.rows, (piece + 1) * chunk) {
                        let run = range(row), target = result.row(row)
                        var column = 0
                        while column + Self.lanes <= result.columns {
                            // Keeps the sum in registers.
                            var (a, b) = (SIMD8<Float>.zero, SIMD8<Float>.zero)
                            var (c, d) = (a, b)
                            for entry in run {
                                let value = elements[entry], source = right.row(Int(indices[entry])) + column
                                a += value * source[vector: 0]
                                b += value * source[vector: 8]
                                c += value * source[vector: 16]
                                d += value * source[vector: 24]
                            }
                            target[vector: column] = a
                            target[vector: column + 8] = b
                            target[vector: column + 16] = c
                            target[vector: column + 24] = d
                            column += Self.lanes
                        }
                        (target + column).update(repeating: 0, count: result.columns - column)
                        for entry in run {
                            Vector.add(
                                right.row(Int(indices[entry])) + column, times: elements[entry], to: target + column,
                                count: result.columns - column)
                        }
                    }
                }
            }
        }
    }
}
