import Glibc

/// A mutex with one condition variable, on which every queue here waits. Foundation's `NSCondition` would cost start-up time.
public final class Monitor: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    /// Creates an unlocked monitor.
    public init() {
        pthread_mutex_init(mutex, nil)
        // Use the clock that cannot be set: otherwise changes of the clock would falsify waits with a limit.
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Runs `body` while no other thread is in `withLock`, and returns its result. Calls must not nest.
    @inlinable
    public func withLock<Result>(_ body: () throws -> Result) rethrows -> Result {
        lock()
        defer { unlock() }
        return try body()
    }

    @usableFromInline
    func lock() { pthread_mutex_lock(mutex) }

    @usableFromInline
    func unlock() { pthread_mutex_unlock(mutex) }

    /// Sleeps until `wakeAll`. Call it with the lock held, and test the awaited condition again afterwards.
    public func wait() { pthread_cond_wait(condition, mutex) }

    /// Sleeps until `wakeAll`, or for at most this many seconds. Call it with the lock held. Allocates nothing.
    public func wait(seconds: Double) {
        var end = timespec()
        clock_gettime(CLOCK_MONOTONIC, &end)
        let nanoseconds = end.tv_nsec + Int(seconds * 1e9)
        end.tv_sec += nanoseconds / 1_000_000_000
        end.tv_nsec = nanoseconds % 1_000_000_000
        pthread_cond_timedwait(condition, mutex, &end)
    }

    /// Wakes all waiting threads. Call it with the lock held.
    public func wakeAll() { pthread_cond_broadcast(condition) }
}

/// Starts a detached thread that runs `body` with signals blocked, so that only the main thread handles them. Signals of a crash
/// are not blocked: a blocked one would end the process before its handler could clean up.
public func startThread(_ body: @escaping @Sendable () -> Void) {
    final class Box { let body: @Sendable () -> Void; init(_ body: @escaping @Sendable () -> Void) { self.body = body } }
    var all = sigset_t(), before = sigset_t()
    sigfillset(&all)
    for signal in [SIGBUS, SIGSEGV, SIGILL, SIGTRAP, SIGABRT, SIGFPE] { sigdelset(&all, signal) }
    pthread_sigmask(SIG_SETMASK, &all, &before)
    var thread = pthread_t()
    let status = pthread_create(
        &thread, nil,
        { context in
            Unmanaged<Box>.fromOpaque(context!).takeRetainedValue().body()
            return nil
        }, Unmanaged.passRetained(Box(body)).toOpaque())
    pthread_sigmask(SIG_SETMASK, &before, nil)
    guard status == 0 else { endForWant(of: "thread: \(String(cString: strerror(status)))") }
    pthread_detach(thread)
}

/// Ends the process with one line on stderr and the exit status for missing system resources. Used where threads are started and
/// memory is planned, where nobody could catch an error. `atexit` handlers run.
public func endForWant(of what: String) -> Never { endProcess(saying: "the system gives no \(what)", status: 71) }

/// Ends the process with one line on stderr that starts with the program's name, and with `status`.
public func endProcess(saying message: String, status: Int32) -> Never {
    let line = "\(programName()): \(message)\n"
    _ = line.utf8.withContiguousStorageIfAvailable { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    exit(status)
}

/// Returns the name of this process's program, with which its error messages start.
public func programName() -> String {
    var name = [CChar](repeating: 0, count: 256)
    let length = readlink("/proc/self/exe", &name, name.count - 1)
    let path = String(decoding: name[..<max(0, length)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return path.utf8.split(separator: UInt8(ascii: "/")).last.map { String(Substring($0)) } ?? "contour"
}

/// Returns the number of processors that this process may use, as limited by `taskset` or a container.
public func availableProcessors() -> Int {
    // The Glibc module hides GNU extensions, so look the function up by name.
    typealias GetAffinity = @convention(c) (pid_t, Int, UnsafeMutableRawPointer?) -> CInt
    var mask = [UInt8](repeating: 0, count: 1024)
    if let symbol = dlsym(nil, "sched_getaffinity"),
        unsafeBitCast(symbol, to: GetAffinity.self)(0, mask.count, &mask) >= 0 {
        return max(1, mask.reduce(0) { $0 + $1.nonzeroBitCount })
    }
    return max(1, Int(sysconf(CInt(_SC_NPROCESSORS_ONLN))))
}
