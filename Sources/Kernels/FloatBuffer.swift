/// Owned, zeroed, 64-byte aligned memory for `count` floats.
///
/// A class, because the parameters of a 76-million-weight encoder must have one owner and never be copied by accident.
/// Whoever holds a pointer into it keeps the buffer alive.
public final class FloatBuffer: @unchecked Sendable {
    public let count: Int
    public let start: UnsafeMutablePointer<Float>

    public init(count: Int) {
        self.count = count
        let bytes = UnsafeMutableRawPointer.allocate(
            byteCount: max(1, count) * MemoryLayout<Float>.stride, alignment: 64)
        start = bytes.bindMemory(to: Float.self, capacity: count)
        start.initialize(repeating: 0, count: count)
    }

    deinit { UnsafeMutableRawPointer(start).deallocate() }

    public var bytes: Int { count * MemoryLayout<Float>.stride }

    /// The floats, for as long as the buffer lives.
    public var elements: UnsafeMutableBufferPointer<Float> { UnsafeMutableBufferPointer(start: start, count: count) }

    public func fill(_ value: Float) { start.update(repeating: value, count: count) }

    public func copy(from other: FloatBuffer) {
        precondition(other.count == count, "buffers of \(count) and \(other.count) floats")
        start.update(from: other.start, count: count)
    }
}
