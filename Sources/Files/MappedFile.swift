import Glibc

/// A regular file in memory without loading it: pages come from disk when they are touched.
public final class MappedFile: @unchecked Sendable {
    public let name: String
    public let bytes: UnsafeRawBufferPointer

    /// Throws `ToolError` with status `noInput`; a pipe cannot be mapped.
    public init(path: String) throws {
        name = path
        // A pipe is no file to map, and must not be waited for.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw ToolError.system(.noInput, path, "cannot open", errno: errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw ToolError(.noInput, "\(path): is not a regular file, and must be one to be mapped")
        }
        let size = Int(status.st_size)
        if size == 0 {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
            throw ToolError.system(.ioError, path, "cannot map", errno: errno)
        }
        bytes = UnsafeRawBufferPointer(start: start, count: size)
    }

    /// Gives back the memory of what has been read; it comes from the file again when it is touched.
    public func release() {
        if let start = bytes.baseAddress { madvise(UnsafeMutableRawPointer(mutating: start), bytes.count, MADV_DONTNEED) }
    }

    deinit {
        if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
    }
}
