import Glibc
@_spi(HostMemory) import Kernels
internal import Parallel

/// A matrix of rows of Float32, [count, dimension], in memory of its own, zero at first.
///
/// Pages that nobody touches cost nothing, so a matrix with a row for every word of a vocabulary takes memory only for
/// the words that get a vector. Threads may write different rows at once; whoever shares the object sees to that.
public final class RowMatrix: @unchecked Sendable {
    public let count: Int
    public let dimension: Int
    public let pointer: UnsafeMutablePointer<Float>

    /// For sizes of this process's own: ends it if the system gives no memory.
    public init(count: Int, dimension: Int) {
        guard let pointer = Self.memory(count, dimension) else { endForWant(of: "memory for \(count) vectors of \(dimension) numbers") }
        (self.count, self.dimension, self.pointer) = (count, dimension, pointer)
    }

    /// The same for a count that a file claims: `nil` if there is no memory for it.
    init?(claimed count: Int, dimension: Int) {
        guard let pointer = Self.memory(count, dimension) else { return nil }
        (self.count, self.dimension, self.pointer) = (count, dimension, pointer)
    }

    private static func memory(_ count: Int, _ dimension: Int) -> UnsafeMutablePointer<Float>? {
        precondition(count >= 0 && dimension > 0)
        let (cells, tooMany) = max(1, count).multipliedReportingOverflow(by: dimension)
        guard !tooMany, let memory = calloc(cells, MemoryLayout<Float>.stride) else { return nil }
        return memory.bindMemory(to: Float.self, capacity: cells)
    }

    deinit { free(pointer) }

    /// Row `index`, [dimension].
    public func row(_ index: Int) -> UnsafeMutableBufferPointer<Float> {
        precondition(index >= 0 && index < count)
        return UnsafeMutableBufferPointer(start: pointer + index * dimension, count: dimension)
    }

    /// Row `index` as a matrix, [1, dimension].
    func matrix(_ index: Int) -> Matrix { Matrix(pointer + index * dimension, rows: 1, columns: dimension) }

    /// All rows one after the other, [count * dimension].
    public var elements: UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(start: pointer, count: count * dimension)
    }
}
