internal import CKernels
public import Parallel

/// The right factor of products of bytes: a matrix of weights as integers of 8 bits and a scale for each column,
///
///     q = round(127 x / m),  scale = m / 127      m: the largest magnitude of x's column
///
/// with ties to even. A column that is not finite makes NaN of its part of every product; one whose magnitudes are below
/// 1e-30 counts as zero. A quarter of the matrix's memory.
public final class QuantizedMatrix: @unchecked Sendable {
    public let rows, columns: Int
    let kernels: ByteKernels
    /// Panels of `kernels.columns` columns, in each of them for every four rows those of each column. The last rows and
    /// columns are filled up with zeros.
    private let values: FloatBuffer
    /// Of the panels' columns: scales, and -128 times the sum of the integers.
    private let scaleBuffer, correctionBuffer: FloatBuffer

    /// The deepest product whose sums fit 32 bits for certain.
    static let mostRows = 1 << 16

    /// - Parameter kernels: one of `ByteKernels.available`.
    public init(_ matrix: Matrix, pool: ThreadPool, kernels: ByteKernels = .fastest) {
        precondition(matrix.rows <= Self.mostRows, "\(matrix.rows) rows in a matrix of bytes")
        rows = matrix.rows
        columns = matrix.columns
        self.kernels = kernels
        let filled = (columns + kernels.columns - 1) / kernels.columns * kernels.columns
        values = FloatBuffer(count: (rows + 3) / 4 * filled)
        scaleBuffer = FloatBuffer(count: filled)
        correctionBuffer = FloatBuffer(count: filled)
        pool.forEach(panels) { fill($0, from: matrix) }
    }

    var memory: UnsafeMutablePointer<Float> { values.start }
    public var bytes: Int { values.bytes + scaleBuffer.bytes + correctionBuffer.bytes }

    var panels: Int { (columns + kernels.columns - 1) / kernels.columns }

    func panel(_ index: Int) -> UnsafeMutablePointer<Int8> {
        let size = (rows + 3) / 4 * 4 * kernels.columns
        return (UnsafeMutableRawPointer(values.start) + index * size).bindMemory(to: Int8.self, capacity: size)
    }

    func scales(_ index: Int) -> UnsafeMutablePointer<Float> { scaleBuffer.start + index * kernels.columns }

    func corrections(_ index: Int) -> UnsafeMutablePointer<Int32> {
        UnsafeMutableRawPointer(correctionBuffer.start + index * kernels.columns)
            .bindMemory(to: Int32.self, capacity: kernels.columns)
    }

    private func fill(_ index: Int, from matrix: Matrix) {
        let width = kernels.columns, first = index * width
        let source = matrix.columns(first..<min(first + width, columns))
        let target = panel(index), scales = scales(index), corrections = corrections(index)
        // First the columns' magnitudes: NaN and infinity are above all others as they are in order of their bits.
        for row in 0..<rows {
            let values = source.row(row)
            for column in 0..<source.columns {
                let bits = values[column].magnitude.bitPattern
                if bits > scales[column].bitPattern { scales[column] = Float(bitPattern: bits) }
            }
        }
        for column in 0..<source.columns {
            let magnitude = scales[column]
            let inverse = magnitude >= Float(CONTOUR_LEAST_MAGNITUDE) ? 127 / magnitude : 0
            var sum: Int32 = 0
            for row in 0..<rows {
                // 1.5 * 2^23: adding it rounds, and leaves the integer in the lowest bits.
                let shifted = source.row(row)[column] * inverse + 12_582_912
                let value = Int8(truncatingIfNeeded: shifted.bitPattern)
                target[(row / 4 * width + column) * 4 + row % 4] = value
                sum += Int32(value)
            }
            corrections[column] = -128 * sum
            scales[column] = magnitude < .infinity ? (inverse > 0 ? magnitude / 127 : 0) : .nan
        }
    }
}
