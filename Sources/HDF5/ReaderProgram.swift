#if HDF5
import Files
import Glibc
import Synchronization

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
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.assumingMemoryBound(to: CChar.self).baseAddress.map { readlink(this, $0, bytes.count) } ?? 0
        }
        guard count > 0 else { throw ToolError.system(.unavailable, file, "cannot be read without \(this)", errno: errno) }
        let path = String(fileName: buffer[..<count])
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
