/// A parallel step of a stream: outputs come in the order of their inputs, and at most `window` items are in progress at a time.
///
///     let compress = OrderedWorkers(pool: pool, window: 8, transform: compressFrame)
///     for block in blocks {
///         if compress.isFull { try write(compress.next()) }
///         compress.submit(block)
///     }
///     while !compress.isEmpty { try write(compress.next()) }
///
/// Because the order is kept, no output depends on the number of threads. One thread owns the object; only `transform` runs on
/// others.
public final class OrderedWorkers<Input: Sendable, Output: Sendable> {
    private final class Slot: @unchecked Sendable {
        var output: Result<Output, any Error>?
    }

    private let pool: WorkerPool
    private let window: Int
    private let transform: @Sendable (Input) throws -> Output
    private var slots: [Slot] = []

    /// Creates a step on the threads of a pool.
    /// - `window`: maximum number of inputs in progress. The default is 1 without helper threads, otherwise two more than
    ///   threads: enough to keep all busy while the oldest output is used.
    public init(pool: WorkerPool, window: Int? = nil, transform: @escaping @Sendable (Input) throws -> Output) {
        self.pool = pool
        self.window = max(1, window ?? (pool.threads == 1 ? 1 : pool.threads + 2))
        self.transform = transform
    }

    /// True if `next` must be called before the next `submit`.
    public var isFull: Bool { slots.count >= window }
    /// True if no input is in progress.
    public var isEmpty: Bool { slots.isEmpty }

    /// Submits an input. Callers keep within the window by taking outputs while `isFull`.
    public func submit(_ input: Input) {
        let slot = Slot()
        slots.append(slot)
        pool.queue.submit { [transform, monitor = pool.queue.monitor] in
            let output = Result { try transform(input) }
            monitor.withLock {
                slot.output = output
                monitor.wakeAll()
            }
        }
    }

    /// Waits for the oldest output and returns it; there must be one. While it waits, the caller works for the pool. Throws what
    /// `transform` threw for this input.
    public func next() throws -> Output {
        let slot = slots.removeFirst()
        pool.queue.run(until: { slot.output != nil })
        guard let output = pool.queue.monitor.withLock({ slot.output }) else {
            preconditionFailure("the pool was closed while work was under way")
        }
        return try output.get()
    }
}

/// Threads that run independent jobs in the order of submission, for the stages that process streams.
///
/// A pool of `threads` has `threads - 1` threads of its own. The caller is the last one and works whenever it would otherwise wait,
/// so `threads: 1` starts no thread.
public final class WorkerPool: Sendable {
    /// Number of threads, including the caller's.
    public let threads: Int
    fileprivate let queue = JobQueue()

    /// Starts the threads.
    public init(threads: Int) {
        self.threads = max(1, threads)
        for _ in 1..<max(1, threads) {
            startThread { [queue] in queue.run(until: { false }) }
        }
    }

    deinit { queue.close() }
}

/// The queue of jobs, and the lock for it and for what jobs report. Threads hold the queue, not the pool, so that they end when the
/// pool is no longer used.
private final class JobQueue: @unchecked Sendable {
    typealias Job = @Sendable () -> Void

    let monitor = Monitor()
    /// Holds few jobs, because each stream has at most its window in progress.
    private var jobs: [Job] = []
    private var closed = false

    func submit(_ job: @escaping Job) {
        monitor.withLock {
            jobs.append(job)
            monitor.wakeAll()
        }
    }

    func close() {
        monitor.withLock {
            closed = true
            monitor.wakeAll()
        }
    }

    /// Runs jobs, sleeping while there are none, until `ready` (called with the lock held) returns true or the queue closes.
    func run(until ready: () -> Bool) {
        while true {
            let job: Job? = monitor.withLock {
                while !closed && !ready() {
                    if !jobs.isEmpty { return jobs.removeFirst() }
                    monitor.wait()
                }
                return nil
            }
            guard let job else { return }
            job()
        }
    }
}
