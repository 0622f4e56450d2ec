import Glibc

/// A regular file in memory without loading it: pages come from disk when they are touched.
///
/// A file that is written to meanwhile is noticed (`FileOrigin`); one that is cut short is SIGBUS before that.
public final class MappedFile: @unchecked Sendable {
    public let name: String
    public let bytes: UnsafeRawBufferPointer
    private let descriptor: CInt
    private let origin: FileOrigin

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
        origin = FileOrigin(name: path, descriptor: descriptor)
    }

    /// Throws `ToolError` with status `dataError` if the file has been written to since it was opened.
    public func checkUnchanged() throws { try origin.check() }

    /// Gives back the memory of what has been read; it comes from the file again when it is touched.
    public func release() {
        if let start = bytes.baseAddress { madvise(UnsafeMutableRawPointer(mutating: start), bytes.count, MADV_DONTNEED) }
    }

    deinit {
        if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
        close(descriptor)
    }
}
