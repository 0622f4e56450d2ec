internal import CKernels

/// The innermost loops, as fast as the processor allows: tiles of products, the cells of an LSTM, and the scores of an
/// evaluation.
public struct ProcessorKernels: @unchecked Sendable {
    private let title: UnsafePointer<CChar>
    /// Of the largest tile of a product.
    let rows, columns: Int
    let multiply: ContourTileProduct
    let multiplyStrip: ContourStripProduct
    let pack: ContourPack
    private let forwardCells: ContourCellsForward
    private let backwardCells: ContourCellsBackward
    let addScores: ContourAddScores

    public var name: String { String(cString: title) }

    /// Along the depth: the floats of a row that lie side by side in a packed left factor.
    static let leftRun = Int(CONTOUR_LEFT_RUN)

    /// Those that this processor runs, the fastest first.
    public static let available: [ProcessorKernels] = {
        let most = 8
        return withUnsafeTemporaryAllocation(of: ContourKernels.self, capacity: most) { space in
            let count = min(contour_kernels(space.baseAddress, most), most)
            return space[..<count].map {
                ProcessorKernels(
                    title: $0.name, rows: $0.rows, columns: $0.columns, multiply: $0.multiply,
                    multiplyStrip: $0.multiply_strip, pack: $0.pack, forwardCells: $0.forward_cells,
                    backwardCells: $0.backward_cells, addScores: $0.add_scores)
            }
        }
    }()

    public static let fastest = available[0]
}

// The arithmetic of an LSTM step between its matrix products, for one sequence. Rows of gates hold four runs of `size`
// floats in the order input, forget, candidate, output.
extension ProcessorKernels {
    /// The gates' pre-activations, but for the bias, become activations, in place, and give
    ///
    ///     c = clip(i * g + f * previous c),  m = o * tanh(c)
    ///
    /// - Parameters:
    ///   - gates, bias: [4 size]
    ///   - previous, cell, output: [size]: c of the step before, c, and m.
    ///   - clip: bound of ±c.
    public func forwardCells(
        gates: UnsafeMutablePointer<Float>, bias: UnsafePointer<Float>, previous: UnsafePointer<Float>,
        cell: UnsafeMutablePointer<Float>, output: UnsafeMutablePointer<Float>, size: Int, clip: Float
    ) {
        forwardCells(gates, bias, previous, cell, output, size, clip)
    }

    /// The activations in `gates` become the gradients of the pre-activations, and the cell becomes m, which the
    /// projection's gradient needs; both in place.
    ///
    /// - Parameters:
    ///   - outputGradient: dm, [size].
    ///   - cellGradient: [size]; comes in as the part of dc that later steps give, goes out as the part for the step
    ///     before. A clipped cell passes nothing on.
    public func backwardCells(
        gates: UnsafeMutablePointer<Float>, previous: UnsafePointer<Float>, cell: UnsafeMutablePointer<Float>,
        outputGradient: UnsafePointer<Float>, cellGradient: UnsafeMutablePointer<Float>, size: Int, clip: Float
    ) {
        backwardCells(gates, previous, cell, outputGradient, cellGradient, size, clip)
    }
}
