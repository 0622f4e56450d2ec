internal import Files
internal import Glibc
@_spi(HostMemory) public import Kernels
internal import Parallel

/// The library OpenBLAS, with which products are compared. It is opened at its first use, because its threads and their memory exist
/// from the moment of loading, and no other command needs them.
public struct OpenBLAS: Sendable {
    /// The function `cblas_sgemm`: order, transposition of the factors, sizes, and for each matrix its start and the length of its
    /// rows.
    private typealias Product = @convention(c) (
        CInt, CInt, CInt, CInt, CInt, CInt, Float, UnsafePointer<Float>?, CInt, UnsafePointer<Float>?, CInt, Float,
        UnsafeMutablePointer<Float>?, CInt
    ) -> Void

    private let product: Product
    private let setThreads: @convention(c) (CInt) -> Void
    /// The processor whose kernels the library has chosen, in its own words.
    public let core: String

    /// Makes the library choose kernels for a processor that has the vectors of `kernels` and no wider ones. The library chooses when
    /// it is opened, so this must be called before. A choice that is already in the environment stays.
    public static func hold(to kernels: ProcessorKernels) {
        guard let core = cores[kernels.name] else { return }
        setenv("OPENBLAS_CORETYPE", core, 0)
    }

    /// The time in microseconds after which the library's threads no longer spin and so disturb the next measurement. They spin for
    /// about 30 ms after their last product.
    static let spinning: UInt32 = 50_000

    /// The library's names of processors, by their widest vectors.
    private static let cores = ["avx512": "SkylakeX", "avx2": "Haswell", "sse2": "Prescott"]

    fileprivate static let library = Result { () throws(ToolError) in
        // Debian's name for all builds of the library; each has integers of 32 bits.
        let name = "libopenblas.so.0"
        // The library retries for ever if it gets no memory: 32 MiB for each thread, and stacks.
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

    /// Writes `left` [rows, depth] times `right` [depth, columns], each as it is stored or transposed, into `result` [rows, columns],
    /// on the given number of the library's own threads.
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
    /// Opens the library. Throws `ToolError`: `unavailable` if it is not installed, `systemError` if there is no memory for it.
    public init() throws { self = try Self.library.get() }
}

/// The machine's ceiling: the speed of large products by Contour's kernels and by OpenBLAS.
public struct MachineCeiling {
    /// The two speeds in GFLOP/s.
    public struct Rates: Sendable {
        /// The speeds of Contour's kernels and of OpenBLAS.
        public let own, openBLAS: Double
        /// The larger of the two speeds.
        public var best: Double { max(own, openBLAS) }
    }

    private let products: ProductCeiling
    private let library: OpenBLAS
    private let threads: Int

    /// Prepares the matrices. Throws what `OpenBLAS` throws.
    /// - `size`: the rows and columns of the matrices.
    init(size: Int, pool: ThreadPool, kernels: ProcessorKernels = .fastest) throws {
        library = try OpenBLAS()
        products = ProductCeiling(size: size, pool: pool, kernels: kernels)
        threads = pool.threads
        // OpenBLAS starts its threads in its first product.
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
