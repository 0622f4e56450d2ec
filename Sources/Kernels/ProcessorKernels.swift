internal import CKernels

/// The innermost loops, as fast as the processor allows: tiles of products, the cells of an LSTM, recurrences of single units, the
/// scores of an evaluation, dropout, and Adam.
public struct ProcessorKernels: @unchecked Sendable {
    private let title: UnsafePointer<CChar>
    /// The size of the largest tile of a product.
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

    public var name: String { String(cString: title) }

    /// Along the depth: the floats of a row that lie side by side in a packed left factor.
    static let leftRun = Int(CONTOUR_LEFT_RUN)

    /// The kernels that this processor runs, the fastest first.
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

    public static let fastest = available[0]
}
