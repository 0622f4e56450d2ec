import Glibc

/// An output of a tool: a file that appears whole under its name or not at all, or standard output.
///
/// The bytes go to a temporary file beside the target, which `commit` renames. If the process is interrupted, or the
/// object dies before `commit`, the temporary file is removed and an earlier file of that name stays as it was. The new file has
/// the permissions of one that it replaces, and a link to it stays a link.
public final class OutputFile {
    /// The user's name for it, for messages.
    public let name: String
    /// The file itself, behind all links; `nil` for a descriptor that others opened.
    private let path: String?
    private let temporary: TemporaryName?
    private var descriptor: Int32
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
    private var buffered = 0
    /// Escapes text that goes onto a terminal, which words out of files could otherwise command.
    private var filter: TerminalFilter?
    /// Bytes accepted so far.
    public private(set) var bytesWritten = 0

    /// - Parameters:
    ///   - path: the file to make; `-` is standard output.
    ///   - name: the name in messages, if it is not the path.
    ///   - binary: true if a terminal is to be refused, with status `usage`.
    ///   - grows: true to write under the name itself from the start, as for a log that people watch.
    ///   - appends: true to begin behind what a growing file has already.
    /// Throws `ToolError`: `cannotCreate` if the file cannot be made there, `inUse` if another process writes a growing one.
    public init(path: String, name shown: String? = nil, binary: Bool, grows: Bool = false, appends: Bool = false) throws {
        // From the point where all properties are set, a throwing init runs deinit too, which cleans up.
        guard !path.isEmpty else { throw ToolError(.cannotCreate, "the name of the output is empty; - is standard output") }
        let place = try OutputPlace(path)
        let title = shown ?? (path == "-" ? "standard output" : path)
        name = title
        switch place {
        case .descriptor(let number):
            (self.path, temporary, descriptor) = (nil, nil, number)
            let flags = fcntl(number, F_GETFD)
            guard flags >= 0 else { throw ToolError.system(.cannotCreate, title, "cannot create", errno: errno) }
            // What this process has opened itself is closed in others, and none of the caller's.
            guard flags & FD_CLOEXEC == 0 else { throw ToolError.system(.cannotCreate, title, "cannot create", errno: EBADF) }
        case .device(let file),
            .file(let file) where grows:
            let creation = grows ? O_CREAT | (appends ? O_APPEND : 0) : 0
            (self.path, temporary, descriptor) = (file, nil, file.withFileName { Glibc.open($0, O_WRONLY | O_CLOEXEC | O_NOCTTY | creation, 0o666) })
            guard descriptor >= 0 else { throw ToolError.system(.cannotCreate, path, "cannot create", errno: errno) }
            guard case .file = place else { break }
            // Two processes would mix their lines. A file system without locks cannot tell.
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
                throw ToolError(.inUse, "\(path): another process is writing this file")
            }
            if !appends { ftruncate(descriptor, 0) }
        case .file(let file):
            // Nobody may read what replaces a file of theirs only.
            var status = stat()
            let mode = file.withFileName({ stat($0, &status) }) == 0 ? status.st_mode & 0o777 : nil
            let made = TemporaryName.make(beside: file) {
                Glibc.open($0, O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL, mode == nil ? 0o666 : 0o600)
            }
            guard let made else {
                let code = errno
                (self.path, temporary, descriptor) = (nil, nil, -1)
                throw ToolError.system(.cannotCreate, path, "cannot create", errno: code)
            }
            (self.path, temporary, descriptor) = (file, made.name, made.descriptor)
            if let mode { fchmod(descriptor, mode) }
        }
        guard isatty(descriptor) == 1 else { return }
        filter = TerminalFilter()
        if binary {
            throw ToolError(.usage, "\(title) is a terminal and the output is binary; use -o FILE, a pipe, or --print")
        }
    }

    /// Writes to a file that is open already and stays so.
    init(name: String, descriptor: Int32) {
        self.name = name
        path = nil
        temporary = nil
        self.descriptor = descriptor
    }

    deinit {
        if path != nil && descriptor >= 0 {
            unlock()
            close(descriptor)
        }
        temporary?.remove()
        buffer.deallocate()
    }

    /// Appends bytes. Throws `ToolError` with status `ioError`, on a full disk for example.
    public func write(_ bytes: UnsafeRawBufferPointer) throws {
        bytesWritten += bytes.count
        if buffered + bytes.count > buffer.count { try flush() }
        if bytes.count >= buffer.count {
            try writeAll(bytes)
        } else {
            UnsafeMutableRawBufferPointer(rebasing: buffer[buffered...]).copyMemory(from: bytes)
            buffered += bytes.count
        }
    }

    public func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

    public func write(_ text: String) throws {
        var text = text
        try text.withUTF8 { try write(UnsafeRawBufferPointer($0)) }
    }

    /// Hands what is buffered to the system, so that a reader downstream sees it now.
    public func flush() throws {
        try writeAll(UnsafeRawBufferPointer(rebasing: buffer[..<buffered]))
        buffered = 0
    }

    /// Replaces bytes at the start, for formats whose header is known last. Throws `ToolError` with status `usage` where
    /// that cannot be done, on a pipe for example.
    public func overwriteStart(_ bytes: [UInt8]) throws {
        try flush()
        guard pwrite(descriptor, bytes, bytes.count, 0) == bytes.count else {
            if errno == ESPIPE { throw ToolError(.usage, "\(name): this format needs a file, not a pipe; use -o FILE") }
            throw failure("cannot write")
        }
    }

    /// True if it is a file that appears by `commit`, so that its bytes have places.
    public var hasPlaces: Bool { temporary != nil }

    /// Writes bytes at a place, beyond the end too, for formats that are not written in order (which use nothing else).
    /// Only if it `hasPlaces`. Throws `ToolError` with status `ioError`.
    public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
        bytesWritten += bytes.count
        try writeEvery(bytes, at: offset)
    }

    /// Reads what has been written at a place; zeros where nothing has. Throws `ToolError` with status `ioError`.
    public func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        guard let filled = readPlace(descriptor, at: offset, into: buffer) else { throw failure("cannot read") }
        UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]).initializeMemory(as: UInt8.self, repeating: 0)
    }

    /// Cuts the file, or lengthens it with zeros. Throws `ToolError` with status `ioError`.
    public func resize(to size: Int) throws {
        guard ftruncate(descriptor, size) == 0 else { throw failure("cannot write") }
    }

    /// Writes everything to the disk, so that `commit` needs no more room: for outputs that appear together, or not at all. Nothing
    /// may be written after it. Throws `ToolError` with status `ioError`.
    public func prepare() throws {
        try flush()
        guard path != nil, descriptor >= 0 else { return }
        if temporary != nil {
            // Stays open, and so locked, until it has its name.
            guard fsync(descriptor) == 0 else { throw failure("cannot write") }
            return
        }
        unlock()
        let closed = close(descriptor)
        descriptor = -1
        guard closed == 0 else { throw failure("cannot write") }
    }

    /// Makes the output final: everything written, on disk, and under its name. Throws `ToolError`: `ioError`, `cannotCreate`;
    /// `dataError` if what it was made from has changed meanwhile (`FileOrigin`).
    public func commit() throws {
        try FileOrigin.checkUnchanged()
        try prepare()
        guard let path, let temporary else { return }
        guard temporary.rename(to: path) else {
            throw ToolError.system(.cannotCreate, path, "cannot rename to it", errno: errno)
        }
        temporary.forget()
        close(descriptor)
        descriptor = -1
    }

    /// Unlocks the file before it is closed: a process that was forked from this one may hold it open for a moment longer.
    private func unlock() { flock(descriptor, LOCK_UN) }

    private func writeAll(_ bytes: UnsafeRawBufferPointer) throws {
        guard let escaped = filter?.escaped(bytes) else { return try writeEvery(bytes) }
        try escaped.withUnsafeBytes { try writeEvery($0) }
    }

    /// - Parameter offset: the place in the file; `nil` is behind what was written last.
    private func writeEvery(_ bytes: UnsafeRawBufferPointer, at offset: Int? = nil) throws {
        var done = 0
        while done < bytes.count {
            let start = bytes.baseAddress.map { $0 + done }, rest = bytes.count - done
            let count = offset.map { pwrite(descriptor, start, rest, $0 + done) } ?? Glibc.write(descriptor, start, rest)
            if count >= 0 { done += count } else if errno != EINTR { throw failure("cannot write") }
        }
    }

    private func failure(_ doing: String) -> ToolError { .system(.ioError, name, doing, errno: errno) }
}

/// Text as a terminal may have it: control characters, but for tabs and ends of lines, are shown as their numbers.
private struct TerminalFilter {
    /// True if the last byte was the one with which control characters beyond ASCII begin.
    private var isPending = false

    /// The next bytes of UTF-8, which may begin and end anywhere.
    mutating func escaped(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        for byte in bytes {
            let isBeyondASCII = isPending && (0x80..<0xA0).contains(byte)
            if isPending && !isBeyondASCII { result.append(0xC2) }
            isPending = byte == 0xC2
            if isBeyondASCII || byte < 0x20 && byte != 0x09 && byte != 0x0A || byte == 0x7F {
                result += "\\u{\(String(byte, radix: 16))}".utf8
            } else if !isPending {
                result.append(byte)
            }
        }
        return result
    }
}
