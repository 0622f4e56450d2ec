internal import Files
internal import Glibc

/// An MPI library that is opened while the program runs: Open MPI, MPICH and all with its interface (Intel MPI, Cray MPICH,
/// MVAPICH), or any with the standard interface of MPI 5.
///
/// No header is needed, because little is asked of it: bytes are sent and received. Between the interfaces only the handles of the
/// communicator, of bytes and of the way of errors differ, the sizes of a request and a status, and the numbers of thread levels.
struct MPILibrary: @unchecked Sendable {
    /// A handle: an address, or a number in its lower half.
    typealias Handle = UInt

    let name: String
    let interface: Interface
    let world, bytes, errorsReturn: Handle

    private let initThread: @convention(c) (UnsafeMutablePointer<CInt>?, UnsafeMutableRawPointer?, CInt, UnsafeMutablePointer<CInt>) -> CInt
    private let finalize: @convention(c) () -> CInt
    private let barrier: @convention(c) (Handle) -> CInt
    private let abort: @convention(c) (Handle, CInt) -> CInt
    private let commRank, commSize: @convention(c) (Handle, UnsafeMutablePointer<CInt>) -> CInt
    private let setErrorHandler: @convention(c) (Handle, Handle) -> CInt
    private let getError: @convention(c) (CInt, UnsafeMutablePointer<CChar>, UnsafeMutablePointer<CInt>) -> CInt
    private let getVersion: @convention(c) (UnsafeMutablePointer<CChar>, UnsafeMutablePointer<CInt>) -> CInt
    private let isend, irecv: @convention(c) (
        UnsafeMutableRawPointer?, CInt, Handle, CInt, CInt, Handle, UnsafeMutableRawPointer
    ) -> CInt
    private let testSome: @convention(c) (
        CInt, UnsafeMutableRawPointer, UnsafeMutablePointer<CInt>, UnsafeMutablePointer<CInt>, UnsafeMutableRawPointer
    ) -> CInt

    /// The conventions of a library's handles.
    enum Interface: Sendable {
        case openMPI, mpich, standard

        /// Names under which libraries of the interface are found.
        var names: [String] {
            switch self {
            case .openMPI: ["libmpi.so.40"]
            case .mpich: ["libmpich.so.12", "libmpi.so.12"]
            case .standard: ["libmpi_abi.so.1", "libmpi_abi.so.0"]
            }
        }

        /// Bytes of a request.
        var requestSize: Int { self == .mpich ? 4 : 8 }

        /// The level of threads at which only the thread that began makes calls.
        var funnelled: CInt { self == .standard ? 1024 : 1 }

        /// Bytes of a status, and where in it the error is.
        var statusSize: Int {
            switch self {
            case .openMPI: 24
            case .mpich: 20
            case .standard: 32
            }
        }
        var errorInStatus: Int { self == .mpich ? 16 : 8 }
    }

    /// Opens the library that belongs to a launcher, or the one at `path`.
    ///
    /// Throws `ToolError`, `unavailable`, if there is none, or it cannot be opened, or is no MPI library, or if the process has one already.
    init(for launcher: Launcher, path: String?) throws(ToolError) {
        // Two would take each other's functions, for they have the same names.
        let other = SharedLibrary.fileInProcess(with: "MPI_Init_thread")
        let library = try Self.open(for: launcher, path: path)
        if let other, other != library.file(of: "MPI_Init_thread") {
            throw ToolError(.unavailable, "\(library.name): \(other) is in this process already, and two MPI libraries cannot be used at once")
        }
        try self.init(library)
    }

    private static func open(for launcher: Launcher, path: String?) throws(ToolError) -> SharedLibrary {
        if let path {
            switch SharedLibrary.open(path, isGlobal: true) {
            case .opened(let library): return library
            case .failed(let why): throw ToolError(.unavailable, "\(path): cannot be opened: \(why)")
            case .missing: throw ToolError(.unavailable, "\(path): is not there\(path.contains("/") ? "" : ": a name without / is looked for where libraries are"); --mpi-library names a library of MPI, such as libmpi.so.40")
            }
        }
        let order: [Interface] = switch launcher.family {
        case .openMPI, .pmix: [.openMPI, .standard, .mpich]
        case .mpich: [.mpich, .standard, .openMPI]
        }
        var failure: String?
        for name in order.flatMap(\.names) {
            switch SharedLibrary.open(name, isGlobal: true) {
            case .opened(let library): return library
            case .failed(let why): failure = failure ?? "\(name) cannot be opened: \(why)"
            case .missing: break
            }
        }
        let package = launcher.family == .mpich ? "mpich" : "openmpi-bin"
        throw ToolError(
            .unavailable,
            failure ?? "this process was started by mpiexec, and no MPI library is here (\(order[0].names[0])): apt install \(package), or "
                + "name one by --mpi-library")
    }

    /// Finds the functions and handles of a library. Throws `ToolError`, `unavailable`, if one is missing.
    private init(_ library: SharedLibrary) throws(ToolError) {
        func function<Function>(_ symbol: String) throws(ToolError) -> Function {
            guard let function: Function = library.function(symbol) else {
                throw ToolError(.unavailable, "\(library.name): is no MPI library: it has no \(symbol)")
            }
            return function
        }
        name = library.name
        initThread = try function("MPI_Init_thread")
        finalize = try function("MPI_Finalize")
        abort = try function("MPI_Abort")
        commRank = try function("MPI_Comm_rank")
        commSize = try function("MPI_Comm_size")
        setErrorHandler = try function("MPI_Comm_set_errhandler")
        getError = try function("MPI_Error_string")
        getVersion = try function("MPI_Get_library_version")
        isend = try function("MPI_Isend")
        irecv = try function("MPI_Irecv")
        testSome = try function("MPI_Testsome")
        barrier = try function("MPI_Barrier")
        func address(_ symbol: String) -> Handle { Handle(bitPattern: library.address(of: symbol)) }
        if library.address(of: "ompi_mpi_comm_world") != nil {
            interface = .openMPI
            (world, bytes) = (address("ompi_mpi_comm_world"), address("ompi_mpi_byte"))
            errorsReturn = address("ompi_mpi_errors_return")
        } else if library.name.utf8.split(separator: UInt8(ascii: "/")).last.map({ Substring($0).hasPrefix("libmpi_abi") }) ?? false {
            // Told by the name alone: MPICH has the functions of the standard interface in its own library, too.
            interface = .standard
            (world, bytes, errorsReturn) = (0x101, 0x247, 0x142)
        } else {
            interface = .mpich
            (world, bytes, errorsReturn) = (0x4400_0000, 0x4c00_010d, 0x5400_0001)
        }
    }
}

// MARK: - Calls, each by the thread that called `begin`

extension MPILibrary {
    /// Begins, with calls from this thread alone. Throws `ToolError`, `unavailable`.
    /// - Parameter bytes: the longest message.
    func begin(longestMessage bytes: Int) throws(ToolError) {
        // Messages are sent without asking. A library otherwise asks the receiver first, from some size on, and the answer comes behind all
        // that this one has been asked to send on the same connection: two ranks that send each other much take turns, and have half of
        // the network. What the user has set stays.
        let limit = String(max(bytes, 1 << 16) + 1024)
        for name in ["UCX_RNDV_THRESH", "OMPI_MCA_btl_tcp_eager_limit", "OMPI_MCA_btl_tcp_rndv_eager_limit"] { setenv(name, limit, 0) }
        var provided: CInt = 0
        // The library is not to take signals from the program: Open MPI and UCX print their own reports of a crash.
        var actions = [Glibc.sigaction](repeating: Glibc.sigaction(), count: 32)
        for number in 1..<32 { sigaction(CInt(number), nil, &actions[number]) }
        let code = initThread(nil, nil, interface.funnelled, &provided)
        for number in 1..<32 { sigaction(CInt(number), &actions[number], nil) }
        try check(code, "MPI_Init_thread")
        guard provided >= interface.funnelled else {
            throw ToolError(.unavailable, "\(name): was built without threads, and messages travel beside the arithmetic")
        }
        try check(setErrorHandler(world, errorsReturn), "MPI_Comm_set_errhandler")
    }

    /// Ends the library, when all ranks do.
    func end() {
        _ = barrier(world)
        if !hangsAtItsEnd || !sayGoodbyeToHydra() { _ = finalize() }
    }

    /// True if one rank's end may wait for ever for an answer of another that is further: MPICH before 4.2 over UCX. The one that is further
    /// waits for all ranks in a call that answers nobody (github.com/pmodels/mpich/pull/6596). With 4.0.2 over TCP, ranks that end a tenth
    /// of a second apart always hang, and ranks that end after a barrier one time in twenty on a busy machine.
    private var hangsAtItsEnd: Bool {
        let text = wholeVersion()
        guard interface == .mpich, text.contains("ch4:ucx"), let start = text.firstRange(of: "MPICH Version:") else { return false }
        let numbers = text[start.upperBound...].drop { $0.isWhitespace }.prefix { !$0.isWhitespace }.split(separator: ".").map { Int($0) ?? 0 }
        return numbers.lexicographicallyPrecedes([4, 2])
    }

    /// Tells MPICH's process manager, in its own protocol (PMI 1), that this process ends in good order, as the library does after its own
    /// end; otherwise the others are killed when this one exits. Returns false if it is another manager.
    private func sayGoodbyeToHydra() -> Bool {
        guard getenv("MPI_LOCALNRANKS") != nil, let descriptor = getenv("PMI_FD").flatMap({ CInt(String(cString: $0)) }) else { return false }
        let message = "cmd=finalize\n"
        guard message.utf8.withContiguousStorageIfAvailable({ write(descriptor, $0.baseAddress, $0.count) }) == message.utf8.count else {
            return false
        }
        // The answer; it has nothing to tell, and whoever exits before it comes may be taken for killed.
        var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0), answer = [UInt8](repeating: 0, count: 256)
        if poll(&ready, 1, 5_000) > 0 { _ = read(descriptor, &answer, answer.count) }
        return true
    }

    /// Ends all processes, if the library can.
    func endAll(status: CInt) { _ = abort(world, status) }

    func rank() throws(ToolError) -> Int {
        var rank: CInt = 0
        try check(commRank(world, &rank), "MPI_Comm_rank")
        return Int(rank)
    }

    func size() throws(ToolError) -> Int {
        var size: CInt = 0
        try check(commSize(world, &size), "MPI_Comm_size")
        return Int(size)
    }

    /// The library's name and version, one line.
    func version() -> String {
        let line = wholeVersion().prefix { !$0.isNewline && $0 != "," }
        return line.split(whereSeparator: \.isWhitespace).filter { $0 != "Version:" }.joined(separator: " ")
    }

    /// All that the library tells of itself.
    private func wholeVersion() -> String {
        var text = [CChar](repeating: 0, count: 8193), length: CInt = 0
        guard getVersion(&text, &length) == 0 else { return name }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Begins to send bytes, fewer than 2 GiB; `request` has room for `requestSize` bytes.
    func send(_ start: UnsafeMutableRawPointer?, _ count: Int, to rank: Int, tag: Int, _ request: UnsafeMutableRawPointer) throws(ToolError) {
        try check(isend(start, CInt(count), bytes, CInt(rank), CInt(tag), world, request), "MPI_Isend")
    }

    /// Begins to receive as many bytes as are sent.
    func receive(_ start: UnsafeMutableRawPointer?, _ count: Int, from rank: Int, tag: Int, _ request: UnsafeMutableRawPointer) throws(ToolError) {
        try check(irecv(start, CInt(count), bytes, CInt(rank), CInt(tag), world, request), "MPI_Irecv")
    }

    /// Moves what can be moved, and tells which of `count` requests are done. Allocates nothing.
    /// - Parameters:
    ///   - places: room for the places of those that are done, in any order.
    ///   - statuses: room for `statusSize` bytes for each request.
    /// - Returns: how many are done, and the code of an error with the place of its request, if that is known.
    func test(
        _ count: Int, _ requests: UnsafeMutableRawPointer, places: UnsafeMutablePointer<CInt>, statuses: UnsafeMutableRawPointer
    ) -> (done: Int, error: CInt, place: Int?) {
        var done: CInt = 0
        let code = testSome(CInt(count), requests, &done, places, statuses)
        // Less than none: there is no request that could be done.
        guard code != 0 else { return (max(0, Int(done)), 0, nil) }
        for index in 0..<max(0, min(count, Int(done))) {
            let error = statuses.load(fromByteOffset: index * interface.statusSize + interface.errorInStatus, as: CInt.self)
            if error != 0 { return (0, error, Int(places[index])) }
        }
        return (0, code, nil)
    }

    /// Throws `ToolError`, `unavailable`, with the library's words, if `code` is an error's.
    func check(_ code: CInt, _ call: String) throws(ToolError) {
        if code != 0 { throw ToolError(.unavailable, "\(call): \(text(of: code))") }
    }

    /// The text of an error, in the library's words.
    func text(of code: CInt) -> String {
        var text = [CChar](repeating: 0, count: 513), length: CInt = 0
        guard getError(code, &text, &length) == 0 else { return "error \(code)" }
        let words = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return words.split(whereSeparator: \.isNewline).joined(separator: "; ")
    }
}
