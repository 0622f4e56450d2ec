/// Memory for a matrix that the host fills and operations read: in the host's memory, and for a device in its own, too.
public final class StagedMemory {
    private let backend: any Backend
    private let host: FloatBuffer
    /// `nil` where operations read the host's.
    private let device: FloatBuffer?

    /// - Parameter count: floats at most.
    public init(_ count: Int, on backend: any Backend) {
        self.backend = backend
        host = backend.allocateShared(count)
        device = backend.computesInHostMemory ? nil : backend.allocate(count)
    }

    /// The matrix that the host fills. What was sent before must have arrived (`Backend.wait`).
    public func matrix(rows: Int, columns: Int) -> Matrix { Matrix(host, rows: rows, columns: columns) }

    /// The matrix that operations read, as it was sent last.
    public func sent(rows: Int, columns: Int) -> Matrix { Matrix(device ?? host, rows: rows, columns: columns) }

    /// Sends what was filled in to where operations read it.
    public func send(rows: Int, columns: Int) {
        guard let device else { return }
        backend.copy(matrix(rows: rows, columns: columns), to: Matrix(device, rows: rows, columns: columns))
    }

    public var bytes: Int { host.bytes + (device?.bytes ?? 0) }
}
