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
    /// The counts of what was encoded, and of words by the origin of their vectors.
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
    /// The size of a group of sentences: 192 MiB of output values, and enough tokens that many sentences have the same length.
    private static let groupValues = 48 << 20, groupTokens = 1 << 15

    /// The largest batch the encoder will be asked for.
    public static let capacity = WindowCapacity(batch: batchSentences, rows: batchRows)

    public var statistics: Statistics {
        Statistics(sentences: sentences, tokens: tokens, madeTokens: input.madeTokens, unknownTokens: input.unknownTokens)
    }
    public var layers: Int { vectors.layers }
    public var width: Int { vectors.width }

    private let encoder: ContextualEncoder
    private let vectors: TokenVectors
    private let writer: any VectorWriter
    private let input: SentenceInput
    private let sequential: SequentialRun
    private let isStateful: Bool
    private let longest: Int
    private var sentences = 0, tokens = 0
    private var group: [(words: [String], steps: [Int])] = []
    private var groupTokens = 0
    /// The vectors of a group's tokens, [tokens, layers x width].
    private var values = FloatBuffer(count: 0)

    /// - Parameters:
    ///   - encoder: made with `capacity`; its weights are packed, and must not change.
    ///   - table, merges: the vectors of words, or the merges that cut words into units, as the input layer reads them.
    ///   - isStateful: true if each sentence goes on from the state in which the one before it ended.
    ///   - longest: the number of steps of a sentence at most that is not run in pieces.
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
        try configuration.requireInputs(table: table != nil, merges: merges != nil, of: "the model")
        // The deepest products of bytes whose sums are exact.
        guard precision == .float32 || max(configuration.encoder.cell, configuration.width) <= 1 << 16 else {
            throw ToolError(.usage, "--int8: layers of more than \(1 << 16) cells have no products of 8 bits")
        }
        let words = configuration.input == .embeddings ? table.map { ($0, tableName) } : nil
        let units = configuration.input == .subwords ? merges : nil
        input = try SentenceInput(encoder, table: words, merges: units, rows: Self.batchRows)
        encoder.packWeights(precision)
        sequential = SequentialRun(encoder, input, vectors, isStateful: isStateful, longest: longest)
    }

    /// Takes a sentence; its vectors are written now or later. Throws what writing throws.
    public func encode(_ words: [String]) throws {
        sentences += 1
        tokens += words.count
        let steps = words.map(input.stepCount)
        let length = steps.reduce(0, +)
        if isStateful || length > longest {
            try flush()
            try writer.begin(words)
            try sequential.run(words, steps: steps) { try writer.append($0) }
            return try writer.end()
        }
        group.append((words, steps))
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
        let size = groupTokens * layers * width
        if values.count < size { values = FloatBuffer(count: size) }
        let vectors = Matrix(values, rows: groupTokens, columns: layers * width)
        var firsts: [Int] = [], tokens = 0
        for sentence in group {
            firsts.append(tokens)
            tokens += sentence.words.count
        }
        func rows(_ index: Int) -> Matrix { vectors.rows(firsts[index]..<firsts[index] + group[index].words.count) }
        for index in group.indices where lengths[index] == 0 { rows(index).fill(0) }
        var start = 0
        while start < order.count {
            let steps = lengths[order[start]] + 1
            let count = min(order.count - start, Self.batchSentences, max(1, Self.batchRows / steps))
            try run(Array(order[start..<start + count]), lengths, into: rows)
            start += count
        }
        for index in group.indices {
            try writer.begin(group[index].words)
            try writer.append(rows(index))
            try writer.end()
        }
        group.removeAll(keepingCapacity: true)
        groupTokens = 0
    }

    /// Runs a batch. Each direction reads its mark first and then the words, as in training, so that a token's vector
    /// comes from the step that has just read the token.
    private func run(_ batch: [Int], _ lengths: [Int], into rows: (Int) -> Matrix) throws {
        let shape = WindowShape(lengths: batch.map { lengths[$0] + 1 })
        input.begin(rows: shape.rows)
        for (column, sentence) in batch.enumerated() {
            for direction in encoder.directions.indices { input.putMark(direction, row: column, closing: false) }
            var first = 0
            for (word, steps) in zip(group[sentence].words, group[sentence].steps) {
                input.put(word, counted: true) { row($0, step: first + $1, lengths[sentence], column, shape) }
                first += steps
            }
        }
        encoder.encode(try input.words(rows: encoder.directions.map { _ in shape.rows }), shape: shape)
        let shapes = encoder.directions.map { _ in shape }
        vectors.collect(batch.map { group[$0].steps[...] }, shapes, into: batch.map(rows)) { column, direction, step in
            row(direction, step: step, lengths[batch[column]], column, shape)
        }
    }

    /// The row of a sentence's step in a direction, the mark's not counted.
    private func row(_ direction: Int, step: Int, _ length: Int, _ column: Int, _ shape: WindowShape) -> Int {
        (1 + encoder.directions[direction].direction.step(of: step, length: length)) * shape.batch + column
    }
}

/// The vectors of tokens out of the layers of an encoder that has just run.
struct TokenVectors {
    let layers: Int
    var width: Int { encoder.layerWidth }
    private let encoder: ContextualEncoder
    /// The factor of each layer in their sum; `nil` if they are not added.
    private let factors: [Float]?

    init(_ encoder: ContextualEncoder, _ choice: LayerChoice) {
        self.encoder = encoder
        layers = choice.count(of: encoder.layerCount)
        factors = choice.factors(layers: encoder.layerCount)
    }

    /// Writes the vectors of the words of sentences to `targets`, each [words, layers x width]. A word of several steps has their
    /// mean.
    /// - Parameters:
    ///   - sentences: the number of steps of each word.
    ///   - shapes: the shape of each direction's pass.
    ///   - row: gives the row of a step of a sentence in the pass of a direction.
    func collect(
        _ sentences: [ArraySlice<Int>], _ shapes: [WindowShape], into targets: [Matrix],
        row: (_ sentence: Int, _ direction: Int, _ step: Int) -> Int
    ) {
        if encoder.directions[0].backend.computesInHostMemory {
            for (number, steps) in sentences.enumerated() {
                collect(steps: steps, shapes, into: targets[number]) { row(number, $0, $1) }
            }
            return
        }
        // A device gives the vectors of all sentences at once.
        let steps = sentences.flatMap { $0 }, backend = encoder.directions[0].backend
        let memory = backend.allocate(steps.count * layers * width)
        let places = sentences.enumerated().flatMap { number, steps in (0..<steps.reduce(0, +)).map { (number, $0) } }
        let target = Matrix(memory, rows: steps.count, columns: layers * width)
        collect(steps: steps[...], shapes, into: target) { row(places[$1].0, $0, places[$1].1) }
        let values = backend.read(target)
        var first = 0
        for (steps, target) in zip(sentences, targets) {
            let end = first + steps.count * target.columns
            target.copy(from: Array(values[first..<end]))
            first = end
        }
        withExtendedLifetime(memory) {}
    }

    /// Writes the vectors of one sentence's words to `target`, or those of several sentences one after the other.
    private func collect(
        steps: ArraySlice<Int>, _ shapes: [WindowShape], into target: Matrix, row: (_ direction: Int, _ step: Int) -> Int
    ) {
        let part = encoder.configuration.width, count = steps.reduce(0, +), directions = encoder.directions.count
        let memory = encoder.directions[0].backend.allocateShared(directions * count + steps.count)
        let ends = Numbers(memory, at: directions * count, count: steps.count)
        var end = 0
        for (word, steps) in steps.enumerated() {
            end += steps
            ends[word] = Int32(end)
        }
        encoder.directions[0].backend.fill(target, with: 0)
        for (direction, model) in encoder.directions.enumerated() {
            let rows = Numbers(memory, at: direction * count, count: count)
            for step in 0..<count { rows[step] = Int32(row(direction, step)) }
            for layer in 0..<encoder.layerCount where factors.map({ $0[layer] != 0 }) ?? true {
                let first = (factors == nil ? layer * width : 0) + direction * part
                model.backend.addRuns(
                    rows, ends: ends, of: model.layerOutput(layer, shape: shapes[direction]), times: factors?[layer] ?? 1,
                    to: target.columns(first..<first + part))
            }
        }
        for (word, steps) in steps.enumerated() where steps > 1 {
            encoder.directions[0].backend.scale(target.rows(word..<word + 1), by: 1 / Float(steps))
        }
        encoder.directions[0].backend.wait()
        withExtendedLifetime(memory) {}
    }
}
