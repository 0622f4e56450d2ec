internal import Files

/// The functions of cuBLAS, with a handle and a workspace for one stream.
final class CuBLAS {
    private let product:
        @convention(c) (
            Handle?, CInt, CInt, CInt, CInt, CInt, UnsafeRawPointer, DeviceAddress, CInt, CInt, DeviceAddress, CInt, CInt,
            UnsafeRawPointer, DeviceAddress, CInt, CInt, CInt, CInt
        ) -> CInt
    private let products:
        @convention(c) (
            Handle?, CInt, CInt, CInt, CInt, CInt, UnsafeRawPointer, DeviceAddress, CInt, CInt, Int64, DeviceAddress, CInt, CInt,
            Int64, UnsafeRawPointer, DeviceAddress, CInt, CInt, Int64, CInt, CInt, CInt
        ) -> CInt
    private let destroy: @convention(c) (Handle?) -> CInt
    private var handle: Handle?

    /// Bytes of the workspace of a stream, as NVIDIA recommends for Hopper. With a workspace of its own, a stream's products have
    /// the same bits whatever the other streams do.
    static let workspaceBytes = 32 << 20

    /// Throws `ToolError` with status `unavailable` if there is no cuBLAS.
    init(stream: Handle?, workspace: DeviceAddress) throws(ToolError) {
        let library = try CUDALibrary(
            ["libcublas.so.13", "libcublas.so.12", "libcublas.so"],
            broughtBy: "it comes with the CUDA toolkit, or: pip install nvidia-cublas")
        let create: @convention(c) (UnsafeMutablePointer<Handle?>) -> CInt = try library.function("cublasCreate_v2")
        let setStream: @convention(c) (Handle?, Handle?) -> CInt = try library.function("cublasSetStream_v2")
        let setWorkspace: @convention(c) (Handle?, DeviceAddress, Int) -> CInt = try library.function("cublasSetWorkspace_v2")
        product = try library.function("cublasGemmEx")
        products = try library.function("cublasGemmStridedBatchedEx")
        destroy = try library.function("cublasDestroy_v2")
        guard create(&handle) == 0, setStream(handle, stream) == 0, setWorkspace(handle, workspace, Self.workspaceBytes) == 0 else {
            throw ToolError(.unavailable, "\(library.name): does not start with this driver; cuBLAS 13 needs driver 580, and cuBLAS 12 driver 525 (pip install nvidia-cublas-cu12)")
        }
    }

    deinit { _ = destroy(handle) }

    /// A row-major matrix, or its transpose.
    struct Factor {
        let start: DeviceAddress
        let stride: Int
        let isTransposed: Bool
        let type: CInt
    }

    static let float32: CInt = 0, bfloat16: CInt = 14
    private static let inFloat32: CInt = 68

    /// Computes result [rows, columns] = left [rows, depth] x right [depth, columns], or adds the product. The factors are
    /// exchanged, because cuBLAS is column-major.
    func multiply(
        _ left: Factor, _ right: Factor, rows: Int, columns: Int, depth: Int, into result: Factor, adding: Bool
    ) -> CInt {
        var one: Float = 1, beta: Float = adding ? 1 : 0
        return product(
            handle, right.isTransposed ? 1 : 0, left.isTransposed ? 1 : 0, CInt(columns), CInt(rows), CInt(depth), &one, right.start,
            right.type, CInt(right.stride), left.start, left.type, CInt(left.stride), &beta, result.start, result.type,
            CInt(result.stride), Self.inFloat32, -1)
    }

    /// Computes the products of `count` pieces of the depth, each `depth` columns of `left` by as many rows of `right`. Results lie
    /// one below the other.
    func multiplyParts(
        _ left: Factor, _ right: Factor, rows: Int, columns: Int, depth: Int, count: Int, into result: Factor
    ) -> CInt {
        let leftStep = depth * (left.isTransposed ? left.stride : 1), rightStep = depth * (right.isTransposed ? 1 : right.stride)
        return multiplyEach(
            (left, leftStep), (right, rightStep), rows: rows, columns: columns, depth: depth, into: (result, rows * columns),
            count: count)
    }

    /// Computes the products of `count` pairs of factors, each at a fixed distance in elements from the previous one.
    func multiplyEach(
        _ left: (factor: Factor, step: Int), _ right: (factor: Factor, step: Int), rows: Int, columns: Int, depth: Int,
        into result: (factor: Factor, step: Int), count: Int
    ) -> CInt {
        var one: Float = 1, zero: Float = 0
        let (a, b, c) = (right.factor, left.factor, result.factor)
        return products(
            handle, a.isTransposed ? 1 : 0, b.isTransposed ? 1 : 0, CInt(columns), CInt(rows), CInt(depth), &one, a.start, a.type,
            CInt(a.stride), Int64(right.step), b.start, b.type, CInt(b.stride), Int64(left.step), &zero, c.start, c.type,
            CInt(c.stride), Int64(result.step), CInt(count), Self.inFloat32, -1)
    }
}
