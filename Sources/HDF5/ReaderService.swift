#if HDF5
import CHDF5
import Files
import Glibc
import Synchronization
#endif

/// The other side of `HDF5File`: what a program does that was started to read a file for another.
public enum HDF5ReaderService {
    /// If the program was started to read a file, carries out the request and ends the process. Otherwise, records that the program
    /// can be started in this way. A program that reads HDF5 files calls this first.
    public static func serveIfAsked() {
        #if HDF5
        ReaderProgram.isThisOne.store(true, ordering: .relaxed)
        guard CommandLine.argc == 2, CommandLine.arguments[1] == ReaderProgram.argument else { return }
        var status = stat()
        guard fstat(ReaderProgram.connection, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else {
            let text = "encode: \(ReaderProgram.argument) is for encode itself, which gives a file and a socket with it\n"
            _ = Array(text.utf8).withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
            exit(ExitStatus.usage.rawValue)
        }
        // Keep nothing of the parent's open except what was passed. A crash leaves no core file and prints nothing, and this
        // process ends with its parent.
        hdf5_close_from(ReaderProgram.firstFree)
        // Including Swift's own handlers, which the environment can request.
        for number in ReaderProgram.endings { signal(number, SIG_DFL) }
        limit(RLIMIT_CORE.rawValue, 0)
        hdf5_end_with_parent()
        let socket = ReaderSocket(ReaderProgram.connection)
        guard let request = socket.receive(ReadRequest.self), request.isUnderstood,
            let file = PlacedFile(name: request.file, descriptor: ReaderProgram.file)
        else { exit(ExitStatus.usage.rawValue) }
        guard (try? serve(request, file, to: socket)) == true else { _exit(ExitStatus.ioError.rawValue) }
        _exit(0)
        #endif
    }

    #if HDF5
    /// Closes the library before sending anything, so that an answer means that the work is done.
    /// - Returns: false if nobody receives the answer.
    private static func serve(_ request: ReadRequest, _ file: PlacedFile, to socket: ReaderSocket) throws -> Bool {
        limit(RLIMIT_CPU.rawValue, request.seconds)
        do {
            guard let dataset = request.dataset else {
                limit(RLIMIT_AS.rawValue, memoryInUse() + ReadRequest.memory + ReaderSocket.largestMessage)
                let list = try withLibrary(reading: file) { try Catalogue(of: $0, name: request.file) }
                return try socket.send(ReadAnswer.list(list))
            }
            let size = dataset.count * MemoryLayout<Float>.stride
            limit(RLIMIT_AS.rawValue, memoryInUse() + ReadRequest.memory + size)
            guard let start = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
                start != MAP_FAILED
            else { throw ToolError.system(.systemError, request.file, "no memory to read it", errno: errno) }
            let values = UnsafeMutableRawBufferPointer(start: start, count: size)
            try withLibrary(reading: file) { try readFloats(dataset, of: $0, name: request.file, into: values) }
            return try socket.send(ReadAnswer.values) && socket.send(UnsafeRawBufferPointer(values))
        } catch {
            let other = error is ReaderSocket.MessageIsTooLong
                ? ToolError.data(request.file, "", "has too many data sets") : ToolError(.software, "\(request.file): \(error)")
            let refusal = error as? ToolError ?? other
            return try socket.send(ReadAnswer.refused(status: refusal.status.rawValue, text: refusal.description))
        }
    }

    private static func limit(_ resource: __rlimit_resource.RawValue, _ value: Int) {
        var limit = rlimit()
        let resource = __rlimit_resource_t(resource)
        guard getrlimit(resource, &limit) == 0 else { return }
        limit.rlim_cur = min(limit.rlim_cur, limit.rlim_max, rlim_t(clamping: value))
        setrlimit(resource, &limit)
    }

    private static func memoryInUse() -> Int { addressSpace() ?? memoryLimit() }
    #endif
}
