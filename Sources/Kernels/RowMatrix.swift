internal import Glibc
internal import Parallel

/// Owned memory for rows of floats, [count, dimension], zero at first.
///
/// Pages that nobody touches cost nothing, so a matrix with a row for every word of a vocabulary takes memory only for
/// the words that get a vector. Threads may write different rows at once; whoever shares the object sees to that.
public final class RowMatrix: @unchecked Sendable {
    public let count: Int
    public let dimension: Int
    private let start: UnsafeMutablePointer<Float>

    /// For sizes of this process's own: ends it if the system gives no memory.
    public init(count: Int, dimension: Int) {
        guard let start = Self.memory(count, dimension) else { endForWant(of: "memory for \(count) vectors of \(dimension) numbers") }
        (self.count, self.dimension, self.start) = (count, dimension, start)
    }

    /// Takes memory for a count that a file claims: `nil` if there is none.
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

    /// All rows, [count, dimension]. Valid as long as this object.
    public var matrix: Matrix { Matrix(start, rows: count, columns: dimension) }

    /// Row `index`, [1, dimension]. Valid as long as this object.
    public func row(_ index: Int) -> Matrix {
        precondition(index >= 0 && index < count)
        return Matrix(start + index * dimension, rows: 1, columns: dimension)
    }
}
