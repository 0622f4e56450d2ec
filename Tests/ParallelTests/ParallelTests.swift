import Glibc
import Parallel
import Synchronization
import Testing

struct ThreadPoolTests {
    @Test(arguments: [1, 2, 7], [0, 1, 2, 33, 1000])
    func everyTaskRunsOnce(threads: Int, count: Int) {
        let pool = ThreadPool(threads: threads)
        let runs = Mutex([Int](repeating: 0, count: count))
        for _ in 0..<20 { pool.forEach(count) { index in runs.withLock { $0[index] += 1 } } }
        #expect(runs.withLock { $0.allSatisfy { $0 == 20 } })
    }

    @Test func callsNest() {
        let pool = ThreadPool(threads: 3)
        let total = Atomic<Int>(0)
        for _ in 0..<200 {
            pool.forEach(4) { outer in
                pool.forEach(5) { inner in total.wrappingAdd(outer * 5 + inner, ordering: .relaxed) }
            }
        }
        #expect(total.load(ordering: .relaxed) == 200 * 190)
    }
}

struct OrderedWorkersTests {
    struct Failure: Error, Equatable { let number: Int }

    @Test(arguments: [1, 2, 5], [1, 3, 100])
    func outputsComeInTheOrderOfInputs(threads: Int, window: Int) throws {
        let workers = OrderedWorkers(pool: WorkerPool(threads: threads), window: window) { (number: Int) in
            // Uneven work, so that later inputs are done earlier.
            (0..<(number % 7) * 1000).reduce(number) { $0 ^ $1 &* 0 }
        }
        var outputs: [Int] = []
        for number in 0..<500 {
            if workers.isFull { outputs.append(try workers.next()) }
            workers.submit(number)
        }
        while !workers.isEmpty { outputs.append(try workers.next()) }
        #expect(outputs == Array(0..<500))
    }

    @Test(arguments: [1, 4])
    func anErrorComesOutInItsPlace(threads: Int) throws {
        let workers = OrderedWorkers(pool: WorkerPool(threads: threads), window: 10) { (number: Int) in
            if number == 3 { throw Failure(number: number) }
            return number
        }
        for number in 0..<6 { workers.submit(number) }
        #expect(try (0..<3).map { _ in try workers.next() } == [0, 1, 2])
        #expect(throws: Failure(number: 3)) { try workers.next() }
        #expect(try workers.next() == 4)
    }
}

struct ThreadTests {
    /// The main thread takes signals from outside, and each thread those of its own crash.
    @Test func threadsTakeTheirOwnCrashesOnly() async {
        let crashes = [SIGBUS, SIGSEGV, SIGILL, SIGTRAP, SIGABRT, SIGFPE]
        let blocked: Set<CInt> = await withCheckedContinuation { continuation in
            startThread {
                var mask = sigset_t()
                pthread_sigmask(SIG_SETMASK, nil, &mask)
                continuation.resume(returning: Set((1...31).filter { sigismember(&mask, $0) == 1 }))
            }
        }
        #expect(blocked.isDisjoint(with: crashes) && blocked.isSuperset(of: [SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGPIPE]), "\(blocked)")
    }
}

struct MonitorTests {
    @Test func aWaitWithALimitEndsByItselfOrByAWake() {
        let monitor = Monitor()
        let before = monotonicSeconds()
        monitor.withLock { monitor.wait(seconds: 0.01) }
        #expect(monotonicSeconds() >= before + 0.01)

        let isReady = Mutex(false)
        startThread {
            monitor.withLock {
                isReady.withLock { $0 = true }
                monitor.wakeAll()
            }
        }
        // Without the wake, the test takes an hour.
        monitor.withLock { while !isReady.withLock({ $0 }) { monitor.wait(seconds: 3600) } }
    }
}
