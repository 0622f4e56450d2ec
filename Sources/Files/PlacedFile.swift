import Glibc

/// A plain file that is read at any place, by any thread. One that is written to meanwhile is noticed (`FileOrigin`).
public final class PlacedFile: Sendable {
    /// The user's name for it.
    public let name: String
    public let size: Int
    /// The open file, for handing it to another process; the object closes it.
    public let descriptor: Int32
    private let origin: FileOrigin

    /// The file behind a source of which nothing has been read; `nil` if it is a pipe, or no file at all.
    /// - Parameter isScattered: true if it will be read in no order.
    public convenience init?(_ source: any ByteSource, isScattered: Bool = true) {
        guard let source = source as? FileSource, let descriptor = source.ownDescriptor() else { return nil }
        self.init(name: source.name, descriptor: descriptor)
        // Rows of a table lie anywhere: what the system reads ahead is not what is wanted next.
        if isScattered { posix_fadvise(descriptor, 0, 0, POSIX_FADV_RANDOM) }
    }

    /// An open file, which the object closes; `nil` if it is no plain file.
    public init?(name: String, descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        self.name = name
        size = Int(status.st_size)
        self.descriptor = descriptor
        origin = FileOrigin(name: name, descriptor: descriptor)
    }

    deinit { close(descriptor) }

    /// Fills `buffer` from byte `offset` on. Throws `ToolError` (`ioError`, or `dataError` if the file ends before).
    public func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        guard let filled = readPlace(descriptor, at: offset, into: buffer) else {
            throw ToolError.system(.ioError, name, "cannot read", errno: errno)
        }
        guard filled == buffer.count else {
            throw ToolError.data(name, "byte \(offset + filled)", "the shard is cut short; make it again, or copy it again")
        }
    }

    /// Reads `count` bytes, which the caller knows to be few. Throws as the other `read`.
    public func read(at offset: Int, count: Int) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            try read(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
            initialized = count
        }
    }
}

/// The bytes of a file from a place on.
public final class PlacedSource: ByteSource {
    public var name: String { file.name }
    private let file: PlacedFile
    private var offset: Int

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

/// A regular file in memory without loading it: pages come from disk when they are touched. One that is written to meanwhile is
/// noticed (`FileOrigin`); one that is cut short is SIGBUS before that.
public final class MappedFile: @unchecked Sendable {
    public var name: String { file.name }
    public let bytes: UnsafeRawBufferPointer
    private let file: PlacedFile

    /// Throws `ToolError` with status `noInput`; a pipe cannot be mapped.
    public init(path: String) throws {
        // A pipe is no file to map, and must not be waited for.
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

    /// Gives back the memory of what has been read; it comes from the file again when it is touched.
    public func release() {
        if let start = bytes.baseAddress { madvise(UnsafeMutableRawPointer(mutating: start), bytes.count, MADV_DONTNEED) }
    }

    deinit {
        if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
    }
}

/// Reads at a place until `buffer` is full or the file ends, and returns how much there was; `nil` for an error, which is in `errno`.
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
