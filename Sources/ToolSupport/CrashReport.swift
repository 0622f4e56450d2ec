import Files
import Glibc
import Synchronization

/// The one line that a crash prints. Its memory is taken in advance, because a signal handler must not allocate.
///
/// The Swift runtime and the C library say why they end a process on C's `stderr`, which the tools themselves do not use. It is
/// made to lead nowhere, and what is written to it stays in its buffer, where the handler of the signal finds it.
struct CrashReport {
    /// The signals of a crash.
    static let signals = [SIGBUS, SIGABRT, SIGILL, SIGTRAP, SIGSEGV]

    private static let size = 4096
    /// The line so far, and its end.
    private let line = UnsafeMutablePointer<CChar>.allocate(capacity: 2 * size)
    /// What was last written to `stderr`, and zeros.
    private let message = UnsafeMutablePointer<CChar>.allocate(capacity: size)
    /// The thread that has crashed, 0 for none.
    private let thread = UnsafeMutablePointer<Atomic<UInt>>.allocate(capacity: 1)

    /// - Parameter name: the tool's.
    init(of name: String) {
        thread.initialize(to: Atomic(0))
        line.initialize(repeating: 0, count: 2 * Self.size)
        message.initialize(repeating: 0, count: Self.size)
        name.withCString(append)
        append(": ")
        // Found by its name, because Swift lets no variable of C be assigned to. The last byte of the buffer stays zero.
        if let stderr = dlsym(nil, "stderr"), let nowhere = fopen("/dev/null", "we") {
            setvbuf(nowhere, message, _IOFBF, Self.size - 1)
            stderr.assumingMemoryBound(to: UnsafeMutablePointer<FILE>.self).pointee = nowhere
        }
    }

    /// Prints the line for a signal. Allocates nothing.
    /// - Returns: the status to end with; `nil` to end by the signal itself.
    func print(_ signal: CInt) -> ExitStatus? {
        // Of threads that crash together, such as all that read a file, the first ends the process.
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

    /// Whether the system gives a mebibyte. The runtime cannot say that there is no memory where there is none to say it with.
    private var hasMemory: Bool {
        let size = 1 << 20
        let place = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let place, place != MAP_FAILED else { return false }
        munmap(place, size)
        return true
    }
}
