public import Files
internal import Glibc

/// An MPI library that is opened while the program runs: Open MPI, MPICH and all with its interface (Intel MPI, Cray MPICH,
/// MVAPICH), or any with the standard interface of MPI 5.
///
/// No header is needed, because little is asked of it: bytes are sent and received. Between the interfaces only the handles of the
/// communicator, of bytes and of two further things differ, the size of a request, and the numbers of thread levels.
struct MPILibrary: @unchecked Sendable {
    /// A handle: an address, or a number in its lower half.
    typealias Handle = UInt

    let name: String
    let interface: Interface
    let world, bytes, errorsReturn: Handle
    /// Where a request that is over points, or what it is.
    let nullRequest: Handle

    private let initThread: @convention(c) (UnsafeMutablePointer<CInt>?, UnsafeMutableRawPointer?, CInt, UnsafeMutablePointer<CInt>) -> CInt
    private let finalize: @convention(c) () -> CInt
    private let abort: @convention(c) (Handle, CInt) -> CInt
    private let commRank, commSize: @convention(c) (Handle, UnsafeMutablePointer<CInt>) -> CInt
    private let setErrorHandler: @convention(c) (Handle, Handle) -> CInt
    private let getError: @convention(c) (CInt, UnsafeMutablePointer<CChar>, UnsafeMutablePointer<CInt>) -> CInt
    private let getVersion: @convention(c) (UnsafeMutablePointer<CChar>, UnsafeMutablePointer<CInt>) -> CInt
    private let isend, irecv: @convention(c) (
        UnsafeMutableRawPointer?, CInt, Handle, CInt, CInt, Handle, UnsafeMutableRawPointer
    ) -> CInt
    private let test: @convention(c) (UnsafeMutableRawPointer, UnsafeMutablePointer<CInt>, UnsafeMutableRawPointer?) -> CInt

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

        /// What stands for a status that nobody wants.
        var ignoredStatus: UnsafeMutableRawPointer? { self == .mpich ? UnsafeMutableRawPointer(bitPattern: 1) : nil }
    }

    /// Opens the library that belongs to a launcher, or the one at `path`.
    ///
    /// Throws `ToolError`, `unavailable`, if there is none, or it cannot be opened, or is no MPI library.
    init(for launcher: Launcher, path: String?) throws(ToolError) {
        if let path {
            switch SharedLibrary.open(path, isGlobal: true) {
            case .opened(let library): try self.init(library)
            case .failed(let why): throw ToolError(.unavailable, "\(path): cannot be opened: \(why)")
            case .missing: throw ToolError(.unavailable, "\(path): is not there; --mpi-library names a library of MPI, such as libmpi.so.40")
            }
            return
        }
        let order: [Interface] = switch launcher.family {
        case .openMPI, .pmix: [.openMPI, .standard, .mpich]
        case .mpich: [.mpich, .standard, .openMPI]
        }
        var failure: String?
        for name in order.flatMap(\.names) {
            switch SharedLibrary.open(name, isGlobal: true) {
            case .opened(let library): return try self.init(library)
            case .failed(let why): failure = failure ?? "\(name) cannot be opened: \(why)"
            case .missing: break
            }
        }
        let package = launcher.family == .mpich ? "libmpich12" : "libopenmpi40"
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
        test = try function("MPI_Test")
        func address(_ symbol: String) -> Handle { Handle(bitPattern: library.address(of: symbol)) }
        if library.address(of: "ompi_mpi_comm_world") != nil {
            interface = .openMPI
            (world, bytes) = (address("ompi_mpi_comm_world"), address("ompi_mpi_byte"))
            (errorsReturn, nullRequest) = (address("ompi_mpi_errors_return"), address("ompi_request_null"))
        } else if library.address(of: "MPI_Abi_get_version") != nil && library.name.contains("abi") {
            interface = .standard
            (world, bytes, errorsReturn, nullRequest) = (0x101, 0x247, 0x142, 0x180)
        } else {
            interface = .mpich
            (world, bytes, errorsReturn, nullRequest) = (0x4400_0000, 0x4c00_010d, 0x5400_0001, 0x2c00_0000)
        }
    }
}

// MARK: - Calls, each by the thread that called `begin`

extension MPILibrary {
    /// Begins, with calls from this thread alone. Throws `ToolError`, `unavailable`.
    func begin() throws(ToolError) {
        var provided: CInt = 0
        try check(initThread(nil, nil, interface.funnelled, &provided), "MPI_Init_thread")
        guard provided >= interface.funnelled else {
            throw ToolError(.unavailable, "\(name): was built without threads, and messages travel beside the arithmetic")
        }
        try check(setErrorHandler(world, errorsReturn), "MPI_Comm_set_errhandler")
    }

    func end() { _ = finalize() }

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
        var text = [CChar](repeating: 0, count: 8193), length: CInt = 0
        guard getVersion(&text, &length) == 0 else { return name }
        let line = text.prefix { $0 != 0 && $0 != 10 && $0 != 44 }
        return String(decoding: line.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Begins to send bytes, at most `mostBytes`; `request` has room for `requestSize` bytes.
    func send(_ start: UnsafeRawPointer, _ count: Int, to rank: Int, tag: Int, _ request: UnsafeMutableRawPointer) throws(ToolError) {
        let start = UnsafeMutableRawPointer(mutating: start)
        try check(isend(start, CInt(count), bytes, CInt(rank), CInt(tag), world, request), "MPI_Isend")
    }

    /// Begins to receive as many bytes as are sent.
    func receive(_ start: UnsafeMutableRawPointer, _ count: Int, from rank: Int, tag: Int, _ request: UnsafeMutableRawPointer) throws(ToolError) {
        try check(irecv(start, CInt(count), bytes, CInt(rank), CInt(tag), world, request), "MPI_Irecv")
    }

    /// True if what a request stands for is done.
    func isDone(_ request: UnsafeMutableRawPointer) throws(ToolError) -> Bool {
        var flag: CInt = 0
        try check(test(request, &flag, interface.ignoredStatus), "MPI_Test")
        return flag != 0
    }

    /// Bytes of one message at most.
    static let mostBytes = 1 << 30

    private func check(_ code: CInt, _ call: String) throws(ToolError) {
        guard code != 0 else { return }
        var text = [CChar](repeating: 0, count: 513), length: CInt = 0
        let known = getError(code, &text, &length) == 0
        let reason = known ? String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) : "error \(code)"
        throw ToolError(.unavailable, "\(call): \(reason)")
    }
}
