internal import Glibc
internal import Parallel

/// Owned, zeroed, 64-byte aligned memory for `count` floats.
///
/// A class, because the parameters of a 76-million-weight encoder must have one owner and never be copied by accident.
/// Whoever holds a handle of memory in it keeps the buffer alive.
public final class FloatBuffer: @unchecked Sendable {
    public let count: Int
    @_spi(HostMemory) public let start: UnsafeMutablePointer<Float>

    public init(count: Int) {
        self.count = count
        let size = max(1, count) * MemoryLayout<Float>.stride
        isMapped = size >= Self.leastMapping
        let bytes = isMapped ? Self.map(size) : UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
        start = bytes.bindMemory(to: Float.self, capacity: count)
        if !isMapped { start.initialize(repeating: 0, count: count) }
    }

    deinit {
        if isMapped { munmap(start, bytes) } else { UnsafeMutableRawPointer(start).deallocate() }
    }

    /// Large buffers are pages of their own, which are zero without being written, take memory when they are first
    /// used, and may be huge: products walk through columns, a page a row.
    private let isMapped: Bool
    private static let leastMapping = 1 << 20

    private static func map(_ size: Int) -> UnsafeMutableRawPointer {
        let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory, memory != MAP_FAILED else { endForWant(of: "memory for \(size) bytes") }
        madvise(memory, size, CInt(MADV_HUGEPAGE))
        return memory
    }

    public var bytes: Int { count * MemoryLayout<Float>.stride }

    /// The floats, for as long as the buffer lives.
    @_spi(HostMemory) public var elements: UnsafeMutableBufferPointer<Float> { UnsafeMutableBufferPointer(start: start, count: count) }

    public func fill(_ value: Float) { start.update(repeating: value, count: count) }

    public func copy(from other: FloatBuffer) {
        precondition(other.count == count, "buffers of \(count) and \(other.count) floats")
        start.update(from: other.start, count: count)
    }
}
