import Glibc

/// A plain file that any thread may read at any offset. Changes by others are detected (`FileOrigin`).
public final class PlacedFile: Sendable {
    /// The user's name for the file.
    public let name: String
    /// Size in bytes.
    public let size: Int
    /// Descriptor of the open file, for passing to another process; the object closes it.
    public let descriptor: Int32
    private let origin: FileOrigin

    /// Opens the file behind a source from which nothing has been read; `nil` if it is a pipe or not a file.
    /// - `isScattered`: true if it will be read in no particular order.
    public convenience init?(_ source: any ByteSource, isScattered: Bool = true) {
        guard let source = source as? FileSource, let descriptor = source.ownDescriptor() else { return nil }
        self.init(name: source.name, descriptor: descriptor)
        // Rows of a table lie anywhere, so the system's read-ahead would be useless.
        if isScattered { posix_fadvise(descriptor, 0, 0, POSIX_FADV_RANDOM) }
    }

    /// Takes over an open file, which the object closes; `nil` if it is not a plain file.
    public init?(name: String, descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        self.name = name
        size = Int(status.st_size)
        self.descriptor = descriptor
        origin = FileOrigin(name: name, descriptor: descriptor)
    }

    deinit { close(descriptor) }

    /// Fills `buffer` from byte `offset` on. Throws `ToolError`: `ioError`, or `dataError` if the file ends before.
    public func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        guard let filled = readPlace(descriptor, at: offset, into: buffer) else {
            throw ToolError.system(.ioError, name, "cannot read", errno: errno)
        }
        guard filled == buffer.count else {
            throw ToolError.data(name, "byte \(offset + filled)", "the shard is cut short; make it again, or copy it again")
        }
    }

    /// Reads `count` bytes, which must be few. Throws like the other `read`.
    public func read(at offset: Int, count: Int) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            try read(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
            initialized = count
        }
    }
}

/// The bytes of a file from an offset on.
public final class PlacedSource: ByteSource {
    /// The user's name for the file.
    public var name: String { file.name }
    private let file: PlacedFile
    private var offset: Int

    /// Creates a source that starts at byte `offset`.
    public init(_ file: PlacedFile, at offset: Int) {
        self.file = file
        self.offset = offset
    }

    public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = min(buffer.count, max(0, file.size - offset))
        try file.read(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
        offset += count
        return count
    }
}

/// A regular file mapped into memory: pages are loaded from disk when touched. Changes by others are detected (`FileOrigin`), but
/// touching a page of a truncated file raises SIGBUS before that.
public final class MappedFile: @unchecked Sendable {
    /// The user's name for the file.
    public var name: String { file.name }
    /// The contents, valid as long as the object lives.
    public let bytes: UnsafeRawBufferPointer
    private let file: PlacedFile

    /// Maps a file. Throws `ToolError` with status `noInput`, also for a pipe, which cannot be mapped.
    public init(path: String) throws {
        // Do not wait for the other end of a pipe.
        let descriptor = path.withFileName { open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
        guard descriptor >= 0 else { throw ToolError.system(.noInput, path, "cannot open", errno: errno) }
        guard let file = PlacedFile(name: path, descriptor: descriptor) else {
            close(descriptor)
            throw ToolError(.noInput, "\(path): is not a regular file, and must be one to be mapped")
        }
        let start = file.size == 0 ? nil : mmap(nil, file.size, PROT_READ, MAP_PRIVATE, descriptor, 0)
        guard start != MAP_FAILED else { throw ToolError.system(.ioError, path, "cannot map", errno: errno) }
        bytes = UnsafeRawBufferPointer(start: start, count: file.size)
        self.file = file
    }

    /// Releases the memory of pages that have been read; they are loaded again when touched.
    public func release() {
        if let start = bytes.baseAddress { madvise(UnsafeMutableRawPointer(mutating: start), bytes.count, MADV_DONTNEED) }
    }

    deinit {
        if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
    }
}

/// Reads at an offset until `buffer` is full or the file ends, and returns the number of bytes read; `nil` for an error, which is
/// in `errno`.
func readPlace(_ descriptor: Int32, at offset: Int, into buffer: UnsafeMutableRawBufferPointer) -> Int? {
    var filled = 0
    while filled < buffer.count {
        let count = pread(descriptor, buffer.baseAddress.map { $0 + filled }, buffer.count - filled, offset + filled)
        if count < 0 {
            if errno == EINTR { continue }
            return nil
        }
        if count == 0 { break }
        filled += count
    }
    return filled
}
