#if HDF5
import CHDF5
import Files
import Glibc
import Synchronization

/// Has a process of its own carry out `request`, because some damaged files make the library crash (1.10 frees what it never
/// allocated when an index of links is damaged): there, that is no harm. The process is a new program, not a fork, so that it costs
/// the same however large this one is, and finds no locks that other threads hold.
/// - Parameters:
///   - file: what is read.
///   - room: gives the place for an answer of so many bytes; `nil` if the answer cannot have this size.
/// Throws `ToolError`: `dataError` or what else the process says, `dataError` if it came to harm, `unavailable` or `systemError`
/// if it cannot be started.
func carryOut(
    _ request: ReadRequest, on file: PlacedFile, by program: ReaderProgram, room: (Int) -> UnsafeMutableRawBufferPointer?
) throws {
    let connection = try Connection(for: request.file)
    let child = try start(program, file, connection, for: request.file)
    connection.closeTheirs()
    let answer = connection.exchange(request, room: room)
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
    if case .refused(let error) = answer { throw error }
}

/// Starts `program` with the file and its end of the connection, and returns the process's number.
private func start(_ program: ReaderProgram, _ file: PlacedFile, _ connection: Connection, for name: String) throws -> pid_t {
    // Above the numbers that they get, lest one should take the place of the other.
    let input = fcntl(file.descriptor, F_DUPFD_CLOEXEC, ReaderProgram.firstFree)
    defer { if input >= 0 { close(input) } }
    guard input >= 0 else { throw ToolError.system(.systemError, name, "cannot be handed on", errno: errno) }
    // Whatever the program and the library have to say about it: the answer says enough.
    let nowhere = open("/dev/null", O_RDWR | O_CLOEXEC)
    defer { if nowhere >= 0 { close(nowhere) } }
    let standard = nowhere < 0 ? [] : (STDIN_FILENO...STDERR_FILENO).map { (nowhere, $0) }
    // No signal is blocked, and what the library or the limits may raise ends the process. Others that this process ignores, as
    // under nohup, stay ignored; those that it catches end the other.
    let (child, error) = startProgram(
        program.path, ["encode", ReaderProgram.argument],
        descriptors: standard + [(input, ReaderProgram.file), (connection.theirs, ReaderProgram.connection)],
        resetting: ReaderProgram.endings)
    guard error == 0 else { throw program.refusal(for: name, errno: error) }
    return child
}

/// Two sockets, each other's ends: one is this process's, one the other's.
private final class Connection {
    private let ours: CInt
    private(set) var theirs: CInt

    init(for name: String) throws {
        var ends: [CInt] = [-1, -1]
        // SOCK_CLOEXEC: no other program that is started now may hold an end of it.
        guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw ToolError.system(.systemError, name, "no connection to what reads it", errno: errno)
        }
        ours = ends[0]
        theirs = fcntl(ends[1], F_DUPFD_CLOEXEC, ReaderProgram.firstFree)
        let code = errno
        close(ends[1])
        guard theirs >= 0 else { throw ToolError.system(.systemError, name, "no connection to what reads it", errno: code) }
    }

    deinit {
        close(ours)
        closeTheirs()
    }

    /// From now on, the end of the other process ends the connection.
    func closeTheirs() {
        if theirs >= 0 { close(theirs) }
        theirs = -1
    }

    enum Answer {
        case complete
        case refused(ToolError)
    }

    /// Sends a request and receives the answer; `nil` if no whole one comes.
    func exchange(_ request: ReadRequest, room: (Int) -> UnsafeMutableRawBufferPointer?) -> Answer? {
        let message = request.message
        var size = MessageWriter()
        size.append(message.count)
        guard (size.bytes + message).withUnsafeBytes({ sendAll($0, to: ours) }) else { return nil }
        var header = [UInt8](repeating: 0, count: 8 * ReadRequest.answerHeader)
        guard header.withUnsafeMutableBytes({ receiveAll($0, from: ours) }) else { return nil }
        return header.withUnsafeBytes { bytes in
            var header = MessageReader(bytes)
            guard let outcome = header.number(), let status = header.number(), let count = header.size() else { return nil }
            switch outcome {
            case ReadRequest.answered:
                guard let buffer = room(count), buffer.count == count, receiveAll(buffer, from: ours) else { return nil }
                return .complete
            case ReadRequest.refused:
                guard count <= ReadRequest.mostRefused else { return nil }
                var text = [UInt8](repeating: 0, count: count)
                guard text.withUnsafeMutableBytes({ receiveAll($0, from: ours) }),
                    let status = ExitStatus(rawValue: Int32(truncatingIfNeeded: status))
                else { return nil }
                return .refused(ToolError(status, String(decoding: text, as: UTF8.self)))
            default: return nil
            }
        }
    }
}

/// Sends all bytes through a socket; false if there is no one at its other end. No signal is raised.
func sendAll(_ bytes: UnsafeRawBufferPointer, to socket: CInt) -> Bool {
    var rest = bytes
    while !rest.isEmpty {
        let count = send(socket, rest.baseAddress, rest.count, CInt(MSG_NOSIGNAL))
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return false }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
    return true
}

/// Fills `buffer` from a socket; false if it ends before.
func receiveAll(_ buffer: UnsafeMutableRawBufferPointer, from socket: CInt) -> Bool {
    var rest = buffer
    while !rest.isEmpty {
        let count = recv(socket, rest.baseAddress, rest.count, CInt(MSG_WAITALL))
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return false }
        rest = UnsafeMutableRawBufferPointer(rebasing: rest[count...])
    }
    return true
}

/// The program that is started to read an HDF5 file: this one, if it serves, or `encode` beside it.
struct ReaderProgram {
    /// For the system.
    let path: String
    /// For messages.
    let shown: String

    /// The only argument of a program that is to serve; `--help` does not name it.
    static let argument = "--read-hdf5-for-parent"
    /// The descriptors that it gets, and the first that it does not.
    static let file: CInt = 3, connection: CInt = 4, firstFree: CInt = 5
    /// Signals by which it may end when the library breaks down, time or memory is used up, or this process is gone.
    static let endings = [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGXCPU, SIGSYS, SIGPIPE]

    /// Whether this program itself serves when it is started with `argument`.
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

    /// Why it was not started.
    func refusal(for file: String, errno code: CInt) -> ToolError {
        let isMissing = [ENOENT, ENOTDIR, EACCES].contains(code)
        return .system(
            isMissing ? .unavailable : .systemError, file, "cannot start \(shown), the program that reads HDF5 files", errno: code)
    }
}
#endif
