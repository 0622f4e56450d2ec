public import Kernels

/// The vectors of all words of a text in the memory of a device.
public protocol ResidentVectors: AnyObject {
    /// Writes the vectors of words to `matrix`, [words, size] in the memory of the device.
    /// - Parameter places: room for as many numbers, which no operation may still be reading.
    func gather(_ words: [UInt32], into matrix: Matrix, places: Numbers, on backend: any Backend)
}

/// The vectors of the words of a window, where operations read them. The host gathers them and they are sent to a device, unless
/// the device has those of all words. Planned once: `gather` allocates nothing.
public final class WindowVectors {
    private let backend: any Backend
    private let size: Int
    private let resident: (any ResidentVectors)?
    /// The memory for vectors that are not resident; `nil` if all are.
    private let staged: StagedMemory?
    /// The memory for resident vectors: where in their table each word is, and the vectors gathered.
    private let placeMemory, vectors: FloatBuffer

    /// - Parameter rows: words at most.
    public init(rows: Int, size: Int, resident: (any ResidentVectors)?, on backend: any Backend) {
        self.backend = backend
        self.size = size
        self.resident = resident
        staged = resident == nil ? StagedMemory(rows * size, on: backend) : nil
        placeMemory = backend.allocateShared(resident == nil ? 0 : rows)
        vectors = backend.allocate(resident == nil ? 0 : rows * size)
    }

    /// Takes the vectors of words in place of those it held, which no operation may still be reading. Throws what `text` throws.
    public func gather(_ words: [UInt32], of text: some NumberedWords) throws {
        try gather(words) { try text.gather(words, into: $0) }
    }

    /// Takes the vectors of words, which `body` writes to a matrix in the host's memory, [words, size], unless they are resident. Throws
    /// what `body` throws.
    public func gather(_ words: [UInt32], _ body: (Matrix) throws -> Void) throws {
        if let resident {
            let places = Numbers(placeMemory, count: placeMemory.count)
            resident.gather(words, into: matrix(rows: words.count), places: places, on: backend)
        } else if let staged {
            try body(staged.matrix(rows: words.count, columns: size))
            staged.send(rows: words.count, columns: size)
        }
    }

    /// The vectors that were gathered last: [rows, size].
    public func matrix(rows: Int) -> Matrix {
        staged?.sent(rows: rows, columns: size) ?? Matrix(vectors, rows: rows, columns: size)
    }

    public var bytes: Int { (staged?.bytes ?? 0) + placeMemory.bytes + vectors.bytes }
}
