internal import CKernels

/// The innermost loops of products of bytes, as fast as the processor allows. All compute the same bits.
public struct ByteKernels: @unchecked Sendable {
    private let title: UnsafePointer<CChar>
    /// Of the largest tile.
    let rows, columns: Int
    /// Bytes of a value of the left factor.
    let width: Int
    let multiply: ContourByteTile
    let quantize: ContourQuantize

    public var name: String { String(cString: title) }

    /// Along the depth: the values of a row that lie side by side in a packed left factor.
    static let leftRun = Int(CONTOUR_BYTE_RUN)

    /// Those that this processor runs, the fastest first.
    public static let available: [ByteKernels] = {
        let most = 8
        return withUnsafeTemporaryAllocation(of: ContourByteKernels.self, capacity: most) { space in
            let count = min(contour_byte_kernels(space.baseAddress, most), most)
            return space[..<count].map {
                ByteKernels(
                    title: $0.name, rows: $0.rows, columns: $0.columns, width: $0.width, multiply: $0.multiply,
                    quantize: $0.quantize)
            }
        }
    }()

    public static let fastest = available[0]
}
