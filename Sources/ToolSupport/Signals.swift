import Files
import Glibc

/// On SIGINT, SIGTERM, SIGHUP and SIGQUIT: remove temporary files, then die of that signal as the shell expects. SIGPIPE does the
/// same, silently, even where a parent ignores it. SIGXFSZ does nothing: writing beyond `ulimit -f` then fails as on a full disk.
/// SIGCHLD is not ignored, even where a parent does: how a process ended that this one started would be lost.
func installSignalHandlers() {
    // Makes the registry now, because a handler must not allocate.
    removeTemporaryFiles()
    atexit { removeTemporaryFiles() }
    for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] where !isIgnored(number) { signal(number, endBySignal) }
    signal(SIGPIPE, endBySignal)
    signal(SIGXFSZ, SIG_IGN)
    signal(SIGCHLD, SIG_DFL)
}

private let endBySignal: @convention(c) (CInt) -> Void = { number in
    removeTemporaryFiles()
    signal(number, SIG_DFL)
    raise(number)
}

/// A background job of a shell without job control ignores SIGINT, and nohup SIGHUP: both are to be left so.
func isIgnored(_ number: CInt) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0 else { return false }
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
}
