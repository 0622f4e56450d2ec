/// One parallel step of a stream: inputs go in, outputs come out in the order of their inputs, at most `window` are
/// under way at once.
///
///     let compress = OrderedWorkers(pool: pool, window: 8, transform: compressFrame)
///     for block in blocks {
///         if compress.isFull { try write(compress.next()) }
///         compress.submit(block)
///     }
///     while !compress.isEmpty { try write(compress.next()) }
///
/// Because order is kept here, no stage's output depends on the number of threads. One thread owns the object; only
/// `transform` runs elsewhere.
public final class OrderedWorkers<Input: Sendable, Output: Sendable> {
    private final class Slot: @unchecked Sendable {
        var output: Result<Output, any Error>?
    }

    private let pool: WorkerPool
    private let window: Int
    private let transform: @Sendable (Input) throws -> Output
    private var slots: [Slot] = []

    /// - Parameter window: the number of inputs under way at most; `nil` is one without threads to share the work, else two
    ///   more than threads: enough to keep all busy while the oldest output is used.
    public init(pool: WorkerPool, window: Int? = nil, transform: @escaping @Sendable (Input) throws -> Output) {
        self.pool = pool
        self.window = max(1, window ?? (pool.threads == 1 ? 1 : pool.threads + 2))
        self.transform = transform
    }

    public var isFull: Bool { slots.count >= window }
    public var isEmpty: Bool { slots.isEmpty }

    /// Puts an input in line. The caller keeps the window by taking outputs while `isFull`.
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

    /// The oldest output, of which there must be one; works for the pool while it is not ready. Throws what `transform` threw
    /// for it.
    public func next() throws -> Output {
        let slot = slots.removeFirst()
        pool.queue.run(until: { slot.output != nil })
        guard let output = pool.queue.monitor.withLock({ slot.output }) else {
            preconditionFailure("the pool was closed while work was under way")
        }
        return try output.get()
    }
}

/// Threads that run independent jobs in the order of their submission, for the streaming stages.
///
/// A pool of `threads` has `threads - 1` threads of its own; the caller is the last one, and works whenever it would
/// otherwise wait. So `threads: 1` starts no thread at all.
public final class WorkerPool: Sendable {
    public let threads: Int
    fileprivate let queue = JobQueue()

    public init(threads: Int) {
        self.threads = max(1, threads)
        for _ in 1..<max(1, threads) {
            startThread { [queue] in queue.run(until: { false }) }
        }
    }

    deinit { queue.close() }
}

/// Jobs in line, and the lock that guards both them and whatever the jobs report. Threads hold the queue, not the pool, so that
/// a pool nobody uses any more ends its threads.
private final class JobQueue: @unchecked Sendable {
    typealias Job = @Sendable () -> Void

    let monitor = Monitor()
    /// Few: each stream has no more under way than its window.
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

    /// Runs jobs, and sleeps while there are none, until `ready` (asked with the lock held) says so or the queue closes.
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
