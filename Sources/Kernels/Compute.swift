internal import COpenBLAS
public import Parallel

/// What arithmetic runs on: the threads, and scratch memory for partial results.
///
/// A network that is trained holds one of its own, because the scratch memory serves one caller at a time; the threads
/// may be shared by several. No result depends on the number of threads: work is cut by its shape alone, and partial
/// sums are added in a fixed order.
public final class Compute {
    public let pool: ThreadPool
    private var scratch = FloatBuffer(count: 0)
    /// Partial sums of a reduction, one for each of its blocks.
    let partials = UnsafeMutablePointer<Double>.allocate(capacity: Reduction.blocks)

    public init(pool: ThreadPool) {
        self.pool = pool
        _ = Self.singleThreadedBLAS
        partials.initialize(repeating: 0, count: Reduction.blocks)
    }

    /// One thread, for tests and tools that need no more.
    public convenience init() { self.init(pool: ThreadPool(threads: 1)) }

    deinit { partials.deallocate() }

    /// OpenBLAS's own threads would cut a product by their number, and so change its last bits with it.
    private static let singleThreadedBLAS: Void = openblas_set_num_threads(1)

    /// At least `count` floats, valid until the next call. Grows to the largest size asked for, then stays.
    func scratch(_ count: Int) -> UnsafeMutablePointer<Float> {
        if scratch.count < count { scratch = FloatBuffer(count: count) }
        return scratch.start
    }
}
