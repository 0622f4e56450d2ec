import CLZ4

/// The content of a stream of any number of LZ4 frames.
final class LZ4Source: ByteSource {
    var name: String { source.name }
    private let source: any ByteSource
    private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
    private var unread = 0..<0
    /// Compressed bytes read so far.
    private var taken = 0
    private let context: OpaquePointer
    private var insideFrame = false

    init(_ source: any ByteSource) throws {
        self.source = source
        var context: OpaquePointer?
        let status = LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))
        guard LZ4F_isError(status) == 0, let context else {
            throw ToolError(.systemError, "\(source.name): the system gives no memory to decompress it")
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
    /// The error that LZ4's `code` means for an input: damage, or no memory.
    /// - Parameter thing: what the input is, `the shard` for example.
    public static func lz4(_ file: String, _ place: String, _ thing: String, code: Int) -> ToolError {
        let cause = String(cString: LZ4F_getErrorName(code))
        return cause == "ERROR_allocation_failed"
            ? ToolError(.systemError, "\(file): the system gives no memory to decompress it")
            : .data(file, place, "\(thing) is damaged (\(cause))")
    }
}
