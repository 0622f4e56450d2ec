import Files
public import Kernels
public import Layers
public import Model
public import Subwords
public import WordVectors

/// Gives every token of every sentence its contextual vectors.
///
/// Sentences are taken in groups of bounded size, sorted by length within a group, run in batches from the zero state,
/// and handed on in the order in which they came. What a sentence gets does not depend on the others, to the last bit.
/// Longer ones than a batch has room for run alone, in pieces.
public final class SentenceEncoder {
    /// What was encoded, and how its words got their vectors.
    public struct Statistics: Sendable, Equatable {
        public var sentences = 0
        public var tokens = 0
        /// Tokens whose word is not in the table: made by its generator, and those for which nothing could be made.
        public var madeTokens = 0
        public var unknownTokens = 0
    }

    /// The most that a batch holds: positions, padding included.
    public static let batchRows = 4096
    /// Sentences of a batch at most.
    public static let batchSentences = 128
    /// Steps of a sentence at most that runs in a batch.
    public static let longestPiece = 1024
    /// Of a group of sentences: 192 MiB of output values, and enough tokens that sentences of one length find together.
    private static let groupValues = 48 << 20, groupTokens = 1 << 15

    /// The largest batch the encoder will be asked for.
    public static let capacity = WindowCapacity(batch: batchSentences, rows: batchRows)

    public private(set) var statistics = Statistics()
    public var layers: Int { vectors.layers }
    public var width: Int { vectors.width }

    private let encoder: ContextualEncoder
    private let vectors: TokenVectors
    private let writer: any VectorWriter
    private let input: any SentenceInput
    private let sequential: SequentialRun
    private let isStateful: Bool
    private let longest: Int
    private var group: [(words: [String], steps: [Int], values: [Float])] = []
    private var groupTokens = 0

    /// - Parameters:
    ///   - encoder: made with `capacity`; its weights are packed, and must not change.
    ///   - table: the vectors of words, for a model that reads vectors.
    ///   - merges: what cuts words into units, for a model that reads units.
    ///   - isStateful: whether each sentence goes on from the state in which the one before it ended.
    ///   - precision: of products with the weights.
    ///   - longest: steps of a sentence at most that is not run in pieces.
    ///   - writer: takes the sentences with their vectors, in order; who made it finishes it.
    /// Throws `ToolError`: `configuration` if table and model do not fit each other, `usage` if there is no such layer, and
    /// what reading the table throws.
    public init(
        _ encoder: ContextualEncoder, table: EmbeddingTable?, tableName: String, merges: (table: Merges, name: String)? = nil,
        layers choice: LayerChoice, isStateful: Bool = false, precision: WeightPrecision = .float32,
        longest: Int = longestPiece, to writer: any VectorWriter
    ) throws {
        self.encoder = encoder
        self.writer = writer
        self.isStateful = isStateful
        self.longest = longest
        if let complaint = choice.complaint(layers: encoder.layerCount) { throw ToolError(.usage, complaint) }
        vectors = TokenVectors(encoder, choice)
        let configuration = encoder.configuration
        // The deepest products of bytes whose sums are exact.
        guard precision == .float32 || max(configuration.encoder.cell, configuration.width) <= 1 << 16 else {
            throw ToolError(.usage, "--int8: layers of more than \(1 << 16) cells have no products of 8 bits")
        }
        switch configuration.input {
        case .embeddings:
            guard let table else { throw ToolError(.usage, "--table is missing: this model reads vectors of words") }
            input = try VectorInput(table, name: tableName, configuration, rows: Self.batchRows)
        case .characters:
            input = SpellingInput(encoder, rows: Self.batchRows)
        case .subwords:
            guard let merges else { throw ToolError(.usage, "--bpe is missing: this model reads units of words") }
            input = try UnitInput(merges.table, name: merges.name, encoder, rows: Self.batchRows)
        }
        encoder.packWeights(precision)
        sequential = SequentialRun(encoder, input, vectors, isStateful: isStateful, longest: longest)
    }

    /// Takes a sentence; its vectors are written now or later. Throws what writing throws.
    public func encode(_ words: [String]) throws {
        statistics.sentences += 1
        statistics.tokens += words.count
        let steps = words.map(input.steps)
        let length = steps.reduce(0, +)
        if isStateful || length > longest {
            try flush()
            try writer.begin(words)
            try sequential.run(words, steps: steps) { try writer.append($0) }
            try writer.end()
            updateCounts()
            return
        }
        group.append((words, steps, []))
        groupTokens += words.count
        if groupTokens >= Self.groupTokens || groupTokens * layers * width >= Self.groupValues || group.count >= 1 << 15 {
            try flush()
        }
    }

    /// Writes what is still under way.
    public func flush() throws {
        let lengths = group.map { $0.steps.reduce(0, +) }
        // Longest first; equal lengths in the order of the text, so that nothing depends on the sort.
        let order = group.indices.filter { lengths[$0] > 0 }.sorted { (lengths[$1], $0) < (lengths[$0], $1) }
        for index in group.indices {
            group[index].values = [Float](repeating: 0, count: group[index].words.count * layers * width)
        }
        var start = 0
        while start < order.count {
            let steps = lengths[order[start]] + 1
            let count = min(order.count - start, Self.batchSentences, max(1, Self.batchRows / steps))
            try run(Array(order[start..<start + count]), lengths)
            start += count
        }
        updateCounts()
        for sentence in group {
            try writer.begin(sentence.words)
            try sentence.values.withUnsafeBufferPointer { try writer.append($0) }
            try writer.end()
        }
        group.removeAll(keepingCapacity: true)
        groupTokens = 0
    }

    private func updateCounts() {
        statistics.madeTokens = input.madeTokens
        statistics.unknownTokens = input.unknownTokens
    }

    /// Runs a batch. Each direction reads its mark first and then the words, as in training, so that a token's vector
    /// comes from the step that has just read the token.
    private func run(_ batch: [Int], _ lengths: [Int]) throws {
        let shape = WindowShape(lengths: batch.map { lengths[$0] + 1 })
        input.begin(rows: shape.rows)
        for (column, sentence) in batch.enumerated() {
            for direction in encoder.directions.indices { input.putMark(direction, row: column, closing: false) }
            var first = 0
            for (word, steps) in zip(group[sentence].words, group[sentence].steps) {
                try input.put(word, counted: true) { row($0, step: first + $1, lengths[sentence], column, shape) }
                first += steps
            }
        }
        encoder.encode(input.words(rows: encoder.directions.map { _ in shape.rows }), shape: shape)
        let shapes = encoder.directions.map { _ in shape }
        for (column, sentence) in batch.enumerated() {
            let length = lengths[sentence]
            let steps = group[sentence].steps
            group[sentence].values.withUnsafeMutableBufferPointer { values in
                guard var target = values.baseAddress else { return }
                var first = 0
                for steps in steps {
                    vectors.collect(steps: steps, shapes, into: target) { row($0, step: first + $1, length, column, shape) }
                    first += steps
                    target += layers * width
                }
            }
        }
    }

    /// The row of a sentence's step in a direction, the mark's not counted.
    private func row(_ direction: Int, step: Int, _ length: Int, _ column: Int, _ shape: WindowShape) -> Int {
        let isForward = encoder.directions[direction].direction == .forward
        return (isForward ? step + 1 : length - step) * shape.batch + column
    }
}
