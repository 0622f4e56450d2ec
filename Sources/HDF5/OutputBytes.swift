#if HDF5
import CHDF5
import Files

/// Where the library's driver writes, and the values that go past it.
///
/// The library is told that every write was done: after an error it would try again whenever it is called, and at last when it
/// closes. The error is kept here, and nothing is written after it.
final class OutputBytes {
    private(set) var failure: ToolError?
    var isAbandoned = false
    private let output: OutputFile
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
    private var start = 0
    private var count = 0

    init(_ output: OutputFile) { self.output = output }

    deinit { buffer.deallocate() }

    /// Throws what has happened.
    func check() throws { if let failure { throw failure } }

    /// Room for at most `size` bytes, at least one, that will be at `offset` of the file; all there is if more is asked for.
    /// What was written behind each other goes to the system in one.
    func room(at offset: Int, _ size: Int) throws -> UnsafeMutableRawBufferPointer {
        if offset != start + count || count + min(size, 64) > buffer.count {
            try flush()
            start = offset
        }
        return UnsafeMutableRawBufferPointer(rebasing: buffer[count..<min(buffer.count, count + size)])
    }

    /// Takes what has been put into `room`.
    func add(_ size: Int) { count += size }

    /// Hands over what was added. Throws `ToolError` with status `ioError`.
    func flush() throws {
        keep { try output.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: start) }
        count = 0
        try check()
    }

    private func keep(_ body: () throws -> Void) {
        guard failure == nil, !isAbandoned else { return }
        do { try body() } catch { failure = error as? ToolError ?? ToolError(.ioError, "\(output.name): \(error)") }
    }

    /// What the driver calls; this must live as long as the file is open.
    var functions: hdf5_bytes {
        hdf5_bytes(
            context: Unmanaged.passUnretained(self).toOpaque(), size: 0,
            read: { context, offset, buffer, size in
                guard let bytes = OutputBytes.of(context) else { return -1 }
                let buffer = UnsafeMutableRawBufferPointer(start: buffer, count: size)
                bytes.keep { try bytes.output.read(at: Int(offset), into: buffer) }
                return bytes.failure == nil && !bytes.isAbandoned ? 0 : -1
            },
            write: { context, offset, buffer, size in
                guard let bytes = OutputBytes.of(context) else { return -1 }
                bytes.keep { try bytes.output.write(UnsafeRawBufferPointer(start: buffer, count: size), at: Int(offset)) }
                return 0
            },
            resize: { context, size in
                guard let bytes = OutputBytes.of(context) else { return -1 }
                bytes.keep { try bytes.output.resize(to: Int(size)) }
                return 0
            })
    }

    private static func of(_ context: UnsafeMutableRawPointer?) -> OutputBytes? {
        context.map { Unmanaged<OutputBytes>.fromOpaque($0).takeUnretainedValue() }
    }
}
#endif
