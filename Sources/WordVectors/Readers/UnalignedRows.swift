/// Rows of little-endian Float32 in a mapped file or in memory, at any alignment; [count, dimension].
///
/// fastText writes its matrices right behind words of any length, so their floats are not aligned.
struct UnalignedRows: SummableRows, @unchecked Sendable {
    let bytes: UnsafeRawBufferPointer
    let count: Int
    let dimension: Int
    /// Keeps the bytes in memory.
    let owner: AnyObject

    /// All rows of a matrix in memory.
    init(_ rows: RowMatrix) {
        self.init(
            bytes: UnsafeRawBufferPointer(UnsafeBufferPointer(rows.elements)), count: rows.count,
            dimension: rows.dimension, owner: rows)
    }

    init(bytes: UnsafeRawBufferPointer, count: Int, dimension: Int, owner: AnyObject) {
        precondition(bytes.count == 4 * count * dimension)
        self.bytes = bytes
        self.count = count
        self.dimension = dimension
        self.owner = owner
    }

    func add(_ numbers: UnsafeBufferPointer<Int>, to sum: UnsafeMutableBufferPointer<Float>) {
        precondition(sum.count == dimension && numbers.allSatisfy { $0 >= 0 && $0 < count })
        guard let start = bytes.baseAddress, let sum = sum.baseAddress else { return }
        func row(_ index: Int) -> UnsafeRawPointer { start + numbers[index] * dimension * 4 }
        var index = 0
        // Four streams from memory at once; each number is added in the same order as row by row.
        while index + 4 <= numbers.count {
            let (a, b, c, d) = (row(index), row(index + 1), row(index + 2), row(index + 3))
            for place in 0..<dimension {
                sum[place] = sum[place] + Self.load(a, place) + Self.load(b, place) + Self.load(c, place) + Self.load(d, place)
            }
            index += 4
        }
        while index < numbers.count {
            let row = row(index)
            for place in 0..<dimension { sum[place] += Self.load(row, place) }
            index += 1
        }
    }

    @inline(__always)
    private static func load(_ row: UnsafeRawPointer, _ place: Int) -> Float {
        Float(bitPattern: UInt32(littleEndian: row.loadUnaligned(fromByteOffset: 4 * place, as: UInt32.self)))
    }
}
