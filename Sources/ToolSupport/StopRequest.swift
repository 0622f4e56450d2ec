import Files
import Glibc
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

    /// Ends the process by the signal that came, as the shell expects; returns if none did.
    public static func endBySignal() {
        let number = signal.load(ordering: .relaxed)
        guard number != 0 else { return }
        removeTemporaryFiles()
        Glibc.signal(number, SIG_DFL)
        raise(number)
    }

    private static let note: @convention(c) (CInt) -> Void = { number in
        guard signal.exchange(number, ordering: .relaxed) != 0 else { return }
        removeTemporaryFiles()
        Glibc.signal(number, SIG_DFL)
        raise(number)
    }
}
