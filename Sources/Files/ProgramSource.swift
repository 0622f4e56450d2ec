import Glibc

/// Compressed data, decompressed by a program (such as `xz -dc`) that runs as a child process.
///
/// One thread does everything: it waits until the program has output or accepts input. The exit status is checked when the output
/// has ended. Destroying the object earlier ends the program.
final class ProgramSource: ByteSource {
    var name: String { source.name }
    private let source: any ByteSource
    private let compression: Compression
    private let process: pid_t
    private var isRunning = true
    /// This process's ends of the program's three standard streams; -1 for a closed one. They are sockets, because writing to one
    /// without a reader can be an error rather than a signal.
    private var input, output, errors: CInt
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 128 << 10, alignment: 16)
    /// Bytes that have been read from the source but not yet accepted by the program.
    private var pending = 0..<0
    /// The start of the program's standard error.
    private var message: [UInt8] = []
    private var failure: ToolError?

    /// Starts the program. Throws `ToolError`: `unavailable` if it is not on the PATH, or `systemError`.
    init(_ source: any ByteSource, _ compression: Compression) throws {
        self.source = source
        self.compression = compression
        let (process, streams) = try start(compression, reading: source.name)
        self.process = process
        (input, output, errors) = (streams[0], streams[1], streams[2])
    }

    deinit {
        close(&input)
        close(&output)
        close(&errors)
        if isRunning {
            kill(process, SIGKILL)
            _ = waitForEnd(of: process)
        }
        buffer.deallocate()
    }

    func read(into room: UnsafeMutableRawBufferPointer) throws -> Int {
        guard !room.isEmpty else { return 0 }
        while output >= 0 {
            let count = recv(output, room.baseAddress, room.count, CInt(MSG_DONTWAIT))
            if count > 0 { return count }
            if count == 0 {
                close(&output)
                break
            }
            guard errno == EAGAIN || errno == EINTR else {
                throw ToolError.system(.ioError, name, "cannot read from \(compression.program)", errno: errno)
            }
            // Negative descriptors are ignored.
            var streams = [
                pollfd(fd: output, events: Int16(POLLIN), revents: 0), pollfd(fd: errors, events: Int16(POLLIN), revents: 0),
                pollfd(fd: input, events: Int16(POLLOUT), revents: 0),
            ]
            guard poll(&streams, nfds_t(streams.count), -1) > 0 else {
                if errno == EINTR { continue }
                throw ToolError.system(.systemError, name, "cannot wait for \(compression.program)", errno: errno)
            }
            if streams[1].revents != 0 { try readMessage() }
            if streams[2].revents & Int16(POLLERR | POLLHUP) != 0 {
                close(&input)
            } else if streams[0].revents == 0 && streams[2].revents != 0 {
                // Reading more may take long, so existing output is returned first.
                try feed()
            }
        }
        try finish()
        return 0
    }

    /// Sends the program as much input as it accepts now, and closes its input at the end of the source or if it accepts no more.
    private func feed() throws {
        if pending.isEmpty {
            pending = 0..<(try source.read(into: buffer))
            guard !pending.isEmpty else { return close(&input) }
        }
        let rest = buffer[pending]
        let start = UnsafeRawBufferPointer(rebasing: rest).baseAddress
        let count = send(input, start, rest.count, CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT))
        if count >= 0 {
            pending = pending.lowerBound + count..<pending.upperBound
        } else if errno == EPIPE || errno == ECONNRESET {
            close(&input)
        } else if errno != EAGAIN && errno != EINTR {
            throw ToolError.system(.ioError, name, "cannot write to \(compression.program)", errno: errno)
        }
    }

    /// Waits for more of the program's standard error, or for its end.
    private func readMessage() throws {
        var piece = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(errors, &piece, piece.count)
        if count == 0 { close(&errors) }
        if count < 0 && errno != EINTR {
            throw ToolError.system(.ioError, name, "cannot read from \(compression.program)", errno: errno)
        }
        if message.count < piece.count { message += piece[..<max(0, count)] }
    }

    /// Called at the end of the output: the program's exit status tells whether the output is complete.
    private func finish() throws {
        if isRunning {
            close(&input)
            while errors >= 0 { try readMessage() }
            isRunning = false
            failure = refusal(waitForEnd(of: process))
        }
        if let failure { throw failure }
    }

    /// Returns the error that an exit status means; `nil` for success.
    private func refusal(_ status: CInt?) -> ToolError? {
        let program = compression.program
        guard let status else {
            return ToolError(.systemError, "\(name): the exit status of \(program), which unpacks it, is not known")
        }
        guard status != 0 else { return nil }
        let signal = status & 0x7F
        guard signal == 0 else {
            return ToolError(.systemError, "\(name): \(program), which unpacks it, was ended by signal \(signal)")
        }
        let lines = String(decoding: message, as: UTF8.self).split(whereSeparator: \.isNewline)
        var cause = lines.first.map { String($0) } ?? "status \(status >> 8)"
        for prefix in ["\(program): ", "(stdin): ", "/*stdin*\\ : ", "/*stdin*\\: "] where cause.hasPrefix(prefix) {
            cause.removeFirst(prefix.count)
        }
        while let last = cause.last, last == " " || last == ";" { cause.removeLast() }
        return .data(name, "", "the \(compression.rawValue) stream is damaged or cut short (\(program): \(cause))")
    }

    private func close(_ descriptor: inout CInt) {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }
}

/// Starts the decompressor and returns its process id and this process's ends of its three standard streams, which the caller
/// closes. Throws `ToolError`: `unavailable` or `systemError`.
private func start(_ compression: Compression, reading name: String) throws -> (process: pid_t, streams: [CInt]) {
    var own: [CInt] = [], child: [CInt] = [], isStarted = false
    defer { for descriptor in isStarted ? child : own + child { close(descriptor) } }
    for _ in 0..<3 {
        // Sockets, because they are created close-on-exec; pipes are not.
        var ends: [CInt] = [-1, -1]
        guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw ToolError.system(.systemError, name, "cannot make a pipe", errno: errno)
        }
        own.append(ends[0])
        child.append(ends[1])
    }
    // Signals that this process ignores or blocks must not be ignored or blocked in the program.
    let (process, error) = startProgram(
        compression.program, isOnPath: true, [compression.program] + compression.unpackingOptions,
        descriptors: (0..<3).map { (child[$0], CInt($0)) }, resetting: [SIGPIPE])
    guard error == 0 else {
        guard [ENOENT, ENOTDIR, EACCES].contains(error) else {
            throw ToolError.system(.systemError, name, "cannot start \(compression.program)", errno: error)
        }
        throw ToolError(
            .unavailable,
            "\(name): is compressed with \(compression.rawValue), and the program \(compression.program), which reads it, "
                + "is not here: apt install \(compression.package)")
    }
    isStarted = true
    return (process, own)
}
