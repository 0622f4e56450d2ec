import Files
import Kernels
import Layers
import Model
import Shards
import WordVectors

/// Vectors of an embedding table.
final class VectorInput: SentenceInput {
    private let table: EmbeddingTable
    private let configuration: EncoderConfiguration
    private let matrices: [FloatBuffer]
    /// The marks' vectors: of the sentence's beginning and its end.
    private let marks: [[Float]]
    private var vector: [Float]
    private(set) var madeTokens = 0
    private(set) var unknownTokens = 0

    /// Throws `ToolError`: `configuration` if table and model do not fit each other, and what reading the table throws.
    init(_ table: EmbeddingTable, name: String, _ configuration: EncoderConfiguration, rows: Int) throws {
        guard table.dimension == configuration.inputSize else {
            throw ToolError(
                .configuration,
                "\(name): has vectors of \(table.dimension) numbers, and the model was trained on vectors of "
                    + "\(configuration.inputSize)")
        }
        self.table = table
        self.configuration = configuration
        vector = [Float](repeating: 0, count: table.dimension)
        matrices = configuration.directions.map { _ in FloatBuffer(count: rows * table.dimension) }
        var marks: [[Float]] = []
        for mark in ["<s>", "</s>"] {
            guard table.words.find(mark) != nil else {
                throw ToolError(.configuration, "\(name): has no vector for \(mark); embed-oov adds it")
            }
            _ = try Self.look(up: mark, in: table, centred: configuration.centred, into: &vector)
            marks.append(vector)
        }
        self.marks = marks
    }

    func steps(_ word: String) -> Int { 1 }

    func begin(rows: Int) {
        for matrix in matrices { Matrix(matrix, rows: rows, columns: table.dimension).fill(0) }
    }

    func putMark(_ direction: Int, row: Int, closing: Bool) {
        let isForward = configuration.directions[direction] == .forward
        copy(marks[isForward != closing ? 0 : 1], direction, row)
    }

    func put(_ word: String, counted: Bool, _ row: (_ direction: Int, _ step: Int) -> Int?) throws {
        let source = try Self.look(up: word, in: table, centred: configuration.centred, into: &vector)
        if counted && source == .none {
            unknownTokens += 1
        } else if counted && table.words.find(word) == nil {
            madeTokens += 1
        }
        for direction in matrices.indices {
            if let row = row(direction, 0) { copy(vector, direction, row) }
        }
    }

    func words(rows: [Int]) -> [InputWords] {
        zip(matrices, rows).map { .vectors(Matrix($0, rows: $1, columns: table.dimension)) }
    }

    private func copy(_ vector: [Float], _ direction: Int, _ row: Int) {
        Matrix(matrices[direction], at: row * table.dimension, rows: 1, columns: table.dimension).copy(from: vector)
    }

    private static func look(
        up word: String, in table: EmbeddingTable, centred: Bool, into vector: inout [Float]
    ) throws -> VectorSource {
        var word = word
        return try word.withUTF8 { bytes in
            try vector.withUnsafeMutableBufferPointer { vector in
                let source = try table.vector(for: UnsafeRawBufferPointer(bytes), into: vector)
                table.normalise(vector, centred: centred)
                return source
            }
        }
    }
}
