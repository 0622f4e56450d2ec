/// Rows of little-endian Float32 in a mapped file or in memory, at any alignment; [count, dimension].
///
/// fastText writes its matrices right behind words of any length, so their floats are not aligned.
struct UnalignedRows: @unchecked Sendable {
    let bytes: UnsafeRawBufferPointer
    let count: Int
    let dimension: Int
    /// Keeps the bytes in memory.
    let owner: AnyObject

    @inline(__always)
    func add(_ row: Int, to sum: UnsafeMutableBufferPointer<Float>) {
        precondition(row >= 0 && row < count && sum.count == dimension)
        guard let start = bytes.baseAddress, let sum = sum.baseAddress else { return }
        let source = start + row * dimension * 4
        for index in 0..<dimension {
            let bits = source.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)
            sum[index] += Float(bitPattern: UInt32(littleEndian: bits))
        }
    }
}

/// row *= factor
func scale(_ row: UnsafeMutableBufferPointer<Float>, by factor: Float) {
    for index in row.indices { row[index] *= factor }
}
