internal import CKernels

/// The innermost loops for one kind of processor: tiles of products, LSTM cells, recurrences of single units, scores of an
/// evaluation, dropout, and Adam.
///
/// ```swift
/// print(ProcessorKernels.fastest.name)
/// ```
public struct ProcessorKernels: @unchecked Sendable {
    private let title: UnsafePointer<CChar>
    /// Size of the largest tile of a product.
    let rows, columns: Int
    let multiply: ContourTileProduct
    let multiplyStrip: ContourStripProduct
    let pack: ContourPack
    let forwardCells: ContourCellsForward
    let backwardCells: ContourCellsBackward
    let addScores: ContourAddScores
    let forwardQRNN, backwardQRNN, forwardSRU, backwardSRU: ContourRecur
    let drop: ContourDropout
    let adam: ContourUpdate

    /// Name of the instruction set, such as `avx512`.
    public var name: String { String(cString: title) }

    /// Number of floats of a row that lie side by side in a packed left factor, along the depth.
    static let leftRun = Int(CONTOUR_LEFT_RUN)

    /// The kernels that run on this processor, fastest first.
    public static let available: [ProcessorKernels] = {
        let most = 8
        return withUnsafeTemporaryAllocation(of: ContourKernels.self, capacity: most) { space in
            let count = min(contour_kernels(space.baseAddress, most), most)
            return space[..<count].map {
                ProcessorKernels(
                    title: $0.name, rows: $0.rows, columns: $0.columns, multiply: $0.multiply,
                    multiplyStrip: $0.multiply_strip, pack: $0.pack, forwardCells: $0.forward_cells,
                    backwardCells: $0.backward_cells, addScores: $0.add_scores,
                    forwardQRNN: $0.qrnn_forward, backwardQRNN: $0.qrnn_backward, forwardSRU: $0.sru_forward,
                    backwardSRU: $0.sru_backward, drop: $0.drop, adam: $0.adam)
            }
        }
    }()

    /// The fastest kernels that run on this processor.
    public static let fastest = available[0]
}
