#if HDF5
import CHDF5
import Files
import Glibc
import Synchronization

/// Has a separate process carry out `request`, because some damaged files make the library crash (1.10 frees memory that it never
/// allocated when an index of links is damaged); there, a crash does no harm. The process runs a new program rather than a fork, so
/// that its cost does not depend on the size of this process, and no locks of other threads are held.
/// - Parameter values: memory for the values, if the request is for values.
/// - Returns: the answer, which is never `refused`.
/// - Throws: `ToolError`: what the process answers; `dataError` if it crashed or exceeded a limit; `unavailable` or `systemError`
///   if it cannot be started.
func carryOut(
    _ request: ReadRequest, on file: PlacedFile, by program: ReaderProgram, values: UnsafeMutableRawBufferPointer? = nil
) throws -> ReadAnswer {
    let (child, socket) = try start(program, file, for: request.file)
    let answer = exchange(request, through: socket, values: values)
    // A process that has not answered by now never will.
    if answer == nil { kill(child, SIGKILL) }
    guard let state = waitForEnd(of: child) else {
        throw ToolError.system(.systemError, request.file, "cannot wait for what reads it", errno: errno)
    }
    let signal = state & 0x7F
    guard signal != 0 || state == 0 else {
        throw ToolError(
            .unavailable,
            "\(request.file): \(program.shown), which reads HDF5 files, ended with status \(state >> 8); "
                + "build all tools again: make")
    }
    // Accept an answer only if the process then exited normally.
    guard let answer, state == 0 else {
        throw ToolError.data(
            request.file, "",
            signal == SIGXCPU ? "is damaged: reading it does not end" : "is damaged: the HDF5 library broke down over it")
    }
    if case .refused(let status, let text) = answer { throw ToolError(ExitStatus(rawValue: status) ?? .software, text) }
    return answer
}

/// Starts `program` with the file and one end of a connection; returns its process id and the other end.
private func start(
    _ program: ReaderProgram, _ file: PlacedFile, for name: String
) throws -> (process: pid_t, socket: ReaderSocket) {
    var ends: [CInt] = [-1, -1]
    // SOCK_CLOEXEC: no other program started at the same time may inherit an end.
    guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
        throw ToolError.system(.systemError, name, "no connection to what reads it", errno: errno)
    }
    let socket = ReaderSocket(ends[0])
    // The connection ends when the other process closes its end, once this process has closed its copy.
    defer { close(ends[1]) }
    // Numbers above those that the child uses, so that none replaces another.
    let theirs = fcntl(ends[1], F_DUPFD_CLOEXEC, ReaderProgram.firstFree)
    guard theirs >= 0 else { throw ToolError.system(.systemError, name, "no connection to what reads it", errno: errno) }
    defer { close(theirs) }
    let input = fcntl(file.descriptor, F_DUPFD_CLOEXEC, ReaderProgram.firstFree)
    guard input >= 0 else { throw ToolError.system(.systemError, name, "cannot be handed on", errno: errno) }
    defer { close(input) }
    // Messages of the program and the library are discarded: the answer says enough.
    let nowhere = open("/dev/null", O_RDWR | O_CLOEXEC)
    defer { if nowhere >= 0 { close(nowhere) } }
    let standard = nowhere < 0 ? [] : (STDIN_FILENO...STDERR_FILENO).map { (nowhere, $0) }
    // No signal is blocked, and those that the library or the limits may raise end the process. Others that this process ignores,
    // for example under nohup, stay ignored; those that it catches end the child.
    let (child, error) = startProgram(
        program.path, ["encode", ReaderProgram.argument],
        descriptors: standard + [(input, ReaderProgram.file), (theirs, ReaderProgram.connection)],
        resetting: ReaderProgram.endings)
    guard error == 0 else { throw program.refusal(for: name, errno: error) }
    return (child, socket)
}

/// Sends a request and receives the answer and the values; returns `nil` unless a whole answer arrives.
private func exchange(
    _ request: ReadRequest, through socket: ReaderSocket, values: UnsafeMutableRawBufferPointer?
) -> ReadAnswer? {
    guard (try? socket.send(request)) == true, let answer = socket.receive(ReadAnswer.self) else { return nil }
    switch (answer, values) {
    case (.refused, _), (.list, nil): return answer
    case (.values, let values?) where socket.receive(into: values): return answer
    default: return nil
    }
}

/// The program that is started to read an HDF5 file: this program if it calls `HDF5ReaderService`, otherwise `encode` in its
/// folder.
struct ReaderProgram {
    /// Path for the system.
    let path: String
    /// Path for messages.
    let shown: String

    /// The only argument of a program started to read; `--help` does not list it.
    static let argument = "--read-hdf5-for-parent"
    /// The descriptors that it gets, and the first that it does not.
    static let file: CInt = 3, connection: CInt = 4, firstFree: CInt = 5
    /// Signals that may end it if the library crashes, a limit of time or memory is exceeded, or this process is gone.
    static let endings = [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGXCPU, SIGSYS, SIGPIPE]

    /// True if this program itself calls `HDF5ReaderService`.
    static let isThisOne = Atomic<Bool>(false)

    /// Finds the program. Throws `ToolError` with status `unavailable` if the path of this program is unknown.
    static func find(for file: String) throws -> ReaderProgram {
        let this = "/proc/self/exe"
        guard let path = linkTarget(this) else {
            throw ToolError.system(.unavailable, file, "cannot be read without \(this)", errno: errno)
        }
        // This name works even if the file has been replaced meanwhile.
        if isThisOne.load(ordering: .relaxed) { return ReaderProgram(path: this, shown: path) }
        let beside = "\(pathParts(path).folder)encode"
        return ReaderProgram(path: beside, shown: beside)
    }

    /// Returns the error for a program that could not be started.
    func refusal(for file: String, errno code: CInt) -> ToolError {
        let isMissing = [ENOENT, ENOTDIR, EACCES].contains(code)
        return .system(
            isMissing ? .unavailable : .systemError, file, "cannot start \(shown), the program that reads HDF5 files", errno: code)
    }
}
#endif
