internal import CTileKernels

/// A tile of a product at a time: what the processor does fastest. All arithmetic of products is in it.
public struct TileKernel: Sendable {
    public let name: String
    /// Of the largest tile.
    public let rows, columns: Int
    let multiply: ContourTileProduct

    /// Along the depth: the floats of a row that lie side by side in a packed left factor.
    static let leftRun = Int(CONTOUR_LEFT_RUN)

    /// Those that this processor runs, the fastest first.
    public static let available: [TileKernel] = {
        let none = ContourTileKernel()
        let kernels = [ContourTileKernel](unsafeUninitializedCapacity: 8) { space, count in
            space.initialize(repeating: none)
            count = min(contour_tile_kernels(space.baseAddress, space.count), space.count)
        }
        return kernels.map {
            TileKernel(name: String(cString: $0.name), rows: $0.rows, columns: $0.columns, multiply: $0.multiply)
        }
    }()

    public static var fastest: TileKernel { available[0] }
}
