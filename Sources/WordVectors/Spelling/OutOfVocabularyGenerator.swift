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

    /// What words made by this generator are marked with in a table.
    var source: VectorSource { get }

    /// The generator as it travels in a table: `GeneratorTensors` makes it again from them.
    var fields: ShardFields { get }
    func forEachTensor(_ body: (_ name: String, _ shape: [Int], _ values: [Float]) throws -> Void) throws
}

extension OutOfVocabularyGenerator {
    public func fill(_ ids: [Int], of words: WordTable, into rows: RowMatrix, threads: Int) -> [Bool] {
        let made = ChunkedFlags(count: ids.count, of: false)
        ThreadPool(threads: threads).forEach(made.chunks) { chunk in
            for index in made.range(chunk) {
                let row = rows.row(ids[index])
                made.flags[index] = words.withWord(ids[index]) { vector(for: $0, into: row) }
                if !made.flags[index] { row.fill(0) }
            }
        }
        return Array(made.flags)
    }
}

/// One flag a word, filled by several threads, each of which takes chunks of words.
final class ChunkedFlags<Flag: Sendable>: @unchecked Sendable {
    let flags: UnsafeMutableBufferPointer<Flag>
    private let size = 1024

    init(count: Int, of flag: Flag) {
        flags = .allocate(capacity: count)
        flags.initialize(repeating: flag)
    }

    deinit {
        flags.deinitialize()
        flags.deallocate()
    }

    var chunks: Int { (flags.count + size - 1) / size }
    func range(_ chunk: Int) -> Range<Int> { chunk * size..<min(flags.count, (chunk + 1) * size) }
}

/// The tensors of a table as they come from its shard, and the generator made of them.
struct GeneratorTensors: Sendable {
    private var tensors: [String: (shape: [Int], values: [Float])] = [:]

    /// Takes the next piece of a tensor; pieces must follow one another.
    mutating func append(_ piece: TableShardReader.TensorPiece, file: String) throws {
        var tensor = tensors.removeValue(forKey: piece.name) ?? (piece.shape, [])
        guard piece.shape == tensor.shape, piece.offset == tensor.values.count else {
            throw ToolError.data(file, "tensor \(piece.name)", "its pieces are missing, repeated or out of order")
        }
        piece.withValues { tensor.values.append(contentsOf: $0) }
        tensors[piece.name] = tensor
    }

    /// A tensor that must be there, whole, with this shape where one is given.
    func values(_ name: String, shape: [Int]? = nil, file: String) throws -> (shape: [Int], values: [Float]) {
        guard let tensor = tensors[name], tensor.shape.reduce(1, *) == tensor.values.count,
            shape == nil || tensor.shape == shape
        else { throw ToolError.data(file, "tensor \(name)", "is missing, not whole or of the wrong shape") }
        return tensor
    }

    /// The generator that a table's header names; `nil` if it has none.
    func generator(_ fields: ShardFields, dimension: Int, file: String) throws -> (any OutOfVocabularyGenerator)? {
        switch fields["generator"] {
        case nil, "none": return nil
        case "mimick": return try MimickModel(self, fields, dimension: dimension, file: file)
        case "ngrams": return try NGramGenerator(self, fields, dimension: dimension, file: file)
        case "random": return try RandomGenerator(fields, dimension: dimension, file: file)
        case .some(let other):
            throw ToolError.data(file, "", "the table's generator \"\(other)\" is not known to this version")
        }
    }
}
