import Files
import Glibc
import Parallel
import Synchronization

/// Installs handlers: SIGINT, SIGTERM, SIGHUP and SIGQUIT remove temporary files before they end the process as the shell expects,
/// and so does SIGPIPE, even if the parent ignores it. SIGXFSZ does nothing, so that writing beyond `ulimit -f` fails like on a
/// full disk. SIGCHLD is not ignored, even if the parent ignores it, because the exit status of child processes would be lost.
///
/// A crash also leaves no temporary files, and prints one line that says what happened. Two crashes are not the program's fault:
/// SIGBUS, when a mapped file has been truncated or its disk cannot be read, and SIGABRT, when the Swift runtime gets no memory.
/// - Parameter name: the tool's name, for that line.
func installSignalHandlers(_ name: String) {
    // Creates the registry now, because a handler must not allocate.
    removeTemporaryFiles()
    atexit { removeTemporaryFiles() }
    for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] where !isIgnored(number) { signal(number, endBySignal) }
    signal(SIGPIPE, endBySignal)
    crashReport = CrashReport(of: name)
    for number in CrashReport.signals { signal(number, endByCrash) }
    signal(SIGXFSZ, SIG_IGN)
    signal(SIGCHLD, SIG_DFL)
}

private let endBySignal: @convention(c) (CInt) -> Void = { number in
    removeTemporaryFiles()
    signal(number, SIG_DFL)
    raise(number)
}

private nonisolated(unsafe) var crashReport: CrashReport?

private let endByCrash: @convention(c) (CInt) -> Void = { number in
    removeTemporaryFiles()
    if let status = crashReport?.print(number) { _exit(status.rawValue) }
    signal(number, SIG_DFL)
    raise(number)
}

/// Background jobs of a shell without job control ignore SIGINT, and nohup ignores SIGHUP; both must stay ignored.
private func isIgnored(_ number: CInt) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0 else { return false }
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
}

/// A request to end soon and cleanly, made by SIGINT, SIGTERM or SIGHUP, for a tool that can save what it has done. The first
/// signal is only recorded; the second ends the process as usual. An ignored signal stays ignored.
public enum StopRequest {
    /// The signal received, or 0.
    private static let signal = Atomic<CInt>(0)

    /// From now on, records signals instead of ending.
    public static func listen() {
        for number in [SIGINT, SIGTERM, SIGHUP] where !isIgnored(number) { Glibc.signal(number, note) }
    }

    /// True if a signal has been received.
    public static var isMade: Bool { signal.load(ordering: .relaxed) != 0 }

    /// Write end of the pipe on which `explain` waits; -1 if there is none.
    private static let bell = Atomic<CInt>(-1)

    /// Makes the first signal call `body`, on a thread of its own, before it ends the process, to say what is lost. A second signal
    /// ends the process at once.
    public static func explain(_ body: @escaping @Sendable () -> Void) {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { return }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let (reading, writing) = (ends[0], ends[1])
        bell.store(writing, ordering: .relaxed)
        startThread {
            var byte: UInt8 = 0
            while read(reading, &byte, 1) < 0 && errno == EINTR {}
            body()
            endBySignal()
        }
        for number in [SIGINT, SIGTERM, SIGHUP] where !isIgnored(number) { Glibc.signal(number, ring) }
    }

    private static let ring: @convention(c) (CInt) -> Void = { number in
        guard signal.exchange(number, ordering: .relaxed) == 0 else { return die(by: number) }
        var byte: UInt8 = 0
        _ = write(bell.load(ordering: .relaxed), &byte, 1)
    }

    /// Ends the process by the signal received, as the shell expects; returns if there was none.
    public static func endBySignal() {
        let number = signal.load(ordering: .relaxed)
        if number != 0 { die(by: number) }
    }

    private static let note: @convention(c) (CInt) -> Void = { number in
        if signal.exchange(number, ordering: .relaxed) != 0 { die(by: number) }
    }

    private static func die(by number: CInt) {
        removeTemporaryFiles()
        Glibc.signal(number, SIG_DFL)
        // Not `raise`: the thread of `explain` handles no signals.
        kill(getpid(), number)
    }
}

/// The one line that a crash prints. Its memory is allocated in advance, because a signal handler must not allocate.
///
/// The Swift runtime and the C library say why they end a process on C's `stderr`, which the tools do not use themselves. It is
/// redirected to /dev/null, and what is written to it stays in its buffer, where the signal handler finds it.
private struct CrashReport {
    /// The signals of a crash.
    static let signals = [SIGBUS, SIGABRT, SIGILL, SIGTRAP, SIGSEGV]

    private static let size = 4096
    /// The line so far, and its end.
    private let line = UnsafeMutablePointer<CChar>.allocate(capacity: 2 * size)
    /// The text last written to `stderr`, followed by zeros.
    private let message = UnsafeMutablePointer<CChar>.allocate(capacity: size)
    /// The thread that crashed, or 0.
    private let thread = UnsafeMutablePointer<Atomic<UInt>>.allocate(capacity: 1)

    /// - Parameter name: the tool's name.
    init(of name: String) {
        thread.initialize(to: Atomic(0))
        line.initialize(repeating: 0, count: 2 * Self.size)
        message.initialize(repeating: 0, count: Self.size)
        name.withCString(append)
        append(": ")
        // Looked up by name, because Swift does not allow assigning to a C variable. The last byte of the buffer stays zero.
        if let stderr = dlsym(nil, "stderr"), let nowhere = fopen("/dev/null", "we") {
            setvbuf(nowhere, message, _IOFBF, Self.size - 1)
            stderr.assumingMemoryBound(to: UnsafeMutablePointer<FILE>.self).pointee = nowhere
        }
    }

    /// Prints the line for a signal. Allocates nothing.
    /// - Returns: the exit status, or `nil` to end by the signal itself.
    func print(_ signal: CInt) -> ExitStatus? {
        // If threads crash together, such as all those that read a file, the first ends the process.
        let own = UInt(pthread_self())
        let (isFirst, first) = thread.pointee.compareExchange(expected: 0, desired: own, ordering: .relaxed)
        if !isFirst && first == own { return nil }
        while !isFirst { pause() }
        var status: ExitStatus? = .systemError
        message[strcspn(message, "\n")] = 0
        if signal == SIGBUS {
            append("a file that is being read has become shorter, or cannot be read; unfinished outputs are removed")
            status = .ioError
        } else if let want = strstr(message, "failed to allocate ") {
            // Fatal error: failed to allocate 4096 bytes of memory with alignment 16
            let number = want + strlen("failed to allocate ")
            number[strspn(number, "0123456789")] = 0
            append("the system gives no memory for ")
            append(number)
            append(" bytes; unfinished outputs are removed")
        } else if strstr(message, "bad_alloc") != nil || message[0] == 0 && !hasMemory {
            append("the system gives no memory; unfinished outputs are removed")
        } else {
            status = nil
            append("ended by ")
            append(name(of: signal))
            append(message[0] == 0 ? "" : ": ")
            append(message)
            append("; this is an error of the program; unfinished outputs are removed")
        }
        append("\n")
        _ = write(STDERR_FILENO, line, strlen(line))
        return status
    }

    private func append(_ text: UnsafePointer<CChar>) {
        let length = strlen(line)
        strncpy(line + length, text, 2 * Self.size - length - 1)
    }

    private func append(_ text: StaticString) {
        text.utf8Start.withMemoryRebound(to: CChar.self, capacity: text.utf8CodeUnitCount + 1) { append($0) }
    }

    private func name(of signal: CInt) -> StaticString {
        switch signal {
        case SIGABRT: "SIGABRT"
        case SIGILL: "SIGILL"
        case SIGTRAP: "SIGTRAP"
        default: "SIGSEGV"
        }
    }

    /// True if the system grants a mebibyte. Without memory, the runtime cannot even report that there is none.
    private var hasMemory: Bool {
        let size = 1 << 20
        let place = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let place, place != MAP_FAILED else { return false }
        munmap(place, size)
        return true
    }
}
