import Glibc

/// An output of a tool: a file that appears whole under its name or not at all, or standard output.
///
/// The bytes go to a temporary file beside the target, which `commit` renames. If the process is interrupted, or the object is
/// destroyed before `commit`, the temporary file is removed, and an existing file with the target's name is not changed. The new
/// file gets the permissions of the file it replaces, and a link to that file stays a link.
public final class OutputFile {
    /// The user's name for the output, for messages.
    public let name: String
    /// Path of the file with all links resolved; `nil` for a descriptor opened by others.
    private let path: String?
    private let temporary: TemporaryName?
    private var descriptor: Int32
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
    private var buffered = 0
    /// Escapes text written to a terminal, because words from files could contain control sequences.
    private var filter: TerminalFilter?
    /// Number of bytes accepted so far.
    public private(set) var bytesWritten = 0

    /// Opens the output.
    /// - `path`: the file to create; `-` is standard output.
    /// - `name`: the name in messages, if it differs from the path.
    /// - `binary`: true to refuse a terminal, with status `usage`.
    /// - `grows`: true to write under the final name from the start, as for a log that users follow.
    /// - `appends`: true to continue after the existing contents of a growing file.
    /// - Throws: `ToolError`: `cannotCreate` if the file cannot be created there, `inUse` if another process writes to a growing
    ///   file.
    public init(path: String, name shown: String? = nil, binary: Bool, grows: Bool = false, appends: Bool = false) throws {
        // Once all properties are set, an initialiser that throws runs deinit, which cleans up.
        guard !path.isEmpty else { throw ToolError(.cannotCreate, "the name of the output is empty; - is standard output") }
        let place = try OutputPlace(path)
        let title = shown ?? (path == "-" ? "standard output" : path)
        name = title
        switch place {
        case .descriptor(let number):
            (self.path, temporary, descriptor) = (nil, nil, number)
            let flags = fcntl(number, F_GETFD)
            guard flags >= 0 else { throw ToolError.system(.cannotCreate, title, "cannot create", errno: errno) }
            // Descriptors that this process opened are close-on-exec; those of the caller are not.
            guard flags & FD_CLOEXEC == 0 else { throw ToolError.system(.cannotCreate, title, "cannot create", errno: EBADF) }
        case .device(let file),
            .file(let file) where grows:
            let creation = grows ? O_CREAT | (appends ? O_APPEND : 0) : 0
            (self.path, temporary, descriptor) = (file, nil, file.withFileName { Glibc.open($0, O_WRONLY | O_CLOEXEC | O_NOCTTY | creation, 0o666) })
            guard descriptor >= 0 else { throw ToolError.system(.cannotCreate, path, "cannot create", errno: errno) }
            guard case .file = place else { break }
            // Two processes would mix their lines. A file system without locks cannot detect that.
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
                throw ToolError(.inUse, "\(path): another process is writing this file")
            }
            if !appends { ftruncate(descriptor, 0) }
        case .file(let file):
            // A private file must not be replaced by one that others can read.
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

    /// Writes to an open file, which the caller closes.
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

    /// Appends bytes. Throws `ToolError` with status `ioError`, for example on a full disk.
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

    /// Appends bytes. Throws `ToolError` with status `ioError`.
    public func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

    /// Appends text as UTF-8. Throws `ToolError` with status `ioError`.
    public func write(_ text: String) throws {
        var text = text
        try text.withUTF8 { try write(UnsafeRawBufferPointer($0)) }
    }

    /// Passes buffered bytes to the system, so that a reader of a pipe gets them now. Throws `ToolError` with status `ioError`.
    public func flush() throws {
        try writeAll(UnsafeRawBufferPointer(rebasing: buffer[..<buffered]))
        buffered = 0
    }

    /// Overwrites bytes at the start, for formats whose header is known last. Throws `ToolError` with status `usage` if that is
    /// impossible, for example on a pipe.
    public func overwriteStart(_ bytes: [UInt8]) throws {
        try flush()
        guard pwrite(descriptor, bytes, bytes.count, 0) == bytes.count else {
            if errno == ESPIPE { throw ToolError(.usage, "\(name): this format needs a file, not a pipe; use -o FILE") }
            throw failure("cannot write")
        }
    }

    /// True if the output is a file that appears by `commit`, so that its bytes can be addressed by offset.
    public var hasPlaces: Bool { temporary != nil }

    /// Writes bytes at an offset, which may lie beyond the end, for formats that are not written in order; such formats must use
    /// nothing else. Requires `hasPlaces`. Throws `ToolError` with status `ioError`.
    public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
        bytesWritten += bytes.count
        try writeEvery(bytes, at: offset)
    }

    /// Reads what has been written at an offset; zeros where nothing has. Throws `ToolError` with status `ioError`.
    public func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        guard let filled = readPlace(descriptor, at: offset, into: buffer) else { throw failure("cannot read") }
        UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]).initializeMemory(as: UInt8.self, repeating: 0)
    }

    /// Truncates the file, or extends it with zeros. Throws `ToolError` with status `ioError`.
    public func resize(to size: Int) throws {
        guard ftruncate(descriptor, size) == 0 else { throw failure("cannot write") }
    }

    /// Writes everything to disk, so that `commit` needs no more space: for outputs that must appear together or not at all.
    /// Nothing may be written afterwards. Throws `ToolError` with status `ioError`.
    public func prepare() throws {
        try flush()
        guard path != nil, descriptor >= 0 else { return }
        if temporary != nil {
            // Stays open, and therefore locked, until it has its name.
            guard fsync(descriptor) == 0 else { throw failure("cannot write") }
            return
        }
        unlock()
        let closed = close(descriptor)
        descriptor = -1
        guard closed == 0 else { throw failure("cannot write") }
    }

    /// Completes the output: everything is written to disk, and the file gets its name. Throws `ToolError`: `ioError`,
    /// `cannotCreate`, or `dataError` if an input has changed meanwhile (`FileOrigin`).
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

    /// Unlocks the file before closing it: a forked child may hold it open for a moment longer.
    private func unlock() { flock(descriptor, LOCK_UN) }

    private func writeAll(_ bytes: UnsafeRawBufferPointer) throws {
        guard let escaped = filter?.escaped(bytes) else { return try writeEvery(bytes) }
        try escaped.withUnsafeBytes { try writeEvery($0) }
    }

    /// - Parameter offset: offset in the file; `nil` means after the last write.
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

/// Text made safe for a terminal: control characters except tabs and line ends are shown as numbers.
private struct TerminalFilter {
    /// True if the last byte was the first byte of a control character beyond ASCII.
    private var isPending = false

    /// Escapes the next bytes of UTF-8, which may start and end anywhere.
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
