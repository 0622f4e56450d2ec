internal import Glibc
internal import Parallel

/// Owned, zeroed memory for rows of floats, [count, dimension].
///
/// Untouched pages cost nothing, so a matrix with a row for every word of a vocabulary takes memory only for words that get a
/// vector. Threads may write different rows at once; the callers make sure that the rows differ.
///
/// ```swift
/// let table = RowMatrix(count: 50_000, dimension: 300)
/// table.row(7).copy(from: vector)
/// ```
public final class RowMatrix: @unchecked Sendable {
    /// Number of rows.
    public let count: Int
    /// Number of columns.
    public let dimension: Int
    private let start: UnsafeMutablePointer<Float>

    /// Allocates memory for sizes that this process has chosen; ends the process if the system has none.
    public init(count: Int, dimension: Int) {
        guard let start = Self.memory(count, dimension) else { endForWant(of: "memory for \(count) vectors of \(dimension) numbers") }
        (self.count, self.dimension, self.start) = (count, dimension, start)
    }

    /// Allocates memory for a count that a file claims; returns `nil` if the system has none.
    public init?(claimed count: Int, dimension: Int) {
        guard let start = Self.memory(count, dimension) else { return nil }
        (self.count, self.dimension, self.start) = (count, dimension, start)
    }

    private static func memory(_ count: Int, _ dimension: Int) -> UnsafeMutablePointer<Float>? {
        precondition(count >= 0 && dimension > 0)
        let (cells, tooMany) = max(1, count).multipliedReportingOverflow(by: dimension)
        guard !tooMany, let memory = calloc(cells, MemoryLayout<Float>.stride) else { return nil }
        return memory.bindMemory(to: Float.self, capacity: cells)
    }

    deinit { free(start) }

    /// All rows, [count, dimension]. Valid as long as this object lives.
    public var matrix: Matrix { Matrix(start, rows: count, columns: dimension) }

    /// Returns row `index`, [1, dimension], valid as long as this object lives.
    public func row(_ index: Int) -> Matrix {
        precondition(index >= 0 && index < count)
        return Matrix(start + index * dimension, rows: 1, columns: dimension)
    }
}
