import Glibc

/// A mutex with one condition variable: the waiting side of every queue here. Foundation's `NSCondition` would cost start-up
/// time.
final class Monitor: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func withLock<Result>(_ body: () throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }

    /// Sleeps until `wakeAll`; call with the lock held, and test the awaited state again afterwards.
    func wait() { pthread_cond_wait(condition, mutex) }

    /// Call with the lock held.
    func wakeAll() { pthread_cond_broadcast(condition) }
}

/// Starts a detached thread that runs `body` with signals blocked, so that the main thread alone takes them. Those of a crash are the
/// thread's own: blocked, they would end the process before its handler has cleared away.
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

/// Ends the process with one line on stderr and the status for what the system does not give: there is nobody to catch an error
/// where threads are started and memory is planned. What `atexit` was told to remove is removed.
public func endForWant(of what: String) -> Never { endProcess(saying: "the system gives no \(what)", status: 71) }

/// Ends the process with one line on stderr, after the program's name, and a status.
public func endProcess(saying message: String, status: Int32) -> Never {
    var name = [CChar](repeating: 0, count: 256)
    let length = readlink("/proc/self/exe", &name, name.count - 1)
    let path = String(decoding: name[..<max(0, length)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let line = "\(path.utf8.split(separator: UInt8(ascii: "/")).last.map { String(Substring($0)) } ?? "contour"): \(message)\n"
    _ = line.utf8.withContiguousStorageIfAvailable { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    exit(status)
}

/// The number of processors this process may run on (`taskset` and containers included).
public func availableProcessors() -> Int {
    // The Glibc module hides GNU extensions, so the function is looked up by name.
    typealias GetAffinity = @convention(c) (pid_t, Int, UnsafeMutableRawPointer?) -> CInt
    var mask = [UInt8](repeating: 0, count: 1024)
    if let symbol = dlsym(nil, "sched_getaffinity"),
        unsafeBitCast(symbol, to: GetAffinity.self)(0, mask.count, &mask) >= 0 {
        return max(1, mask.reduce(0) { $0 + $1.nonzeroBitCount })
    }
    return max(1, Int(sysconf(CInt(_SC_NPROCESSORS_ONLN))))
}
