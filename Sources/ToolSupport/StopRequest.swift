import Files
import Glibc
import Parallel
import Synchronization

/// SIGINT, SIGTERM and SIGHUP as a wish to end soon and in good order, for a tool that can save what it has done.
///
/// The first one is only noted; the second ends the process as usual. An ignored signal stays ignored.
public enum StopRequest {
    /// The signal that has come, 0 for none.
    private static let signal = Atomic<CInt>(0)

    /// From now on, note signals instead of ending.
    public static func listen() {
        for number in [SIGINT, SIGTERM, SIGHUP] where !isIgnored(number) { Glibc.signal(number, note) }
    }

    public static var isMade: Bool { signal.load(ordering: .relaxed) != 0 }

    /// The writing end of the pipe on which `explain` waits, -1 for none.
    private static let bell = Atomic<CInt>(-1)

    /// From now on, the first signal calls `body`, on a thread of its own, before it ends the process; it is for saying what is
    /// lost. A second one ends the process at once.
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

    /// Ends the process by the signal that came, as the shell expects; returns if none did.
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
        // Not `raise`: the thread of `explain` takes no signals.
        kill(getpid(), number)
    }
}
