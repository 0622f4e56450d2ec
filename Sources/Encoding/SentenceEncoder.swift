import Files
public import Kernels
public import Layers
public import Model
internal import Parallel
public import Subwords
public import WordVectors

/// A stage that computes contextual vectors of every token of every sentence.
///
/// Sentences are collected in groups of bounded size, sorted by length within a group, run in batches from the zero state, and
/// passed on in their original order. The vectors of a sentence do not depend on the others, to the last bit. Sentences longer than
/// a batch, or than the encoder sees at once, run alone, in pieces.
public final class SentenceEncoder {
    /// Counts of what was encoded, and of words by the origin of their vectors.
    public struct Statistics: Sendable, Equatable {
        /// Number of sentences.
        public var sentences = 0
        /// Number of tokens.
        public var tokens = 0
        /// Number of tokens whose word is not in the table and whose vector its generator made.
        public var madeTokens = 0
        /// Number of tokens for which no vector could be made.
        public var unknownTokens = 0
    }

    /// Maximum number of positions in a batch on the processor, including padding.
    public static let batchRows = 4096
    /// Maximum number of sentences in such a batch.
    public static let batchSentences = 128
    /// Maximum number of steps of a sentence that runs in a batch.
    public static let longestPiece = 1024

    /// The largest batch that an encoder will process on the processor.
    public static let capacity = WindowCapacity(batch: batchSentences, rows: batchRows)

    /// Counts so far.
    public var statistics: Statistics {
        Statistics(sentences: sentences, tokens: tokens, madeTokens: input.madeTokens, unknownTokens: input.unknownTokens)
    }
    /// Number of vectors for each token.
    public var layers: Int { vectors.layers }
    /// Width of a vector.
    public var width: Int { vectors.width }

    /// Seconds that the host has waited for a device.
    public var waited: Double { input.waited + vectors.waited + waitedForGroups }

    private let encoder: ContextualEncoder
    private let vectors: TokenVectors
    private let writer: any VectorWriter
    private let input: SentenceInput
    private let sequential: SequentialRun
    /// `nil` for encoders that carry a state from piece to piece.
    private let overlapping: OverlappingRun?
    private let limits: BatchLimits
    private let isStateful: Bool
    private let longest: Int
    private var sentences = 0, tokens = 0
    private var waitedForGroups = 0.0
    /// The group being collected, and the group that a device computes meanwhile.
    private var group: SentenceGroup, running: SentenceGroup

    /// Creates a stage. Throws `ToolError`: `configuration` if table and model do not match, `usage` if there is no such layer, and
    /// what reading the table throws.
    /// - `encoder`: created with `capacity`, or the capacity for its device; its weights are packed and must not change.
    /// - `table`, `merges`: vectors of words, or merges that split words into units, as the input layer needs.
    /// - `isStateful`: true if each sentence continues from the last state of the previous one.
    /// - `longest`: maximum number of steps of a sentence that is not run in pieces. A model that sees both sides has this limit
    ///   anyway.
    /// - `groupTokens`: number of tokens of the sentences sorted together; `nil` uses a suitable number.
    /// - `writer`: gets the sentences with their vectors, in order; the caller finishes it.
    public init(
        _ encoder: ContextualEncoder, table: EmbeddingTable?, tableName: String, merges: (table: Merges, name: String)? = nil,
        layers choice: LayerChoice, isStateful: Bool = false, precision: WeightPrecision = .float32,
        longest: Int = longestPiece, groupTokens: Int? = nil, to writer: any VectorWriter
    ) throws {
        self.encoder = encoder
        self.writer = writer
        self.isStateful = isStateful
        let marks = encoder.configuration.isCausal ? 1 : 2
        // A window needs room for the marks, too.
        let carriesState = encoder.configuration.isCausal && encoder.configuration.encoder.family.carriesState
        let window = carriesState ? nil : min(encoder.longestSequence ?? .max, longest + marks)
        var most = longest
        if let window { most = window - marks }
        self.longest = most
        if let complaint = choice.complaint(layers: encoder.layerCount) { throw ToolError(.usage, complaint) }
        limits = BatchLimits(encoder, groupTokens: groupTokens)
        vectors = TokenVectors(encoder, choice, limits)
        (group, running) = (SentenceGroup(encoder), SentenceGroup(encoder))
        let configuration = encoder.configuration
        guard carriesState || !isStateful else {
            let network = configuration.isCausal ? "the encoder \(configuration.encoder.name)" : "a model that reads both ways at once"
            throw ToolError(.usage, "--stateful is not used: \(network) has no state to go on from")
        }
        try configuration.requireInputs(table: table != nil, merges: merges != nil, of: "the model")
        // The deepest 8-bit products whose sums are exact.
        guard precision == .float32 || max(configuration.encoder.cell, configuration.width) <= 1 << 16 else {
            throw ToolError(.usage, "--int8: layers of more than \(1 << 16) cells have no products of 8 bits")
        }
        let words = configuration.input == .embeddings ? table.map { ($0, tableName) } : nil
        let units = configuration.input == .subwords ? merges : nil
        input = try SentenceInput(encoder, table: words, merges: units, longestWord: most, limits)
        encoder.packWeights(precision)
        sequential = SequentialRun(encoder, input, vectors, isStateful: isStateful, longest: longest)
        if let window {
            overlapping = OverlappingRun(encoder, input, vectors, longest: window)
        } else {
            overlapping = nil
        }
    }

    /// Adds a sentence, whose vectors are written now or later. Throws what writing throws.
    public func encode(_ words: [String]) throws {
        sentences += 1
        tokens += words.count
        let steps = words.map(input.stepCount)
        let length = steps.reduce(0, +)
        if isStateful || length > longest {
            try flush()
            try writer.begin(words)
            if let overlapping {
                try overlapping.run(words, steps: steps) { try writer.append($0) }
            } else {
                try sequential.run(words, steps: steps) { try writer.append($0) }
            }
            return try writer.end()
        }
        group.sentences.append(.init(words: words, steps: steps, length: length))
        group.tokens += words.count
        if group.tokens >= limits.groupTokens || group.tokens * layers * width >= limits.groupValues
            || group.sentences.count >= 1 << 15
        {
            try runGroup()
            // Written as soon as they are computed, unless a device can compute this group in the meantime.
            if encoder.directions[0].backend.computesInHostMemory { try writeGroup() }
        }
    }

    /// Writes everything still in progress. Throws what writing throws.
    public func flush() throws {
        try runGroup()
        try writeGroup()
    }

    /// Runs the batches of the collected sentences, on a device in parallel with what follows, and writes the previous group.
    private func runGroup() throws {
        guard !group.sentences.isEmpty else { return }
        let group = group
        // Longest first, and equal lengths in the order of the text, so that nothing depends on the sorting algorithm.
        let order = group.sentences.indices.sorted {
            (group.sentences[$1].length, $0) < (group.sentences[$0].length, $1)
        }
        group.makeRoom(order, values: layers * width)
        let count = order.prefix { group.sentences[$0].length > 0 }.count
        for index in order[count...] { group.vectors(of: index).fill(0) }
        var start = 0
        while start < count {
            let most = max(1, min(limits.sentences, limits.capacity.rows / (group.sentences[order[start]].length + marks)))
            // A device works best with batches of one size.
            let batches = (count - start + most - 1) / most
            let end = start + (limits.endsTogether == 1 ? min(most, count - start) : (count - start + batches - 1) / batches)
            try run(order[start..<end], of: group)
            start = end
        }
        try writeGroup()
        swap(&self.group, &running)
    }

    /// Waits for the group whose batches are running, and writes it.
    private func writeGroup() throws {
        guard !running.sentences.isEmpty else { return }
        let start = monotonicSeconds()
        running.wait()
        waitedForGroups += monotonicSeconds() - start
        for (index, sentence) in running.sentences.enumerated() {
            try writer.begin(sentence.words)
            try writer.append(running.vectors(of: index))
            try writer.end()
        }
        running.removeAll()
        // The processor needs the memory of only one group.
        if encoder.directions[0].backend.computesInHostMemory { swap(&group, &running) }
    }

    /// Number of marks that each direction reads of a sentence: the one at its start and, if both sides are seen, the one at its
    /// end.
    private var marks: Int { encoder.configuration.isCausal ? 1 : 2 }

    /// Runs a batch. Each direction reads its mark and then the words, as in training, so that a token's vector comes from the step
    /// that has just read the token.
    private func run(_ batch: ArraySlice<Int>, of group: SentenceGroup) throws {
        let sentences = batch.map { group.sentences[$0] }
        let lengths = sentences.map { $0.length + marks }
        input.begin(rows: limits.isPacked ? lengths.reduce(0, +) : (lengths.first ?? 0) * lengths.count)
        let shape = limits.isPacked
            ? WindowShape(packing: lengths, in: input.sequences)
            : WindowShape(lengths: lengths, endingBy: limits.endsTogether, in: input.sequences)
        var places: [[StepRows]] = []
        for (column, sentence) in sentences.enumerated() {
            for direction in encoder.directions.indices {
                input.putMark(direction, row: shape.row(0, of: column), closing: false)
                if marks > 1 { input.putMark(direction, row: shape.row(sentence.length + 1, of: column), closing: true) }
            }
            places.append(encoder.directions.map { rows($0.direction, sentence.length, column, shape) })
            input.put(sentence.words, rows: places[column], counted: true)
        }
        encoder.encode(try input.words(rows: encoder.directions.map { _ in shape.rows }), shape: shape)
        let shapes = encoder.directions.map { _ in shape }
        group.marks.append(
            vectors.collect(
                zip(sentences, places).map { ($0.steps[...], $1) }, shapes, into: group.vectors(of: batch)))
    }

    /// Returns the rows of a sentence's steps in a direction, which follow that of the mark.
    private func rows(_ direction: Direction, _ length: Int, _ column: Int, _ shape: WindowShape) -> StepRows {
        let first = direction.step(of: 0, length: length)
        return StepRows(
            first: shape.row(1 + first, of: column), stride: (direction.step(of: 1, length: length) - first) * shape.rowStride)
    }
}

/// Sentences that are sorted together, and their vectors.
private final class SentenceGroup {
    struct Sentence {
        let words: [String]
        /// Number of steps of each word, and of all words.
        let steps: [Int]
        let length: Int
    }

    var sentences: [Sentence] = []
    var tokens = 0
    /// The work that computes the vectors.
    var marks: [any WorkMark] = []
    private let backend: any Backend
    /// The vectors of all tokens, [tokens, layers x width], sentence by sentence in the order of the batches, and the first row of
    /// each sentence.
    private var values = FloatBuffer(count: 0)
    private var firsts: [Int] = []
    private var columns = 0
    /// Memory is rounded up to a multiple of this number of tokens.
    private static let step = 1 << 12

    init(_ encoder: ContextualEncoder) { backend = encoder.directions[0].backend }

    /// No work may write to memory that has been freed.
    deinit { wait() }

    func wait() {
        for mark in marks { mark.wait() }
        marks.removeAll(keepingCapacity: true)
    }

    /// Allocates memory for the vectors of all sentences, with `columns` values for each token.
    /// - Parameter order: the sentences in the order of the batches.
    func makeRoom(_ order: [Int], values columns: Int) {
        self.columns = columns
        if values.count < tokens * columns {
            // Groups differ in size by about a sentence, and allocating page-locked memory is slow.
            values = backend.allocateShared((tokens / Self.step + 1) * Self.step * columns)
        }
        firsts = Array(repeating: 0, count: sentences.count)
        var first = 0
        for index in order {
            firsts[index] = first
            first += sentences[index].words.count
        }
    }

    /// Returns the vectors of a sentence.
    func vectors(of index: Int) -> Matrix {
        Matrix(values, at: firsts[index] * columns, rows: sentences[index].words.count, columns: columns)
    }

    /// Returns the vectors of consecutive sentences in the order of the batches.
    func vectors(of batch: ArraySlice<Int>) -> Matrix {
        let rows = batch.reduce(0) { $0 + sentences[$1].words.count }
        return Matrix(values, at: (batch.first.map { firsts[$0] } ?? 0) * columns, rows: rows, columns: columns)
    }

    func removeAll() {
        sentences.removeAll(keepingCapacity: true)
        tokens = 0
    }
}
