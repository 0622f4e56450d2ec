import Files
public import Kernels
import Parallel
public import Shards

/// A generator of vectors from spelling, for words that the pre-trained vectors lack.
public protocol OutOfVocabularyGenerator: AnyObject, Sendable {
    /// Size of a vector.
    var dimension: Int { get }

    /// Writes the vector of `word` to `row` [1, dimension]. Returns false, with `row` undefined, if it cannot make one. Several
    /// threads may call it at once.
    func vector(for word: UnsafeRawBufferPointer, into row: Matrix) -> Bool

    /// Writes the vectors of the words `ids` to the rows with the same numbers. Returns false for words without a vector, whose
    /// rows become zero.
    func fill(_ ids: [Int], of words: WordTable, into rows: RowMatrix, threads: Int) -> [Bool]

    /// The source that a table records for words whose vectors this generator made.
    var source: VectorSource { get }

    /// Fields of a table's header that describe the generator; `StoredGenerator` restores it from them and the tensors.
    var fields: ShardFields { get }
    /// Calls `body` with each of the generator's tensors.
    func forEachTensor(_ body: (_ name: String, _ shape: [Int], _ values: [Float]) throws -> Void) throws
}

extension OutOfVocabularyGenerator {
    public func fill(_ ids: [Int], of words: WordTable, into rows: RowMatrix, threads: Int) -> [Bool] {
        ThreadPool(threads: threads).map(ids.count, together: 1024) { index in
            let row = rows.row(ids[index])
            let isMade = words.withWord(ids[index]) { vector(for: $0, into: row) }
            if !isMade { row.fill(0) }
            return isMade
        }
    }
}

/// A generator as stored in a table: the tensors that come with the rows, and the fields that describe them.
struct StoredGenerator: Sendable {
    let fields: ShardFields
    let dimension: Int
    let file: String
    private(set) var tensors: [String: (shape: [Int], values: [Float])] = [:]

    /// Adds the next piece of a tensor; pieces must follow each other.
    mutating func append(_ piece: TableShardReader.TensorPiece) throws {
        var tensor = tensors.removeValue(forKey: piece.name) ?? (piece.shape, [])
        guard piece.shape == tensor.shape, piece.offset == tensor.values.count else {
            throw error("tensor \(piece.name)", "its pieces are missing, repeated or out of order")
        }
        piece.withValues { tensor.values.append(contentsOf: $0) }
        tensors[piece.name] = tensor
    }

    /// Returns the values of a required tensor, which must be complete and have the given shape, if any. Throws `ToolError.data`.
    func values(_ name: String, shape: [Int]? = nil) throws -> [Float] {
        guard let tensor = tensors[name], tensor.shape.reduce(1, *) == tensor.values.count,
            shape == nil || tensor.shape == shape
        else { throw error("tensor \(name)", "is missing, not whole or of the wrong shape") }
        return tensor.values
    }

    func error(_ place: String, _ cause: String) -> ToolError { .data(file, place, cause) }

    /// Returns the generator that the fields name; `nil` if they name none. Throws `ToolError.data`.
    func generator() throws -> (any OutOfVocabularyGenerator)? {
        switch fields["generator"] {
        case nil, "none": return nil
        case "mimick": return try MimickModel(self)
        case "ngrams": return try NGramGenerator(self)
        case "random": return try RandomGenerator(self)
        case .some(let other): throw error("", "the table's generator \"\(other)\" is not known to this version")
        }
    }
}
