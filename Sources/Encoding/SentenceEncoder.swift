import Files
import Kernels
public import Layers
public import Model
public import Shards
public import Subwords
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
    private let choice: LayerChoice
    private let deliver: (SentenceVectors) throws -> Void
    private let input: any SentenceInput
    private var group: [SentenceVectors] = []
    private var groupTokens = 0

    /// - Parameters:
    ///   - encoder: made with `capacity`.
    ///   - table: the vectors of words, for a model that reads vectors.
    ///   - merges: what cuts words into units, for a model that reads units.
    ///   - deliver: takes the sentences with their vectors, in order.
    /// Throws `ToolError`: `configuration` if table and model do not fit each other, and what reading the table throws.
    public init(
        _ encoder: ContextualEncoder, table: EmbeddingTable?, tableName: String, merges: (table: Merges, name: String)? = nil,
        layers choice: LayerChoice, deliver: @escaping (SentenceVectors) throws -> Void
    ) throws {
        self.encoder = encoder
        self.choice = choice
        self.deliver = deliver
        layers = choice.count(of: encoder.layerCount)
        let configuration = encoder.configuration
        switch configuration.input {
        case .embeddings:
            guard let table else { throw ToolError(.usage, "--table is missing: this model reads vectors of words") }
            input = try VectorInput(table, name: tableName, configuration, rows: Self.batchRows)
        case .characters:
            input = SpellingInput(configuration, rows: Self.batchRows)
        case .subwords:
            guard let merges else { throw ToolError(.usage, "--bpe is missing: this model reads units of words") }
            input = try UnitInput(merges.table, name: merges.name, encoder, rows: Self.batchRows)
        }
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
        pieces.sort { ($0.length, $1.sentence, $1.start) > ($1.length, $0.sentence, $0.start) }
        for index in group.indices {
            group[index].values = [Float](repeating: 0, count: group[index].words.count * layers * width)
        }
        var start = 0
        while start < pieces.count {
            let steps = pieces[start].length + 1
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
        /// The steps of each word, and of all.
        let steps: [Int]
        let length: Int
    }

    private func pieces() -> [Piece] {
        var pieces: [Piece] = []
        for (index, sentence) in group.enumerated() where !sentence.words.isEmpty {
            let steps = sentence.words.map(input.steps)
            var start = 0
            while start < sentence.words.count {
                var end = start, length = 0
                while end < sentence.words.count && (end == start || length + steps[end] <= Self.longestPiece) {
                    length += steps[end]
                    end += 1
                }
                if start == 0 && end < sentence.words.count { statistics.cutSentences += 1 }
                pieces.append(
                    Piece(
                        sentence: index, start: start, words: sentence.words[start..<end], steps: Array(steps[start..<end]),
                        length: length))
                start = end
            }
        }
        return pieces
    }

    /// Runs a batch. Each direction reads its mark first and then the words, as in training, so that a token's vector
    /// comes from the step that has just read the token.
    private func run(_ batch: [Piece]) throws {
        let shape = WindowShape(lengths: batch.map { $0.length + 1 })
        input.begin(rows: shape.rows)
        for (column, piece) in batch.enumerated() {
            for direction in encoder.directions.indices { input.putMark(direction, row: column) }
            var first = 0
            for (word, steps) in zip(piece.words, piece.steps) {
                try input.put(word) { row($0, step: first + $1, piece, column, shape) }
                first += steps
            }
        }
        encoder.encode(input.words(rows: shape.rows), shape: shape)
        for (column, piece) in batch.enumerated() { collect(piece, column, shape) }
        statistics.madeTokens = input.madeTokens
        statistics.unknownTokens = input.unknownTokens
    }

    /// The row of a piece's step in a direction, the mark's not counted.
    private func row(_ direction: Int, step: Int, _ piece: Piece, _ column: Int, _ shape: WindowShape) -> Int {
        let isForward = encoder.directions[direction].direction == .forward
        return (isForward ? step + 1 : piece.length - step) * shape.batch + column
    }

    /// Writes a piece's layers to their place in the sentence, without the step of the mark. A word of several steps has the
    /// mean of theirs.
    private func collect(_ piece: Piece, _ column: Int, _ shape: WindowShape) {
        group[piece.sentence].values.withUnsafeMutableBufferPointer { values in
            guard var target = values.baseAddress.map({ $0 + piece.start * layers * width }) else { return }
            var first = 0
            for steps in piece.steps {
                for step in first..<first + steps {
                    for layer in 0..<encoder.layerCount where choice != .top || layer == encoder.layerCount - 1 {
                        let place = choice == .all ? layer * width : 0
                        add(layer, step, piece, column, shape, to: target + place)
                    }
                }
                let summands = steps * (choice == .mean ? encoder.layerCount : 1)
                if summands > 1 { Vector.scale(target, by: 1 / Float(summands), count: layers * width) }
                target += layers * width
                first += steps
            }
        }
    }

    private func add(
        _ layer: Int, _ step: Int, _ piece: Piece, _ column: Int, _ shape: WindowShape,
        to target: UnsafeMutablePointer<Float>
    ) {
        let part = encoder.configuration.projection
        for (index, model) in encoder.directions.enumerated() {
            let output = model.layerOutput(layer, shape: shape).row(row(index, step: step, piece, column, shape))
            Vector.add(output, to: target + index * part, count: part)
        }
    }
}
