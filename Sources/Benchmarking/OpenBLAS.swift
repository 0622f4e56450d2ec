internal import Files
internal import Glibc
@_spi(HostMemory) public import Kernels
internal import Parallel

/// The library OpenBLAS, which products are measured against. It is opened then and not before: its threads and their memory
/// are there from the moment it is loaded, and no other command needs them.
public struct OpenBLAS: Sendable {
    /// `cblas_sgemm`: order, which factors are transposed, sizes, and of each matrix its start and the length of its rows.
    private typealias Product = @convention(c) (
        CInt, CInt, CInt, CInt, CInt, CInt, Float, UnsafePointer<Float>?, CInt, UnsafePointer<Float>?, CInt, Float,
        UnsafeMutablePointer<Float>?, CInt
    ) -> Void

    private let product: Product
    private let setThreads: @convention(c) (CInt) -> Void
    /// The processor whose kernels the library took, in its own words.
    public let core: String

    /// Makes the library take its kernels for a processor that has the vectors of `kernels` and no wider ones. It chooses when it is
    /// opened: call this before. A choice that is in the environment already stays.
    public static func hold(to kernels: ProcessorKernels) {
        guard let core = cores[kernels.name] else { return }
        setenv("OPENBLAS_CORETYPE", core, 0)
    }

    /// Microseconds after which its threads no longer spin in the way of what is measured next: they do for some 30 ms after
    /// their last product.
    static let spinning: UInt32 = 50_000

    /// The library's names for processors, by the widest vectors that they have.
    private static let cores = ["avx512": "SkylakeX", "avx2": "Haswell", "sse2": "Prescott"]

    fileprivate static let library = Result { () throws(ToolError) in
        // Debian's name for any of its builds; each has integers of 32 bits.
        let name = "libopenblas.so.0"
        // It tries for ever where it gets no memory: 32 MiB for each thread, and stacks.
        let room = (256 + 64 * sysconf(CInt(_SC_NPROCESSORS_ONLN))) << 20
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let place = mmap(nil, room, PROT_NONE, flags, -1, 0), place != MAP_FAILED else {
            throw ToolError(.systemError, "\(name): the system gives no \(room >> 20) MiB of address space, which it needs")
        }
        munmap(place, room)
        guard case .opened(let library) = SharedLibrary.open(name), let product: Product = library.function("cblas_sgemm"),
            let setThreads: @convention(c) (CInt) -> Void = library.function("openblas_set_num_threads"),
            let core: @convention(c) () -> UnsafePointer<CChar>? = library.function("openblas_get_corename")
        else {
            throw ToolError(
                .unavailable, "\(name) is missing, and products are measured beside it: apt install libopenblas-dev")
        }
        return OpenBLAS(product: product, setThreads: setThreads, core: core().map { String(cString: $0) } ?? "unknown")
    }

    /// Writes `left` [rows, depth] times `right` [depth, columns], each as it is stored or transposed, into `result`
    /// [rows, columns], on so many threads of the library's own.
    func multiply(
        _ left: Matrix, isTransposed isLeftTransposed: Bool = false, _ right: Matrix, isTransposed isRightTransposed: Bool = false,
        into result: Matrix, threads: Int
    ) {
        setThreads(CInt(threads))
        let rowMajor: CInt = 101, asStored: CInt = 111, transposed: CInt = 112
        product(
            rowMajor, isLeftTransposed ? transposed : asStored, isRightTransposed ? transposed : asStored, CInt(result.rows),
            CInt(result.columns), CInt(isLeftTransposed ? left.rows : left.columns), 1, left.start, CInt(left.columns), right.start,
            CInt(right.columns), 0, result.start, CInt(result.columns))
    }
}

extension OpenBLAS {
    /// Throws `ToolError`: `unavailable` if the library is not installed, `systemError` if there is no room for it.
    public init() throws { self = try Self.library.get() }
}

/// The machine's ceiling: the speed of large products by Contour's kernels and by OpenBLAS.
public struct MachineCeiling {
    /// GFLOP/s of the two.
    public struct Rates: Sendable {
        public let own, openBLAS: Double
        public var best: Double { max(own, openBLAS) }
    }

    private let products: ProductCeiling
    private let library: OpenBLAS
    private let threads: Int

    /// - Parameter size: rows and columns of the matrices.
    /// Throws what `OpenBLAS` throws.
    init(size: Int, pool: ThreadPool, kernels: ProcessorKernels = .fastest) throws {
        library = try OpenBLAS()
        products = ProductCeiling(size: size, pool: pool, kernels: kernels)
        threads = pool.threads
        // OpenBLAS makes its threads in its first product.
        _ = rates(seconds: 0)
    }

    /// Measures each of the two for at least `seconds`.
    func rates(seconds: Double) -> Rates {
        let (left, right, product) = products.matrices, own = products.rate(seconds: seconds)
        let other = products.rate(seconds: seconds) { library.multiply(left, right, into: product, threads: threads) }
        usleep(OpenBLAS.spinning)
        return Rates(own: own, openBLAS: other)
    }
}
