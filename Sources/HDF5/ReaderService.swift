#if HDF5
import CHDF5
import Files
import Glibc
import Synchronization
#endif

/// The other side of `HDF5File`: what a program does that was started to read a file for another.
public enum HDF5ReaderService {
    /// To be called first by a program that has HDF5 files read: carries out the request and ends the process if that is what it
    /// was started for, and otherwise notes that the program can be started so.
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
        withdraw()
        guard let request = receive(), let file = PlacedFile(name: request.file, descriptor: ReaderProgram.file) else {
            exit(ExitStatus.usage.rawValue)
        }
        serve(request, file)
        _exit(0)
        #endif
    }

    #if HDF5
    /// Nothing of the parent's is open but what was given, a crash leaves no core and prints nothing, and the parent's end is this
    /// process's, too.
    private static func withdraw() {
        hdf5_close_from(ReaderProgram.firstFree)
        // Swift's own handlers among them, which the environment may ask for.
        for number in ReaderProgram.endings { signal(number, SIG_DFL) }
        limit(RLIMIT_CORE.rawValue, 0)
        hdf5_end_with_parent()
    }

    private static func receive() -> ReadRequest? {
        var header = [UInt8](repeating: 0, count: 8)
        guard header.withUnsafeMutableBytes({ receiveAll($0, from: ReaderProgram.connection) }),
            let count = header.withUnsafeBytes({ bytes -> Int? in
                var header = MessageReader(bytes)
                return header.size()
            }), count <= ReadRequest.largest
        else { return nil }
        var message = [UInt8](repeating: 0, count: count)
        guard message.withUnsafeMutableBytes({ receiveAll($0, from: ReaderProgram.connection) }) else { return nil }
        return message.withUnsafeBytes { ReadRequest($0) }
    }

    /// The library is closed before anything is sent: an answer is that of a process whose work is done.
    private static func serve(_ request: ReadRequest, _ file: PlacedFile) {
        limit(RLIMIT_CPU.rawValue, request.seconds)
        do {
            switch request.work {
            case .list:
                limit(RLIMIT_AS.rawValue, memoryInUse() + ReadRequest.memory + ReadRequest.mostListed)
                let list = try withLibrary(reading: file) { try Catalogue(of: $0, name: request.file).message }
                guard list.count <= ReadRequest.mostListed else {
                    throw ToolError.data(request.file, "", "has too many data sets")
                }
                list.withUnsafeBytes { send(ReadRequest.answered, $0) }
            case .values(let dataset):
                let size = dataset.count * MemoryLayout<Float>.stride
                limit(RLIMIT_AS.rawValue, memoryInUse() + ReadRequest.memory + size)
                guard let start = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
                    start != MAP_FAILED
                else { throw ToolError.system(.systemError, request.file, "no memory to read it", errno: errno) }
                let values = UnsafeMutableRawBufferPointer(start: start, count: size)
                try withLibrary(reading: file) { try readFloats(dataset, of: $0, name: request.file, into: values) }
                send(ReadRequest.answered, UnsafeRawBufferPointer(values))
            }
        } catch {
            let refusal = error as? ToolError ?? ToolError(.software, "\(request.file): \(error)")
            let text = Array(refusal.description.utf8.prefix(ReadRequest.mostRefused))
            text.withUnsafeBytes { send(ReadRequest.refused, status: Int(refusal.status.rawValue), $0) }
        }
    }

    /// Sends an answer; without an other end, ends the process.
    private static func send(_ outcome: Int, status: Int = 0, _ bytes: UnsafeRawBufferPointer) {
        var header = MessageWriter()
        for number in [outcome, status, bytes.count] { header.append(number) }
        guard header.bytes.withUnsafeBytes({ sendAll($0, to: ReaderProgram.connection) }),
            sendAll(bytes, to: ReaderProgram.connection)
        else { _exit(ExitStatus.ioError.rawValue) }
    }

    private static func limit(_ resource: __rlimit_resource.RawValue, _ value: Int) {
        var limit = rlimit()
        let resource = __rlimit_resource_t(resource)
        guard getrlimit(resource, &limit) == 0 else { return }
        limit.rlim_cur = min(limit.rlim_cur, limit.rlim_max, rlim_t(clamping: value))
        setrlimit(resource, &limit)
    }

    /// Bytes of address space that this process has.
    private static func memoryInUse() -> Int {
        let file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return memoryLimit() }
        defer { close(file) }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
            guard let start = buffer.baseAddress, case let count = read(file, start, 127), count > 0 else { return memoryLimit() }
            start[count] = 0
            return strtol(start, nil, 10) * sysconf(CInt(_SC_PAGESIZE))
        }
    }
    #endif
}
