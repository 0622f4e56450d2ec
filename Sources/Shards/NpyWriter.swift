public import Files

/// Writes an array in NumPy's `.npy` format, version 1.0, row by row, and fills in the number of rows at the end
/// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
///
/// ```swift
/// let writer = try NpyWriter(output, type: "<f4", rowShape: [300])
/// try writer.append([Float](repeating: 0, count: 300))
/// try writer.finish()
/// try output.commit()
/// ```
public final class NpyWriter {
    private let output: OutputFile
    private let type: String
    private let rowShape: [Int]
    private var rows = 0

    /// Size of the header, with room for 20 more digits than any header here needs; a multiple of 64, as the format requires.
    public static let headerSize = 128

    /// Writes a provisional header. Throws `ToolError` with status `ioError`.
    /// - `type`: `<f4`, `<f2` or `<i8`.
    /// - `rowShape`: shape of one row; the array has the shape (rows, …).
    public init(_ output: OutputFile, type: String, rowShape: [Int]) throws {
        self.output = output
        self.type = type
        self.rowShape = rowShape
        try output.write(header())
    }

    /// Appends whole rows.
    public func append(_ values: UnsafeBufferPointer<some BitwiseCopyable>) throws {
        let rowSize = rowShape.reduce(1, *)
        precondition(values.count % rowSize == 0)
        rows += values.count / rowSize
        try output.write(UnsafeRawBufferPointer(values))
    }

    /// Appends whole rows.
    public func append(_ values: [some BitwiseCopyable]) throws { try values.withUnsafeBufferPointer { try append($0) } }

    /// Writes the shape into the header. Throws `ToolError` with status `usage` if the output is a pipe. The caller commits the
    /// output.
    public func finish() throws { try output.overwriteStart(header()) }

    private func header() -> [UInt8] {
        let shape = ([rows] + rowShape).map { "\($0), " }.joined()
        let text = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(shape)), }"
        let size = Self.headerSize - 10
        var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(size & 0xFF), UInt8(size >> 8)]
        bytes += Array(text.utf8)
        bytes += [UInt8](repeating: UInt8(ascii: " "), count: Self.headerSize - 1 - bytes.count)
        return bytes + [UInt8(ascii: "\n")]
    }
}
