import Files
import Glibc

/// On SIGINT, SIGTERM, SIGHUP and SIGQUIT: remove temporary files, then die of that signal as the shell expects. SIGPIPE does the
/// same, silently, even where a parent ignores it. SIGXFSZ does nothing: writing beyond `ulimit -f` then fails as on a full disk.
/// SIGCHLD is not ignored, even where a parent does: how a process ended that this one started would be lost.
///
/// A crash leaves no temporary files either, and says in one line what it was. SIGBUS is no fault of the program: a file that was
/// mapped has become shorter, or its disk cannot be read.
/// - Parameter name: the tool's, for that line.
func installSignalHandlers(_ name: String) {
    // Makes the registry now, because a handler must not allocate.
    removeTemporaryFiles()
    atexit { removeTemporaryFiles() }
    for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] where !isIgnored(number) { signal(number, endBySignal) }
    signal(SIGPIPE, endBySignal)
    let lines = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: crashes.count)
    for (place, (_, cause)) in crashes.enumerated() {
        (lines + place).initialize(to: strdup("\(name): \(cause)\n"))
    }
    crashLines = lines
    for (number, _) in crashes { signal(number, endByCrash) }
    signal(SIGXFSZ, SIG_IGN)
    signal(SIGCHLD, SIG_DFL)
}

private let endBySignal: @convention(c) (CInt) -> Void = { number in
    removeTemporaryFiles()
    signal(number, SIG_DFL)
    raise(number)
}

private let crashes: [(number: CInt, cause: String)] = [
    (SIGBUS, "a file that is being read has become shorter, or cannot be read; unfinished outputs are removed"),
    (SIGABRT, "ended by SIGABRT: memory may be used up, or this is an error of the program; unfinished outputs are removed"),
    (SIGILL, "ended by SIGILL: this is an error of the program; unfinished outputs are removed"),
    (SIGTRAP, "ended by SIGTRAP: this is an error of the program; unfinished outputs are removed"),
    (SIGSEGV, "ended by SIGSEGV: this is an error of the program; unfinished outputs are removed"),
]

/// What a crash prints, in the order of `crashes`, made in advance: a handler must not allocate.
private nonisolated(unsafe) var crashLines: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?

private let endByCrash: @convention(c) (CInt) -> Void = { number in
    removeTemporaryFiles()
    var place = 0
    switch number {
    case SIGBUS: place = 0
    case SIGABRT: place = 1
    case SIGILL: place = 2
    case SIGTRAP: place = 3
    default: place = 4
    }
    if let line = crashLines?[place] { _ = write(STDERR_FILENO, line, strlen(line)) }
    if number == SIGBUS { _exit(ExitStatus.ioError.rawValue) }
    signal(number, SIG_DFL)
    raise(number)
}

/// A background job of a shell without job control ignores SIGINT, and nohup SIGHUP: both are to be left so.
func isIgnored(_ number: CInt) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0 else { return false }
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
}
