import Glibc
import Synchronization

/// A regular file in memory without loading it: pages come from disk when they are touched.
///
/// Who writes into such a file changes what this process reads. `checkUnchanged` notices that before an output gets its name; a
/// file that is cut short is SIGBUS before that.
public final class MappedFile: @unchecked Sendable {
    public let name: String
    public let bytes: UnsafeRawBufferPointer
    private let descriptor: CInt

    /// What a file was when it was opened.
    private struct Origin: Sendable {
        let name: String
        let descriptor: CInt
        let size, seconds, nanoseconds: Int

        var hasChanged: Bool {
            var now = stat()
            return fstat(descriptor, &now) == 0
                && (now.st_size != size || now.st_mtim.tv_sec != seconds || now.st_mtim.tv_nsec != nanoseconds)
        }
    }

    /// Of those that are mapped now.
    private static let origins = Mutex<[ObjectIdentifier: Origin]>([:])

    /// Throws `ToolError` with status `noInput`; a pipe cannot be mapped.
    public init(path: String) throws {
        // A pipe is no file to map, and must not be waited for.
        let descriptor = path.withFileName { open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
        guard descriptor >= 0 else { throw ToolError.system(.noInput, path, "cannot open", errno: errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw ToolError(.noInput, "\(path): is not a regular file, and must be one to be mapped")
        }
        let size = Int(status.st_size)
        let start = size == 0 ? nil : mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0)
        guard start != MAP_FAILED else {
            let code = errno
            close(descriptor)
            throw ToolError.system(.ioError, path, "cannot map", errno: code)
        }
        name = path
        bytes = UnsafeRawBufferPointer(start: start, count: size)
        self.descriptor = descriptor
        let origin = Origin(
            name: path, descriptor: descriptor, size: size, seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
        let key = ObjectIdentifier(self)
        Self.origins.withLock { $0[key] = origin }
    }

    /// Throws `ToolError` with status `dataError` if a file that is mapped now has been written to since it was opened.
    public static func checkUnchanged() throws {
        let changed = origins.withLock { $0.values.filter(\.hasChanged).map(\.name).min() }
        if let changed { throw ToolError(.dataError, "\(changed): was changed while it was being read; run this again") }
    }

    /// Gives back the memory of what has been read; it comes from the file again when it is touched.
    public func release() {
        if let start = bytes.baseAddress { madvise(UnsafeMutableRawPointer(mutating: start), bytes.count, MADV_DONTNEED) }
    }

    deinit {
        let key = ObjectIdentifier(self)
        Self.origins.withLock { _ = $0.removeValue(forKey: key) }
        if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
        close(descriptor)
    }
}
