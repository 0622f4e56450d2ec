import Glibc
import Synchronization

/// Threads for fork-and-join arithmetic: `run` distributes the tasks of a job among all threads and returns when all are done.
///
/// Calls may nest (a direction of the encoder splits its matrix products) and may come from several threads.
public final class ThreadPool: Sendable {
    /// Number of threads, including the caller's.
    public let threads: Int
    private let board = Board()

    /// Starts the threads.
    /// - Parameter threads: number of threads, including the caller's; with 1, everything runs on the calling thread.
    public init(threads: Int) {
        self.threads = max(1, threads)
        for _ in 1..<max(1, threads) {
            startThread { [board] in board.serve() }
        }
    }

    deinit { board.close() }

    /// Runs each task of `job` once, in any order, and returns when all have finished. Allocates nothing.
    @inlinable
    public func run<Job: ParallelJob & ~Copyable>(_ job: borrowing Job) {
        let tasks = job.tasks
        guard threads > 1 && tasks > 1 else {
            for task in 0..<tasks { job.run(task) }
            return
        }
        withUnsafePointer(to: job) { share(tasks, $0) { job, task in job.assumingMemoryBound(to: Job.self).pointee.run(task) } }
    }

    @usableFromInline
    func share(_ count: Int, _ job: UnsafeRawPointer, _ run: @escaping (UnsafeRawPointer, Int) -> Void) {
        board.run(count, job, run)
    }

    /// Runs `body(0)`, …, `body(count - 1)` like `run`. Makes one small allocation.
    public func forEach(_ count: Int, _ body: (Int) -> Void) {
        withoutActuallyEscaping(body) { run(Calls(tasks: count, call: $0)) }
    }

    private struct Calls: ParallelJob {
        let tasks: Int
        let call: (Int) -> Void

        func run(_ task: Int) { call(task) }
    }
}

/// Work divided into numbered tasks that may run at the same time. The result of a task must not depend on the thread that runs it,
/// so that no result depends on the number of threads.
public protocol ParallelJob: ~Copyable {
    /// Number of tasks.
    var tasks: Int { get }

    /// Runs one task, a number in 0 ..< `tasks`.
    func run(_ task: Int)
}

/// A job in progress: the next task to hand out, and the number of helping threads.
private final class OpenJob: @unchecked Sendable {
    var count = 0
    var job: UnsafeRawPointer?
    var run: ((UnsafeRawPointer, Int) -> Void)?
    let next = Atomic<Int>(0)
    /// Threads other than the caller that hold this job. When none is left, the job is finished and may be reused.
    let helpers = Atomic<Int>(0)

    var hasTasks: Bool { next.load(ordering: .relaxed) < count }

    func work() {
        guard let job, let run else { return }
        while true {
            let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard index < count else { return }
            run(job, index)
        }
    }
}

/// The open jobs of a pool, and the threads that look for work.
private final class Board: @unchecked Sendable {
    private let monitor = Monitor()
    private var open: [OpenJob] = []
    private var spare: [OpenJob] = (0..<8).map { _ in OpenJob() }
    private var closed = false
    private var sleepers = 0
    /// Counts jobs, so that a thread can check for new ones without the lock.
    private let posts = Atomic<Int>(0)

    /// About 20 microseconds, the pause between two products of one time step. Longer waits sleep.
    private static let spins = 4_000

    init() {
        open.reserveCapacity(64)
        spare.reserveCapacity(64)
    }

    func run(_ count: Int, _ shared: UnsafeRawPointer, _ run: @escaping (UnsafeRawPointer, Int) -> Void) {
        let job: OpenJob = monitor.withLock {
            let job = spare.popLast() ?? OpenJob()
            job.count = count
            job.job = shared
            job.run = run
            job.next.store(0, ordering: .relaxed)
            open.append(job)
            posts.wrappingAdd(1, ordering: .releasing)
            if sleepers > 0 { monitor.wakeAll() }
            return job
        }
        job.work()
        monitor.withLock { open.removeAll { $0 === job } }
        // No new helper can join now, and those at work finish their task. The caller does not start on another job meanwhile, so
        // that a short job is not held up by a long one.
        var spun = 0
        while job.helpers.load(ordering: .acquiring) > 0 {
            spun += 1
            // Waits are short but unbounded.
            if spun % Self.spins == 0 { sched_yield() }
        }
        monitor.withLock { spare.append(job) }
    }

    func serve() {
        while let job = nextJob() {
            job.work()
            job.helpers.wrappingSubtract(1, ordering: .releasing)
        }
    }

    func close() {
        monitor.withLock {
            closed = true
            monitor.wakeAll()
        }
    }

    private func nextJob() -> OpenJob? {
        let seen = posts.load(ordering: .acquiring)
        if let job = monitor.withLock({ openJob() }) { return job }
        for _ in 0..<Self.spins where posts.load(ordering: .acquiring) != seen { break }
        return monitor.withLock {
            while true {
                if let job = openJob() { return job }
                if closed { return nil }
                sleepers += 1
                monitor.wait()
                sleepers -= 1
            }
        }
    }

    /// Returns the oldest job with tasks left, and counts the caller as its helper: a direction of the encoder is started before
    /// another one's products get help. Call it with the lock held.
    private func openJob() -> OpenJob? {
        guard let job = open.first(where: { $0.hasTasks }) else { return nil }
        job.helpers.wrappingAdd(1, ordering: .relaxed)
        return job
    }
}

extension ThreadPool {
    /// Calls `body` with each number below `count` on all threads, which take `together` numbers at a time, and returns the results
    /// in order.
    @discardableResult
    public func map<Result: Sendable>(_ count: Int, together: Int = 1, _ body: (Int) -> Result) -> [Result] {
        [Result](unsafeUninitializedCapacity: count) { results, initialized in
            let results = results
            forEach((count + together - 1) / together) { chunk in
                for index in chunk * together..<min(count, (chunk + 1) * together) {
                    results.initializeElement(at: index, to: body(index))
                }
            }
            initialized = count
        }
    }
}
