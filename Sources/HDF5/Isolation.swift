#if HDF5
import CHDF5
import Files
import Glibc
import Synchronization

/// What a child process has at its disposal. Damaged files make the library crash (1.10 frees what it never allocated when an
/// index of links is damaged): what it does to files of others is therefore done in a child process, whose end is no harm.
struct ChildLimits {
    /// Bytes of memory beyond those that the parent has, and beyond the result.
    var memory = 1 << 30
    /// Of the processor's time: many times what it takes.
    var seconds: Int

    /// For reading so many bytes.
    init(reading bytes: Int) { seconds = 5 + bytes >> 22 }
}

/// Runs `body` in a child process, with room for a result of at most `capacity` bytes, and hands the bytes that it says it has
/// written to `receive`.
/// - Parameter name: the file that is being read, for messages.
/// Throws the `ToolError` of `body`; `dataError` if the child came to harm; `systemError` if there can be none.
func inChildProcess<Value>(
    reading name: String, capacity: Int, limits: ChildLimits,
    _ body: (UnsafeMutableRawBufferPointer) throws -> Int, receive: (UnsafeRawBufferPointer) throws -> Value
) throws -> Value {
    let header = 64, textRoom = 4096
    let size = header + max(capacity, textRoom)
    guard let start = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
        start != MAP_FAILED
    else { throw ToolError.system(.systemError, name, "no memory to read it", errno: errno) }
    defer { munmap(start, size) }
    let numbers = start.assumingMemoryBound(to: Int64.self)
    let payload = UnsafeMutableRawBufferPointer(start: start + header, count: size - header)
    var state: CInt = 0
    // A lock that another thread held at the fork is never given back in the child, which then waits for ever: then another
    // child is tried, and given more time, because it may have been the disk.
    for patience in [2, 8, 32, 128] as [UInt32] {
        (numbers[0], numbers[1]) = (0, 0)
        let child = try fork(for: name, patience: patience) {
            restrain(limits)
            do {
                numbers[1] = Int64(try body(UnsafeMutableRawBufferPointer(rebasing: payload[..<capacity])))
                numbers[0] = 1
            } catch {
                let refusal = error as? ToolError ?? ToolError(.software, "\(name): \(error)")
                let text = Array(refusal.description.utf8.prefix(textRoom))
                payload.copyBytes(from: text)
                numbers[1] = Int64(text.count)
                numbers[2] = Int64(refusal.status.rawValue)
                numbers[0] = 2
            }
        }
        while waitpid(child, &state, 0) < 0 && errno == EINTR {}
        if state & 0x7F != SIGALRM { break }
    }
    // Whatever a child says whose end was not its own is not believed.
    let count = Int(numbers[1])
    guard state == 0, count >= 0, count <= payload.count else {
        let ranOut = [SIGXCPU, SIGALRM].contains(state & 0x7F)
        throw ToolError.data(
            name, "", ranOut ? "is damaged: reading it does not end" : "is damaged: the HDF5 library broke down over it")
    }
    let result = UnsafeRawBufferPointer(rebasing: payload[..<count])
    if numbers[0] == 2, let status = ExitStatus(rawValue: Int32(truncatingIfNeeded: numbers[2])) {
        throw ToolError(status, String(decoding: result, as: UTF8.self))
    }
    guard numbers[0] == 1 else { throw ToolError.data(name, "", "is damaged: the HDF5 library broke down over it") }
    return try receive(result)
}

/// Starts a child process, which ends behind `body`, and returns its number. Throws `ToolError` with status `systemError`.
private func fork(for name: String, patience: UInt32, _ body: () -> Void) throws -> pid_t {
    var wait: UInt32 = 1000
    while true {
        let (child, code) = libraryLock.withLock { _ in
            let child = hdf5_fork(patience)
            let code = errno
            if child == 0 {
                body()
                _exit(0)
            }
            return (child, code)
        }
        if child > 0 { return child }
        // Memory that others map may be counted twice for a moment, and too much then.
        guard code == ENOMEM || code == EAGAIN, wait < 4_000_000 else {
            throw ToolError.system(.systemError, name, "no process to read it in", errno: code)
        }
        usleep(wait)
        wait *= 2
    }
}

/// In the child: no word on stderr, no core, an end by whatever would be a crash, and limits.
private func restrain(_ limits: ChildLimits) {
    let nowhere = open("/dev/null", O_RDWR)
    for descriptor in 0...2 as ClosedRange<CInt> { dup2(nowhere, descriptor) }
    for number in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGXCPU] { signal(number, SIG_DFL) }
    // The parent's temporary files are the parent's.
    for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE] where !isIgnored(number) { signal(number, SIG_DFL) }
    limit(RLIMIT_CORE.rawValue, 0)
    limit(RLIMIT_CPU.rawValue, limits.seconds)
    limit(RLIMIT_AS.rawValue, memoryInUse() + limits.memory)
}

private func isIgnored(_ number: CInt) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0 else { return false }
    // SIG_IGN is 1.
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
}

private func limit(_ resource: __rlimit_resource.RawValue, _ value: Int) {
    var limit = rlimit()
    let resource = __rlimit_resource_t(resource)
    guard getrlimit(resource, &limit) == 0 else { return }
    limit.rlim_cur = min(limit.rlim_cur, limit.rlim_max, rlim_t(clamping: value))
    setrlimit(resource, &limit)
}

/// Bytes of address space that this process has.
private func memoryInUse() -> Int {
    let file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return memoryLimit() }
    defer { close(file) }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
        guard let start = buffer.baseAddress, case let count = read(file, start, 127), count > 0 else { return memoryLimit() }
        start[count] = 0
        return strtol(start, nil, 10) * sysconf(CInt(_SC_PAGESIZE))
    }
}
#endif
