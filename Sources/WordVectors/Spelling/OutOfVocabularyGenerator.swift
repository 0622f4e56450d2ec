import Files
public import Kernels
import Parallel
public import Shards

/// Makes vectors for words that the pre-trained vectors do not have, from their spelling.
public protocol OutOfVocabularyGenerator: AnyObject, Sendable {
    /// Numbers in each vector.
    var dimension: Int { get }

    /// Writes the vector of `word` into `row`, [1, dimension]. False, with `row` undefined, if there is nothing to make
    /// one from. May be called from several threads at once.
    func vector(for word: UnsafeRawBufferPointer, into row: Matrix) -> Bool

    /// Writes the vectors of the words `ids` into the rows of the same numbers. False where there is none; the row is
    /// zero then.
    func fill(_ ids: [Int], of words: WordTable, into rows: RowMatrix, threads: Int) -> [Bool]

    /// The mark, in a table, of words whose vectors this generator made.
    var source: VectorSource { get }

    /// The fields of a table's header that describe the generator; `StoredGenerator` makes it again from them and the tensors.
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

/// A generator as it lies in a table: the tensors that come with the rows, and the fields that say what they are.
struct StoredGenerator: Sendable {
    let fields: ShardFields
    let dimension: Int
    let file: String
    private(set) var tensors: [String: (shape: [Int], values: [Float])] = [:]

    /// Takes the next piece of a tensor; pieces must follow one another.
    mutating func append(_ piece: TableShardReader.TensorPiece) throws {
        var tensor = tensors.removeValue(forKey: piece.name) ?? (piece.shape, [])
        guard piece.shape == tensor.shape, piece.offset == tensor.values.count else {
            throw error("tensor \(piece.name)", "its pieces are missing, repeated or out of order")
        }
        piece.withValues { tensor.values.append(contentsOf: $0) }
        tensors[piece.name] = tensor
    }

    /// The values of a tensor that must be there, whole, with this shape where one is given. Throws `ToolError.data`.
    func values(_ name: String, shape: [Int]? = nil) throws -> [Float] {
        guard let tensor = tensors[name], tensor.shape.reduce(1, *) == tensor.values.count,
            shape == nil || tensor.shape == shape
        else { throw error("tensor \(name)", "is missing, not whole or of the wrong shape") }
        return tensor.values
    }

    func error(_ place: String, _ cause: String) -> ToolError { .data(file, place, cause) }

    /// The generator that the fields name; `nil` if they name none. Throws `ToolError.data`.
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
