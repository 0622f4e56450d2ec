/// Threads that run independent jobs in the order of their submission: the engine of the streaming stages.
///
/// A pool of `threads` has `threads - 1` threads of its own; the caller is the last one, and works whenever it would
/// otherwise wait. So `threads: 1` starts no thread at all.
public final class WorkerPool: Sendable {
    public let threads: Int
    let queue = JobQueue()

    public init(threads: Int) {
        self.threads = max(1, threads)
        for _ in 1..<max(1, threads) {
            startThread { [queue] in queue.run(until: { false }) }
        }
    }

    deinit { queue.close() }
}

/// Jobs in line, and the lock that guards both them and whatever the jobs report.
///
/// Threads hold the queue, not the pool, so that a pool nobody uses any more ends its threads.
final class JobQueue: @unchecked Sendable {
    typealias Job = @Sendable () -> Void

    let monitor = Monitor()
    private var jobs: [Job] = []
    private var taken = 0
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
                    if let job = popFirst() { return job }
                    monitor.wait()
                }
                return nil
            }
            guard let job else { return }
            job()
        }
    }

    private func popFirst() -> Job? {
        guard taken < jobs.count else { return nil }
        let job = jobs[taken]
        taken += 1
        if taken == jobs.count {
            jobs.removeAll(keepingCapacity: true)
            taken = 0
        }
        return job
    }
}
