internal import Files
internal import Glibc

/// An MPI library opened at run time: Open MPI, MPICH and all with its interface (Intel MPI, Cray MPICH, MVAPICH), or any with the
/// standard interface of MPI 5.
///
/// Only sending and receiving bytes is needed, so no header is. The interfaces differ only in the handles of the communicator, of
/// bytes and of the error mode, in the sizes of a request and a status, and in the numbers of thread levels.
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

    /// The conventions for a library's handles.
    enum Interface: Sendable {
        case openMPI, mpich, standard

        /// Names of the libraries with the interface.
        var names: [String] {
            switch self {
            case .openMPI: ["libmpi.so.40"]
            case .mpich: ["libmpich.so.12", "libmpi.so.12"]
            case .standard: ["libmpi_abi.so.1", "libmpi_abi.so.0"]
            }
        }

        /// Size of a request in bytes.
        var requestSize: Int { self == .mpich ? 4 : 8 }

        /// The thread level at which only the thread that initialised the library makes calls.
        var funnelled: CInt { self == .standard ? 1024 : 1 }

        /// Size of a status in bytes, and offset of the error in it.
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
    /// Throws `ToolError` with status `unavailable` if there is none, if it cannot be opened or is not an MPI library, or if the
    /// process has one already.
    init(for launcher: Launcher, path: String?) throws(ToolError) {
        // Two libraries would call each other's functions, which have the same names.
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

    /// Looks up the functions and handles of a library. Throws `ToolError` with status `unavailable` if one is missing.
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
            // Recognised by name only, because MPICH's own library also has the functions of the standard interface.
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
    /// Initialises the library for calls from this thread only. Throws `ToolError` with status `unavailable`.
    /// - Parameter bytes: size of the longest message.
    func begin(longestMessage bytes: Int) throws(ToolError) {
        // Send messages without a handshake. From some size on, a library would ask the receiver first, and the answer would come
        // after everything else sent on the same connection: two ranks that send each other much would take turns, and get half of
        // the network. Settings of the user take precedence.
        let limit = String(max(bytes, 1 << 16) + 1024)
        for name in ["UCX_RNDV_THRESH", "OMPI_MCA_btl_tcp_eager_limit", "OMPI_MCA_btl_tcp_rndv_eager_limit"] { setenv(name, limit, 0) }
        var provided: CInt = 0
        // The library must not replace the program's signal handlers: Open MPI and UCX print their own crash reports.
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

    /// Ends the library. All ranks must call it.
    func end() {
        _ = barrier(world)
        if !hangsAtItsEnd || !sayGoodbyeToHydra() { _ = finalize() }
    }

    /// True if a rank may wait for ever for an answer from a rank that is further ahead in ending: MPICH before 4.2 over UCX. The
    /// rank ahead waits for all ranks in a call that answers nobody (github.com/pmodels/mpich/pull/6596). With 4.0.2 over TCP,
    /// ranks that end a tenth of a second apart always hang, and ranks that end after a barrier do so one time in twenty on a busy
    /// machine.
    private var hangsAtItsEnd: Bool {
        let text = wholeVersion()
        guard interface == .mpich, text.contains("ch4:ucx"), let start = text.firstRange(of: "MPICH Version:") else { return false }
        let numbers = text[start.upperBound...].drop { $0.isWhitespace }.prefix { !$0.isWhitespace }.split(separator: ".").map { Int($0) ?? 0 }
        return numbers.lexicographicallyPrecedes([4, 2])
    }

    /// Tells MPICH's process manager, in its protocol (PMI 1), that this process ends normally, as the library does after ending;
    /// otherwise the manager kills the other processes when this one exits. Returns false for any other manager.
    private func sayGoodbyeToHydra() -> Bool {
        guard getenv("MPI_LOCALNRANKS") != nil, let descriptor = getenv("PMI_FD").flatMap({ CInt(String(cString: $0)) }) else { return false }
        let message = "cmd=finalize\n"
        guard message.utf8.withContiguousStorageIfAvailable({ write(descriptor, $0.baseAddress, $0.count) }) == message.utf8.count else {
            return false
        }
        // The answer carries no information, but a process that exits before it arrives may be taken for killed.
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

    /// Returns the library's name and version in one line.
    func version() -> String {
        let line = wholeVersion().prefix { !$0.isNewline && $0 != "," }
        return line.split(whereSeparator: \.isWhitespace).filter { $0 != "Version:" }.joined(separator: " ")
    }

    /// Returns everything that the library reports about itself.
    private func wholeVersion() -> String {
        var text = [CChar](repeating: 0, count: 8193), length: CInt = 0
        guard getVersion(&text, &length) == 0 else { return name }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Starts to send bytes, fewer than 2 GiB; `request` has room for `requestSize` bytes.
    func send(_ start: UnsafeMutableRawPointer?, _ count: Int, to rank: Int, tag: Int, _ request: UnsafeMutableRawPointer) throws(ToolError) {
        try check(isend(start, CInt(count), bytes, CInt(rank), CInt(tag), world, request), "MPI_Isend")
    }

    /// Starts to receive as many bytes as are sent.
    func receive(_ start: UnsafeMutableRawPointer?, _ count: Int, from rank: Int, tag: Int, _ request: UnsafeMutableRawPointer) throws(ToolError) {
        try check(irecv(start, CInt(count), bytes, CInt(rank), CInt(tag), world, request), "MPI_Irecv")
    }

    /// Moves what can be moved, and reports which of `count` requests are done. Allocates nothing.
    /// - Parameters:
    ///   - places: gets the indices of finished requests, in any order.
    ///   - statuses: has room for `statusSize` bytes for each request.
    /// - Returns: the number of finished requests; after an error its code, and the index of its request if known.
    func test(
        _ count: Int, _ requests: UnsafeMutableRawPointer, places: UnsafeMutablePointer<CInt>, statuses: UnsafeMutableRawPointer
    ) -> (done: Int, error: CInt, place: Int?) {
        var done: CInt = 0
        let code = testSome(CInt(count), requests, &done, places, statuses)
        // Negative if no request was active.
        guard code != 0 else { return (max(0, Int(done)), 0, nil) }
        for index in 0..<max(0, min(count, Int(done))) {
            let error = statuses.load(fromByteOffset: index * interface.statusSize + interface.errorInStatus, as: CInt.self)
            if error != 0 { return (0, error, Int(places[index])) }
        }
        return (0, code, nil)
    }

    /// Throws `ToolError` with status `unavailable` and the library's text if `code` is an error.
    func check(_ code: CInt, _ call: String) throws(ToolError) {
        if code != 0 { throw ToolError(.unavailable, "\(call): \(text(of: code))") }
    }

    /// Returns the library's text for an error.
    func text(of code: CInt) -> String {
        var text = [CChar](repeating: 0, count: 513), length: CInt = 0
        guard getError(code, &text, &length) == 0 else { return "error \(code)" }
        let words = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return words.split(whereSeparator: \.isNewline).joined(separator: "; ")
    }
}
