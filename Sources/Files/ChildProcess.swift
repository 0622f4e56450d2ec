import Glibc

/// Starts a program in a new process.
/// - Parameters:
///   - path: the program's file.
///   - isOnPath: true to search for the program on the PATH.
///   - arguments: its arguments, starting with its own name.
///   - environment: its variables as `NAME=value`; `nil` means those of this process.
///   - descriptors: open files of this process, and their numbers in the new one.
///   - signals: signals that the new process neither ignores nor catches; if there are any, it blocks none either.
/// - Returns: the process id and 0, or an `errno`.
public func startProgram(
    _ path: String, isOnPath: Bool = false, _ arguments: [String], environment: [String]? = nil,
    descriptors: [(own: CInt, other: CInt)], resetting signals: [CInt] = []
) -> (process: CInt, error: CInt) {
    var actions = posix_spawn_file_actions_t(), attributes = posix_spawnattr_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    let words = arguments.map { $0.withFileName { strdup($0) } }, variables = environment?.map { $0.withFileName { strdup($0) } }
    defer {
        posix_spawn_file_actions_destroy(&actions)
        posix_spawnattr_destroy(&attributes)
        for text in words + (variables ?? []) { free(text) }
    }
    for (own, other) in descriptors { posix_spawn_file_actions_adddup2(&actions, own, other) }
    if !signals.isEmpty {
        var none = sigset_t(), defaults = sigset_t()
        sigemptyset(&none)
        sigemptyset(&defaults)
        for number in signals { sigaddset(&defaults, number) }
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    }
    var process = pid_t()
    let start = isOnPath ? posix_spawnp : posix_spawn
    let error = path.withFileName { path in
        guard let variables else { return start(&process, path, &actions, &attributes, words + [nil], environ) }
        return start(&process, path, &actions, &attributes, words + [nil], variables + [nil])
    }
    return (process, error)
}

/// Waits for a process to end and returns the status that the system reports; `nil` with the reason in `errno` if it reports none.
public func waitForEnd(of process: CInt) -> CInt? {
    var status: CInt = 0
    while waitpid(process, &status, 0) < 0 { guard errno == EINTR else { return nil } }
    return status
}
