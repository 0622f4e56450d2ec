import Files
import Kernels
public import Layers
public import Model
public import Shards
public import WordVectors

/// Gives every token of every sentence its contextual vectors.
///
/// Sentences are taken in groups of bounded size, sorted by length within a group, run in batches from the zero state,
/// and handed on in the order in which they came.
public final class SentenceEncoder {
    /// What was encoded, and how its words got their vectors.
    public struct Statistics: Sendable, Equatable {
        public var sentences = 0
        public var tokens = 0
        /// Tokens whose word is not in the table: made by its generator, and those for which nothing could be made.
        public var madeTokens = 0
        public var unknownTokens = 0
        /// Sentences longer than the limit, which were run in pieces.
        public var cutSentences = 0
    }

    /// The most that a batch holds: positions, padding included.
    public static let batchRows = 4096
    /// Sentences of a batch at most.
    public static let batchSentences = 128
    /// Longer sentences are run in pieces of this length, each from the zero state: every token gets its vectors.
    public static let longestPiece = 1024
    /// Output values of a group of sentences, about: 64 MiB.
    private static let groupValues = 16 << 20

    /// The largest batch the encoder will be asked for.
    public static let capacity = WindowCapacity(batch: batchSentences, rows: batchRows)

    public private(set) var statistics = Statistics()
    public let layers: Int
    public var width: Int { encoder.layerWidth }

    private let encoder: ContextualEncoder
    private let table: EmbeddingTable
    private let choice: LayerChoice
    private let deliver: (SentenceVectors) throws -> Void
    private let begin: [Float], end: [Float]
    private let inputs: [FloatBuffer]
    private var group: [SentenceVectors] = []
    private var groupTokens = 0

    /// - Parameters:
    ///   - encoder: made with `capacity`.
    ///   - deliver: takes the sentences with their vectors, in order.
    /// Throws `ToolError`: `configuration` if table and model do not fit each other, and what reading the table throws.
    public init(
        _ encoder: ContextualEncoder, table: EmbeddingTable, tableName: String, layers choice: LayerChoice,
        deliver: @escaping (SentenceVectors) throws -> Void
    ) throws {
        guard table.dimension == encoder.configuration.inputSize else {
            throw ToolError(
                .configuration,
                "\(tableName): has vectors of \(table.dimension) numbers, and the model was trained on vectors of "
                    + "\(encoder.configuration.inputSize)")
        }
        self.encoder = encoder
        self.table = table
        self.choice = choice
        self.deliver = deliver
        layers = choice.count(of: encoder.layerCount)
        inputs = encoder.directions.map { _ in FloatBuffer(count: Self.batchRows * table.dimension) }
        var begin = [Float](repeating: 0, count: table.dimension), end = begin
        for (mark, row) in [("<s>", \Marks.begin), ("</s>", \Marks.end)] as [(String, WritableKeyPath<Marks, [Float]>)] {
            var marks = Marks(begin: begin, end: end)
            guard table.words.find(mark) != nil else {
                throw ToolError(.configuration, "\(tableName): has no vector for \(mark); embed-oov adds it")
            }
            try marks[keyPath: row].withUnsafeMutableBufferPointer { vector in
                _ = try Array(mark.utf8).withUnsafeBytes { try table.vector(for: $0, into: vector) }
                table.normalise(vector, centred: encoder.configuration.centred)
            }
            (begin, end) = (marks.begin, marks.end)
        }
        self.begin = begin
        self.end = end
    }

    private struct Marks {
        var begin: [Float]
        var end: [Float]
    }

    /// Takes a sentence; its vectors are delivered now or later.
    public func encode(_ words: [String]) throws {
        group.append(SentenceVectors(words: words, values: []))
        groupTokens += words.count
        statistics.sentences += 1
        statistics.tokens += words.count
        if groupTokens * layers * width >= Self.groupValues || group.count >= 1 << 15 { try finish() }
    }

    /// Delivers what is still under way.
    public func finish() throws {
        var pieces = pieces()
        // Longest first; equal lengths in the order of the text, so that nothing depends on the sort.
        pieces.sort { ($0.words.count, $1.sentence, $1.start) > ($1.words.count, $0.sentence, $0.start) }
        for index in group.indices {
            group[index].values = [Float](repeating: 0, count: group[index].words.count * layers * width)
        }
        var start = 0
        while start < pieces.count {
            let steps = pieces[start].words.count + 1
            let count = min(pieces.count - start, Self.batchSentences, max(1, Self.batchRows / steps))
            try run(Array(pieces[start..<start + count]))
            start += count
        }
        for sentence in group { try deliver(sentence) }
        group.removeAll()
        groupTokens = 0
    }

    /// A sentence, or a part of one that is too long.
    private struct Piece {
        let sentence: Int
        let start: Int
        let words: ArraySlice<String>
    }

    private func pieces() -> [Piece] {
        var pieces: [Piece] = []
        for (index, sentence) in group.enumerated() where !sentence.words.isEmpty {
            if sentence.words.count > Self.longestPiece { statistics.cutSentences += 1 }
            for start in stride(from: 0, to: sentence.words.count, by: Self.longestPiece) {
                let end = min(sentence.words.count, start + Self.longestPiece)
                pieces.append(Piece(sentence: index, start: start, words: sentence.words[start..<end]))
            }
        }
        return pieces
    }

    /// Runs a batch. Each direction reads its mark first and then the words, as in training, so that a token's vector
    /// comes from the step that has just read the token.
    private func run(_ batch: [Piece]) throws {
        let shape = WindowShape(lengths: batch.map { $0.words.count + 1 })
        let dimension = table.dimension
        let matrices = inputs.map { Matrix($0, rows: shape.rows, columns: dimension) }
        var vector = [Float](repeating: 0, count: dimension)
        for matrix in matrices { matrix.fill(0) }
        for (column, piece) in batch.enumerated() {
            for (matrix, model) in zip(matrices, encoder.directions) {
                let mark = model.direction == .forward ? begin : end
                matrix.row(column).update(from: mark, count: dimension)
            }
            for (position, word) in piece.words.enumerated() {
                try look(up: word, into: &vector)
                for (matrix, model) in zip(matrices, encoder.directions) {
                    let step = model.direction == .forward ? position + 1 : piece.words.count - position
                    matrix.row(step * shape.batch + column).update(from: vector, count: dimension)
                }
            }
        }
        encoder.encode(matrices.map { .vectors($0) }, shape: shape)
        for (column, piece) in batch.enumerated() { collect(piece, column, shape) }
    }

    private func look(up word: String, into vector: inout [Float]) throws {
        var word = word
        let source = try word.withUTF8 { bytes in
            try vector.withUnsafeMutableBufferPointer { vector in
                let source = try table.vector(for: UnsafeRawBufferPointer(bytes), into: vector)
                table.normalise(vector, centred: encoder.configuration.centred)
                return source
            }
        }
        if source == .none {
            statistics.unknownTokens += 1
        } else if table.words.find(word) == nil {
            statistics.madeTokens += 1
        }
    }

    /// Copies a piece's layers to their place in the sentence, without the step of the mark.
    private func collect(_ piece: Piece, _ column: Int, _ shape: WindowShape) {
        let length = piece.words.count
        group[piece.sentence].values.withUnsafeMutableBufferPointer { values in
            for token in 0..<length {
                let target = values.baseAddress! + (piece.start + token) * layers * width
                switch choice {
                case .all:
                    for layer in 0..<encoder.layerCount { copy(layer, token, length, column, shape, target + layer * width) }
                case .top:
                    copy(encoder.layerCount - 1, token, length, column, shape, target)
                case .mean:
                    for layer in 0..<encoder.layerCount { add(layer, token, length, column, shape, to: target) }
                    Vector.scale(target, by: 1 / Float(encoder.layerCount), count: width)
                }
            }
        }
    }

    private func forEachDirection(
        _ layer: Int, _ token: Int, _ length: Int, _ column: Int, _ shape: WindowShape,
        _ body: (_ offset: Int, _ output: UnsafePointer<Float>, _ count: Int) -> Void
    ) {
        let part = encoder.configuration.projection
        for (index, model) in encoder.directions.enumerated() {
            let step = model.direction == .forward ? token + 1 : length - token
            let output = model.layerOutput(layer, shape: shape).row(step * shape.batch + column)
            body(index * part, output, part)
        }
    }

    private func copy(
        _ layer: Int, _ token: Int, _ length: Int, _ column: Int, _ shape: WindowShape,
        _ target: UnsafeMutablePointer<Float>
    ) {
        forEachDirection(layer, token, length, column, shape) { offset, output, count in
            (target + offset).update(from: output, count: count)
        }
    }

    private func add(
        _ layer: Int, _ token: Int, _ length: Int, _ column: Int, _ shape: WindowShape,
        to target: UnsafeMutablePointer<Float>
    ) {
        forEachDirection(layer, token, length, column, shape) { offset, output, count in
            Vector.add(output, to: target + offset, count: count)
        }
    }
}
