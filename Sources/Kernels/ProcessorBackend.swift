public import Parallel

/// The processor as a backend: its kernels, threads, and scratch memory for packed factors.
///
/// Each trained network holds a backend of its own, because the scratch memory serves one caller at a time; several backends may
/// share threads. No result depends on the number of threads: one thread sums each element of a product, and partial sums are added
/// in a fixed order.
///
/// ```swift
/// let backend = ProcessorBackend(pool: ThreadPool(threads: 4))
/// backend.multiply(left, right, into: result)
/// ```
public final class ProcessorBackend: Backend {
    /// Threads that operations run on.
    public let pool: ThreadPool
    /// Innermost loops for this processor.
    public let kernels: ProcessorKernels
    /// Time spent in each phase and part since the backend was created, up to the last call of `enter`.
    public private(set) var phaseTimes = PhaseTimes()
    /// Multiplications and additions of all products so far.
    public internal(set) var operations = 0.0
    private var scratch = FloatBuffer(count: 0)
    /// Partial sums of a reduction, one for each block.
    let partials = UnsafeMutablePointer<Double>.allocate(capacity: Reduction.blocks)

    /// Creates a backend on the threads of a pool.
    /// - `kernels`: one of `ProcessorKernels.available`.
    public init(pool: ThreadPool, kernels: ProcessorKernels = .fastest) {
        self.pool = pool
        self.kernels = kernels
        partials.initialize(repeating: 0, count: Reduction.blocks)
    }

    /// Creates a backend with one thread.
    public convenience init() { self.init(pool: ThreadPool(threads: 1)) }

    deinit { partials.deallocate() }

    /// Attributes the time from now on to a phase and to a part of the network; `nil` keeps the current part.
    public func enter(_ phase: Phase, of part: Part?) { phaseTimes.enter(phase, of: part) }

    /// Returns at least `count` floats, valid until the next call. Memory grows to the largest request and stays.
    func scratch(_ count: Int) -> UnsafeMutablePointer<Float> {
        if scratch.count < count { scratch = FloatBuffer(count: count) }
        return scratch.start
    }
}
