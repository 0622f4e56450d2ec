public import Parallel

/// The processor as a backend: its kernels, the threads that they run on, and scratch memory for packed factors.
///
/// A network that is trained holds one of its own, because the scratch memory serves one caller at a time; the threads
/// may be shared by several. No result depends on the number of threads: an element of a product is summed by one
/// thread, and partial sums are added in a fixed order.
public final class ProcessorBackend: Backend {
    public let pool: ThreadPool
    /// The processor's.
    public let kernels: ProcessorKernels
    /// Where the time since this was made went, up to the last call of `enter`.
    public private(set) var phaseTimes = PhaseTimes()
    /// Multiplications and additions of all products so far.
    public internal(set) var operations = 0.0
    private var scratch = FloatBuffer(count: 0)
    /// Partial sums of a reduction, one for each of its blocks.
    let partials = UnsafeMutablePointer<Double>.allocate(capacity: Reduction.blocks)

    /// - Parameter kernels: one of `ProcessorKernels.available`.
    public init(pool: ThreadPool, kernels: ProcessorKernels = .fastest) {
        self.pool = pool
        self.kernels = kernels
        partials.initialize(repeating: 0, count: Reduction.blocks)
    }

    /// One thread, for tests and tools that need no more.
    public convenience init() { self.init(pool: ThreadPool(threads: 1)) }

    deinit { partials.deallocate() }

    /// Says what the time from now on is spent on, and for which part of the network; `nil`: the part it is spent for now.
    public func enter(_ phase: Phase, of part: Part?) { phaseTimes.enter(phase, of: part) }

    /// At least `count` floats, valid until the next call. Grows to the largest size asked for, then stays.
    func scratch(_ count: Int) -> UnsafeMutablePointer<Float> {
        if scratch.count < count { scratch = FloatBuffer(count: count) }
        return scratch.start
    }
}
