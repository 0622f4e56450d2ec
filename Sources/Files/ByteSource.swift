import Glibc

/// A source of bytes in order: a file, a pipe, or a decompressor around one of them.
public protocol ByteSource: AnyObject {
    /// The user's name for the source, for messages: a path, or `standard input`.
    var name: String { get }

    /// Reads at most `buffer.count` bytes and returns their number, which is 0 only at the end. Throws `ToolError`: `ioError`, or
    /// `dataError` for damaged compressed input.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}

extension ByteSource {
    /// Reads until `buffer` is full or the input ends, and returns the number of bytes read.
    public func readFully(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        var filled = 0
        while filled < buffer.count {
            let count = try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            if count == 0 { break }
            filled += count
        }
        return filled
    }
}

/// A file or pipe, without decompression.
public final class FileSource: ByteSource {
    /// The user's name for the file.
    public let name: String
    private let descriptor: Int32
    private let ownsDescriptor: Bool

    /// Opens `path`; `-` is standard input. Throws `ToolError` with status `noInput`.
    public init(path: String) throws {
        if path == "-" {
            name = "standard input"
            descriptor = STDIN_FILENO
            ownsDescriptor = false
            return
        }
        name = path
        ownsDescriptor = true
        descriptor = path.withFileName { open($0, O_RDONLY | O_CLOEXEC) }
        // Once all properties are set, an initialiser that throws runs deinit, which closes the file.
        guard descriptor >= 0 else { throw ToolError.system(.noInput, path, "cannot open", errno: errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else {
            throw ToolError(.noInput, "\(path): is a directory")
        }
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
    }

    /// Reads an open file, which the caller closes.
    init(name: String, descriptor: Int32) {
        self.name = name
        self.descriptor = descriptor
        ownsDescriptor = false
    }

    deinit { if ownsDescriptor && descriptor >= 0 { close(descriptor) } }

    /// Size of a regular file, or `nil` for a pipe; for progress only.
    public var size: Int? {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int(status.st_size)
    }

    /// Returns a separate descriptor of a plain file from which nothing has been read; `nil` for anything else.
    func ownDescriptor() -> Int32? {
        guard size != nil, lseek(descriptor, 0, SEEK_CUR) == 0 else { return nil }
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        return copy >= 0 ? copy : nil
    }

    public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        while true {
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count >= 0 { return count }
            if errno != EINTR { throw ToolError.system(.ioError, name, "cannot read", errno: errno) }
        }
    }
}

/// Bytes in memory, for tests and for parsing headers.
public final class MemorySource: ByteSource {
    /// The name for messages.
    public let name: String
    private let bytes: [UInt8]
    private var position = 0

    /// Creates a source from bytes.
    public init(_ bytes: [UInt8], name: String = "memory") {
        self.bytes = bytes
        self.name = name
    }

    public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = min(buffer.count, bytes.count - position)
        bytes.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[position..<position + count])) }
        position += count
        return count
    }
}

/// A source whose first bytes have been examined.
public final class PeekedSource: ByteSource {
    /// The user's name for the source.
    public var name: String { source.name }
    /// The first bytes: at least as many as requested, or all there are.
    public let head: [UInt8]
    private let begun: MemorySource
    private let source: any ByteSource

    /// Reads at least `count` bytes ahead, or all there are. Throws `ToolError`.
    public convenience init(_ source: any ByteSource, count: Int) throws {
        var head = [UInt8](repeating: 0, count: count)
        let filled = try head.withUnsafeMutableBytes { try source.readFully(into: $0) }
        head.removeLast(count - filled)
        self.init(source, head: head)
    }

    /// Looks for one of several beginnings and reads no more than that takes, so that a user who types a line gets an answer to it.
    /// `head` includes what arrived together with the last byte needed.
    public convenience init(_ source: any ByteSource, oneOf magics: [[UInt8]]) throws {
        var head: [UInt8] = [], buffer = [UInt8](repeating: 0, count: max(4 << 10, magics.map(\.count).max() ?? 0))
        while magics.contains(where: { $0.count > head.count && $0.starts(with: head) }) {
            let room = buffer.count - head.count
            let count = try buffer.withUnsafeMutableBytes {
                try source.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[..<room]))
            }
            if count == 0 { break }
            head += buffer[..<count]
        }
        self.init(source, head: head)
    }

    private init(_ source: any ByteSource, head: [UInt8]) {
        self.head = head
        begun = MemorySource(head)
        self.source = source
    }

    public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = try begun.read(into: buffer)
        return count > 0 || buffer.isEmpty ? count : try source.read(into: buffer)
    }
}
