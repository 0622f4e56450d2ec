import CZlib

/// The content of a gzip stream of any number of members.
final class GzipSource: ByteSource {
    var name: String { source.name }
    private let source: any ByteSource
    private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    /// Compressed bytes read so far.
    private var taken = 0
    private var memberEnded = false
    private var inputEnded = false

    /// Throws `ToolError` with status `systemError` if there is no memory.
    init(_ source: any ByteSource) throws {
        self.source = source
        stream.initialize(to: z_stream())
        // 15 bits of window, +16: gzip and nothing else.
        let status = inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else { throw ToolError(.systemError, "\(source.name): the system gives no memory to decompress it") }
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
            case Z_MEM_ERROR: throw ToolError(.systemError, "\(name): the system gives no memory to decompress it")
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
