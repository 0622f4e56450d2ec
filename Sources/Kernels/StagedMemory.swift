/// Memory for a matrix that the host fills and operations read: in the host's memory and, for a device, also in its own.
///
/// ```swift
/// let staged = StagedMemory(6, on: backend)
/// staged.matrix(rows: 2, columns: 3).copy(from: [1, 2, 3, 4, 5, 6])
/// staged.send(rows: 2, columns: 3)
/// backend.copy(staged.sent(rows: 2, columns: 3), to: target)
/// ```
public final class StagedMemory {
    private let backend: any Backend
    private let host: FloatBuffer
    /// `nil` if operations read the host's memory.
    private let device: FloatBuffer?

    /// Allocates the memory.
    /// - `count`: maximum number of floats.
    public init(_ count: Int, on backend: any Backend) {
        self.backend = backend
        host = backend.allocateShared(count)
        device = backend.computesInHostMemory ? nil : backend.allocate(count)
    }

    /// Returns the matrix for the host to fill. Wait until the previous contents have been sent (`Backend.wait`).
    public func matrix(rows: Int, columns: Int) -> Matrix { Matrix(host, rows: rows, columns: columns) }

    /// Returns the matrix for operations to read, as sent last.
    public func sent(rows: Int, columns: Int) -> Matrix { Matrix(device ?? host, rows: rows, columns: columns) }

    /// Copies the filled matrix to where operations read it.
    public func send(rows: Int, columns: Int) {
        guard let device else { return }
        backend.copy(matrix(rows: rows, columns: columns), to: Matrix(device, rows: rows, columns: columns))
    }

    /// Size in bytes of both copies.
    public var bytes: Int { host.bytes + (device?.bytes ?? 0) }
}
