import CLZ4
import CZlib

/// Opens `path` (`-` for standard input) and decompresses it. Compression is recognised by content, not by name.
///
/// gzip and LZ4 are decompressed by their libraries, xz, zstd and bzip2 by the programs of these names, and lzma by xz.
/// Concatenated members and frames form one stream. Throws `ToolError`: `noInput`, `ioError`, `dataError`, or `unavailable` if the
/// necessary program is missing.
public func openInput(_ path: String) throws -> any ByteSource {
    try decompressed(FileSource(path: path))
}

/// Decompresses `source` if its first bytes show that it is compressed. Throws `ToolError` like `openInput`; an archive, a document
/// or UTF-16 is a `dataError` that says so.
public func decompressed(_ source: any ByteSource) throws -> any ByteSource {
    let peeked = try PeekedSource(source, oneOf: knownBeginnings)
    guard let compression = Compression(head: peeked.head) else { return try checked(peeked) }
    let content: any ByteSource =
        switch compression {
        case .gzip: try GzipSource(peeked)
        case .lz4: try LZ4Source(peeked)
        case .xz, .lzma, .zstd, .bzip2: try ProgramSource(peeked, compression)
        }
    let inner = try PeekedSource(content, oneOf: knownBeginnings)
    if let second = Compression(head: inner.head) {
        throw ToolError.data(
            source.name, "",
            "is compressed twice, first with \(second.rawValue) and then with \(compression.rawValue); unpack it once first: "
                + compression.unpacking(source.name))
    }
    return try checked(inner, in: compression)
}

/// Returns all bytes of a small input, such as a file of options. Throws `ToolError`: `ioError`, or `dataError` if it is longer
/// than `limit`.
public func readSmall(_ source: any ByteSource, limit: Int = 1 << 20) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: limit + 1) { buffer, initialized in
        initialized = try source.readFully(into: UnsafeMutableRawBufferPointer(buffer))
        guard initialized <= limit else {
            throw ToolError.data(source.name, "", "is longer than \(limit >> 20) MiB, and no file of this kind is")
        }
    }
}

/// Throws `ToolError` with status `dataError` for a file that is neither UTF-8 text nor vectors.
private func checked(_ source: PeekedSource, in compression: Compression? = nil) throws -> PeekedSource {
    if let kind = ForeignKind(head: source.head) { throw ToolError.data(source.name, "", kind.advice(source.name, in: compression)) }
    return source
}

/// The content of a gzip stream with any number of members.
final class GzipSource: ByteSource {
    var name: String { source.name }
    private let source: any ByteSource
    private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    /// Number of compressed bytes read so far.
    private var taken = 0
    private var memberEnded = false
    private var inputEnded = false

    /// Throws `ToolError` with status `systemError` if there is no memory.
    init(_ source: any ByteSource) throws {
        self.source = source
        stream.initialize(to: z_stream())
        // A window of 15 bits, + 16 for gzip only.
        let status = inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else { throw ToolError.noMemory(toDecompress: source.name) }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        input.deallocate()
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        stream.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: Bytef.self)
        stream.pointee.avail_out = uInt(min(buffer.count, 1 << 30))
        let wanted = Int(stream.pointee.avail_out)
        while Int(stream.pointee.avail_out) == wanted {
            if stream.pointee.avail_in == 0 && !inputEnded { try refill() }
            if stream.pointee.avail_in == 0 {
                guard memberEnded else { throw ToolError.data(name, "byte \(taken)", "the gzip stream is cut short") }
                return 0
            }
            if memberEnded {
                inflateReset(stream)
                memberEnded = false
            }
            switch inflate(stream, Z_NO_FLUSH) {
            case Z_OK, Z_BUF_ERROR: break
            case Z_STREAM_END: memberEnded = true
            case Z_MEM_ERROR: throw ToolError.noMemory(toDecompress: name)
            default:
                let cause = stream.pointee.msg.map { String(cString: $0) } ?? "unreadable"
                let place = "byte \(taken - Int(stream.pointee.avail_in))"
                throw ToolError.data(name, place, "the gzip stream is damaged (\(cause))")
            }
        }
        return wanted - Int(stream.pointee.avail_out)
    }

    private func refill() throws {
        let count = try source.read(into: input)
        inputEnded = count == 0
        taken += count
        stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: Bytef.self)
        stream.pointee.avail_in = uInt(count)
    }
}

/// The content of a stream with any number of LZ4 frames.
final class LZ4Source: ByteSource {
    var name: String { source.name }
    private let source: any ByteSource
    private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
    private var unread = 0..<0
    /// Number of compressed bytes read so far.
    private var taken = 0
    private let context: OpaquePointer
    private var insideFrame = false

    init(_ source: any ByteSource) throws {
        self.source = source
        var context: OpaquePointer?
        let status = LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))
        guard LZ4F_isError(status) == 0, let context else {
            throw ToolError.noMemory(toDecompress: source.name)
        }
        self.context = context
    }

    deinit {
        LZ4F_freeDecompressionContext(context)
        input.deallocate()
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        while true {
            if unread.isEmpty {
                let count = try source.read(into: input)
                unread = 0..<count
                taken += count
                if count == 0 {
                    if insideFrame { throw ToolError.data(name, "byte \(taken)", "the LZ4 stream is cut short") }
                    return 0
                }
            }
            var written = buffer.count
            var consumed = unread.count
            let hint = LZ4F_decompress(
                context, buffer.baseAddress, &written, input.baseAddress! + unread.lowerBound, &consumed, nil)
            if LZ4F_isError(hint) != 0 {
                throw ToolError.lz4(name, "byte \(taken - unread.count)", "the LZ4 stream", code: hint)
            }
            unread = unread.lowerBound + consumed..<unread.upperBound
            insideFrame = hint != 0
            if written > 0 { return written }
        }
    }
}

extension ToolError {
    /// Returns the error for lack of memory to decompress an input.
    public static func noMemory(toDecompress file: String) -> ToolError {
        ToolError(.systemError, "\(file): the system gives no memory to decompress it")
    }

    /// Returns the error that LZ4's `code` means for an input: damage, or lack of memory.
    /// - `thing`: what the input is, such as `the shard`.
    public static func lz4(_ file: String, _ place: String, _ thing: String, code: Int) -> ToolError {
        let cause = String(cString: LZ4F_getErrorName(code))
        return cause == "ERROR_allocation_failed"
            ? noMemory(toDecompress: file)
            : .data(file, place, "\(thing) is damaged (\(cause))")
    }
}
