import Files
import Shards

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
