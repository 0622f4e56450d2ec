public import Kernels

/// The vectors of all words of a text, in a device's memory.
public protocol ResidentVectors: AnyObject {
    /// Writes the vectors of words to `matrix`, [words, size], in the device's memory.
    /// - `places`: room for as many numbers, which no operation may still be reading.
    func gather(_ words: [UInt32], into matrix: Matrix, places: Numbers, on backend: any Backend)
}

/// The vectors of the words of a window, where operations read them. Unless the device holds the vectors of all words, the host
/// gathers them and sends them to it. Memory is planned once: `gather` allocates nothing.
public final class WindowVectors {
    private let backend: any Backend
    private let size: Int
    private let resident: (any ResidentVectors)?
    /// Memory for vectors that are not resident; `nil` if all are.
    private let staged: StagedMemory?
    /// Memory for resident vectors: the row of each word in their table, and the gathered vectors.
    private let placeMemory, vectors: FloatBuffer

    /// Allocates the vectors.
    /// - `rows`: maximum number of words.
    public init(rows: Int, size: Int, resident: (any ResidentVectors)?, on backend: any Backend) {
        self.backend = backend
        self.size = size
        self.resident = resident
        staged = resident == nil ? StagedMemory(rows * size, on: backend) : nil
        placeMemory = backend.allocateShared(resident == nil ? 0 : rows)
        vectors = backend.allocate(resident == nil ? 0 : rows * size)
    }

    /// Replaces the vectors by those of other words. No operation may still be reading the previous ones. Throws what `text`
    /// throws.
    public func gather(_ words: [UInt32], of text: some NumberedWords) throws {
        try gather(words) { try text.gather(words, into: $0) }
    }

    /// Replaces the vectors by those of other words, which `body` writes to a matrix in the host's memory, [words, size], unless
    /// they are resident. Throws what `body` throws.
    public func gather(_ words: [UInt32], _ body: (Matrix) throws -> Void) throws {
        if let resident {
            let places = Numbers(placeMemory, count: placeMemory.count)
            resident.gather(words, into: matrix(rows: words.count), places: places, on: backend)
        } else if let staged {
            try body(staged.matrix(rows: words.count, columns: size))
            staged.send(rows: words.count, columns: size)
        }
    }

    /// Returns the vectors gathered last, [rows, size].
    public func matrix(rows: Int) -> Matrix {
        staged?.sent(rows: rows, columns: size) ?? Matrix(vectors, rows: rows, columns: size)
    }

    /// Size in bytes.
    public var bytes: Int { (staged?.bytes ?? 0) + placeMemory.bytes + vectors.bytes }
}
