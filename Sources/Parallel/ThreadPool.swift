import Synchronization

/// Fork and join for arithmetic: `forEach` runs numbered tasks on all threads and returns when all are done.
///
/// Calls may nest (a direction of the encoder splits its matrix products) and may come from several threads. What a task
/// computes must not depend on which thread runs it; then no result depends on the number of threads.
public final class ThreadPool: Sendable {
    public let threads: Int
    private let board = Board()

    /// - Parameter threads: threads in all, the caller's included; 1 starts none and runs everything in line.
    public init(threads: Int) {
        self.threads = max(1, threads)
        for _ in 1..<max(1, threads) {
            startThread { [board] in board.serve() }
        }
    }

    deinit { board.close() }

    /// A task: what it works on, and its number.
    public typealias Task = @convention(c) (_ context: UnsafeRawPointer, _ index: Int) -> Void

    /// Runs `task(context, 0)`, …, `task(context, count - 1)`, each once, in any order, and returns when all have
    /// returned. Allocates nothing.
    public func forEach(_ count: Int, context: UnsafeRawPointer, _ task: Task) {
        guard threads > 1 && count > 1 else {
            for index in 0..<count { task(context, index) }
            return
        }
        board.run(count, context, task)
    }

    /// The same with a closure, for places where one small allocation does not matter.
    public func forEach(_ count: Int, _ body: (Int) -> Void) {
        withoutActuallyEscaping(body) { body in
            withUnsafePointer(to: body) { pointer in
                forEach(count, context: pointer) { context, index in
                    context.assumingMemoryBound(to: ((Int) -> Void).self).pointee(index)
                }
            }
        }
    }
}

/// One `forEach`: the next index to hand out, and how many helpers are at work on it.
private final class Job: @unchecked Sendable {
    var count = 0
    var context: UnsafeRawPointer?
    var task: ThreadPool.Task?
    let next = Atomic<Int>(0)
    /// Threads other than the caller that hold this job; it is over, and may be used again, when they are gone.
    let helpers = Atomic<Int>(0)

    var hasTasks: Bool { next.load(ordering: .relaxed) < count }

    func work() {
        guard let context, let task else { return }
        while true {
            let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard index < count else { return }
            task(context, index)
        }
    }
}

/// The open jobs of a pool, and the threads that look for work on them.
private final class Board: @unchecked Sendable {
    private let monitor = Monitor()
    private var open: [Job] = []
    private var spare: [Job] = (0..<8).map { _ in Job() }
    private var closed = false
    private var sleepers = 0
    /// Counts jobs, so that a thread can look for news without the lock.
    private let posts = Atomic<Int>(0)

    /// About 20 microseconds: the pause between two products of one time step. Longer waits sleep.
    private static let spins = 4_000

    init() {
        open.reserveCapacity(64)
        spare.reserveCapacity(64)
    }

    func run(_ count: Int, _ context: UnsafeRawPointer, _ task: ThreadPool.Task) {
        let job: Job = monitor.withLock {
            let job = spare.popLast() ?? Job()
            job.count = count
            job.context = context
            job.task = task
            job.next.store(0, ordering: .relaxed)
            open.append(job)
            posts.wrappingAdd(1, ordering: .releasing)
            if sleepers > 0 { monitor.wakeAll() }
            return job
        }
        job.work()
        monitor.withLock { open.removeAll { $0 === job } }
        // No new helper can come now. Those at work finish their task; the caller does not take up another job
        // meanwhile, so that a short one is not held up by a long one.
        spin { job.helpers.load(ordering: .acquiring) == 0 }
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

    private func nextJob() -> Job? {
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

    /// The oldest job that has tasks left, with the caller counted as its helper: a direction of the encoder is begun before
    /// another one's products are helped with. Call with the lock held.
    private func openJob() -> Job? {
        guard let job = open.first(where: { $0.hasTasks }) else { return nil }
        job.helpers.wrappingAdd(1, ordering: .relaxed)
        return job
    }

    private func spin(until ready: () -> Bool) {
        var spun = 0
        while !ready() {
            spun += 1
            if spun % Self.spins == 0 { yieldProcessor() }
        }
    }
}
