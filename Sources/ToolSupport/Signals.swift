import Files
import Glibc

/// On SIGINT, SIGTERM, SIGHUP and SIGQUIT: remove temporary files, then die of that signal as the shell expects. SIGPIPE does the
/// same, silently, even where a parent ignores it. SIGXFSZ does nothing: writing beyond `ulimit -f` then fails as on a full disk.
/// SIGCHLD is not ignored, even where a parent does: how a process ended that this one started would be lost.
///
/// A crash leaves no temporary files either, and says in one line what it was. Two of them are no fault of the program. SIGBUS: a
/// file that was mapped has become shorter, or its disk cannot be read. SIGABRT is how the Swift runtime ends a process that gets
/// no memory.
/// - Parameter name: the tool's, for that line.
func installSignalHandlers(_ name: String) {
    // Makes the registry now, because a handler must not allocate.
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

/// A background job of a shell without job control ignores SIGINT, and nohup SIGHUP: both are to be left so.
func isIgnored(_ number: CInt) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0 else { return false }
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
}
