#if HDF5
import CHDF5
import Files
import Glibc
import Synchronization

/// Has a process of its own carry out `request`, because some damaged files make the library crash (1.10 frees what it never
/// allocated when an index of links is damaged): there, that is no harm. The process is a new program, not a fork, so that it costs
/// the same however large this one is, and finds no locks that other threads hold.
/// - Parameter values: the room for the values, if the request is for those.
/// - Returns: the answer, which is not `refused`.
/// Throws `ToolError`: `dataError` or whatever the process says, `dataError` if it came to harm, `unavailable` or `systemError`
/// if it cannot be started.
func carryOut(
    _ request: ReadRequest, on file: PlacedFile, by program: ReaderProgram, values: UnsafeMutableRawBufferPointer? = nil
) throws -> ReadAnswer {
    let (child, socket) = try start(program, file, for: request.file)
    let answer = exchange(request, through: socket, values: values)
    // Whatever has not answered has nothing more to say.
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
    // An answer is not believed if its sender's end was not its own.
    guard let answer, state == 0 else {
        throw ToolError.data(
            request.file, "",
            signal == SIGXCPU ? "is damaged: reading it does not end" : "is damaged: the HDF5 library broke down over it")
    }
    if case .refused(let status, let text) = answer { throw ToolError(ExitStatus(rawValue: status) ?? .software, text) }
    return answer
}

/// Starts `program` with the file and an end of a connection; returns the process's number and the other end.
private func start(
    _ program: ReaderProgram, _ file: PlacedFile, for name: String
) throws -> (process: pid_t, socket: ReaderSocket) {
    var ends: [CInt] = [-1, -1]
    // SOCK_CLOEXEC: no other program that is started now may hold an end of it.
    guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
        throw ToolError.system(.systemError, name, "no connection to what reads it", errno: errno)
    }
    let socket = ReaderSocket(ends[0])
    // Once this end of theirs is closed, the end of the other process ends the connection.
    defer { close(ends[1]) }
    // Above the numbers that they get, lest one should take the place of the other.
    let theirs = fcntl(ends[1], F_DUPFD_CLOEXEC, ReaderProgram.firstFree)
    guard theirs >= 0 else { throw ToolError.system(.systemError, name, "no connection to what reads it", errno: errno) }
    defer { close(theirs) }
    let input = fcntl(file.descriptor, F_DUPFD_CLOEXEC, ReaderProgram.firstFree)
    guard input >= 0 else { throw ToolError.system(.systemError, name, "cannot be handed on", errno: errno) }
    defer { close(input) }
    // Whatever the program and the library have to say about it: the answer says enough.
    let nowhere = open("/dev/null", O_RDWR | O_CLOEXEC)
    defer { if nowhere >= 0 { close(nowhere) } }
    let standard = nowhere < 0 ? [] : (STDIN_FILENO...STDERR_FILENO).map { (nowhere, $0) }
    // No signal is blocked, and what the library or the limits may raise ends the process. Others that this process ignores, as
    // under nohup, stay ignored; those that it catches end the other.
    let (child, error) = startProgram(
        program.path, ["encode", ReaderProgram.argument],
        descriptors: standard + [(input, ReaderProgram.file), (theirs, ReaderProgram.connection)],
        resetting: ReaderProgram.endings)
    guard error == 0 else { throw program.refusal(for: name, errno: error) }
    return (child, socket)
}

/// Sends a request and receives the answer and the values; `nil` if no whole one comes.
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

/// The program that is started to read an HDF5 file: this one, if it serves, or `encode` beside it.
struct ReaderProgram {
    /// The path for the system.
    let path: String
    /// The path for messages.
    let shown: String

    /// The only argument of a program that is to serve; `--help` does not name it.
    static let argument = "--read-hdf5-for-parent"
    /// The descriptors that it gets, and the first that it does not.
    static let file: CInt = 3, connection: CInt = 4, firstFree: CInt = 5
    /// Signals by which it may end when the library breaks down, time or memory is used up, or this process is gone.
    static let endings = [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGXCPU, SIGSYS, SIGPIPE]

    /// True if this program itself serves when it is started with `argument`.
    static let isThisOne = Atomic<Bool>(false)

    /// Throws `ToolError` with status `unavailable` if it is not known where this program is.
    static func find(for file: String) throws -> ReaderProgram {
        let this = "/proc/self/exe"
        guard let path = linkTarget(this) else {
            throw ToolError.system(.unavailable, file, "cannot be read without \(this)", errno: errno)
        }
        // By this name it is found even if the file has been replaced meanwhile.
        if isThisOne.load(ordering: .relaxed) { return ReaderProgram(path: this, shown: path) }
        let beside = "\(pathParts(path).folder)encode"
        return ReaderProgram(path: beside, shown: beside)
    }

    /// The error for a program that was not started.
    func refusal(for file: String, errno code: CInt) -> ToolError {
        let isMissing = [ENOENT, ENOTDIR, EACCES].contains(code)
        return .system(
            isMissing ? .unavailable : .systemError, file, "cannot start \(shown), the program that reads HDF5 files", errno: code)
    }
}
#endif
