import Files
public import Kernels
public import Layers
public import Model
internal import Parallel
public import Subwords
public import WordVectors

/// Gives every token of every sentence its contextual vectors.
///
/// Sentences are taken in groups of bounded size, sorted by length within a group, run in batches from the zero state,
/// and handed on in the order in which they came. What a sentence gets does not depend on the others, to the last bit.
/// Longer ones than a batch has room for, or than the encoder sees at once, run alone, in pieces.
public final class SentenceEncoder {
    /// The counts of what was encoded, and of words by the origin of their vectors.
    public struct Statistics: Sendable, Equatable {
        public var sentences = 0
        public var tokens = 0
        /// Tokens whose word is not in the table: made by its generator, and those for which nothing could be made.
        public var madeTokens = 0
        public var unknownTokens = 0
    }

    /// The most that a batch holds on the processor: positions, padding included.
    public static let batchRows = 4096
    /// Sentences of such a batch at most.
    public static let batchSentences = 128
    /// Steps of a sentence at most that runs in a batch.
    public static let longestPiece = 1024

    /// The largest batch that an encoder will be asked for on the processor.
    public static let capacity = WindowCapacity(batch: batchSentences, rows: batchRows)

    public var statistics: Statistics {
        Statistics(sentences: sentences, tokens: tokens, madeTokens: input.madeTokens, unknownTokens: input.unknownTokens)
    }
    public var layers: Int { vectors.layers }
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
    /// The sentences that are taken, and those that a device computes meanwhile.
    private var group: SentenceGroup, running: SentenceGroup

    /// - Parameters:
    ///   - encoder: made with `capacity`, or what it is on a device; its weights are packed, and must not change.
    ///   - table, merges: the vectors of words, or the merges that cut words into units, as the input layer reads them.
    ///   - isStateful: true if each sentence goes on from the state in which the one before it ended.
    ///   - longest: the number of steps of a sentence at most that is not run in pieces. A model that reads both ways at once takes
    ///     no longer ones.
    ///   - groupTokens: the number of tokens of the sentences that are sorted together; `nil`: as many as are good.
    ///   - writer: takes the sentences with their vectors, in order; who made it finishes it.
    /// Throws `ToolError`: `configuration` if table and model do not fit each other, `usage` if there is no such layer, and
    /// what reading the table throws.
    public init(
        _ encoder: ContextualEncoder, table: EmbeddingTable?, tableName: String, merges: (table: Merges, name: String)? = nil,
        layers choice: LayerChoice, isStateful: Bool = false, precision: WeightPrecision = .float32,
        longest: Int = longestPiece, groupTokens: Int? = nil, to writer: any VectorWriter
    ) throws {
        self.encoder = encoder
        self.writer = writer
        self.isStateful = isStateful
        let marks = encoder.configuration.isCausal ? 1 : 2
        // A window has room for the marks, too.
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
        // The deepest products of bytes whose sums are exact.
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

    /// Takes a sentence; its vectors are written now or later. Throws what writing throws.
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
            // Written as soon as they are there, unless a device can compute this group meanwhile.
            if encoder.directions[0].backend.computesInHostMemory { try writeGroup() }
        }
    }

    /// Writes what is still under way.
    public func flush() throws {
        try runGroup()
        try writeGroup()
    }

    /// Runs the batches of the sentences that were taken, on a device beside what comes next, and writes the group before them.
    private func runGroup() throws {
        guard !group.sentences.isEmpty else { return }
        let group = group
        // Longest first; equal lengths in the order of the text, so that nothing depends on the sort.
        let order = group.sentences.indices.sorted {
            (group.sentences[$1].length, $0) < (group.sentences[$0].length, $1)
        }
        group.makeRoom(order, values: layers * width)
        let count = order.prefix { group.sentences[$0].length > 0 }.count
        for index in order[count...] { group.vectors(of: index).fill(0) }
        var start = 0
        while start < count {
            let most = max(1, min(limits.sentences, limits.capacity.rows / (group.sentences[order[start]].length + marks)))
            // A device does best with batches of one size.
            let batches = (count - start + most - 1) / most
            let end = start + (limits.endsTogether == 1 ? min(most, count - start) : (count - start + batches - 1) / batches)
            try run(order[start..<end], of: group)
            start = end
        }
        try writeGroup()
        swap(&self.group, &running)
    }

    /// Writes the group whose batches run or have run, when they have.
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
        // The memory of one group is enough for the processor.
        if encoder.directions[0].backend.computesInHostMemory { swap(&group, &running) }
    }

    /// The marks that each direction reads of a sentence: the one that it begins with, and, where both sides are read, the other.
    private var marks: Int { encoder.configuration.isCausal ? 1 : 2 }

    /// Runs a batch. Each direction reads its mark first and then the words, as in training, so that a token's vector
    /// comes from the step that has just read the token.
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

    /// The rows of a sentence's steps in a direction: the mark's comes before them.
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
        /// The number of steps of each word, and of all.
        let steps: [Int]
        let length: Int
    }

    var sentences: [Sentence] = []
    var tokens = 0
    /// The work that makes the vectors.
    var marks: [any WorkMark] = []
    private let backend: any Backend
    /// The vectors of all tokens, [tokens, layers x width], sentence after sentence in the order of the batches, and for each
    /// sentence its first row.
    private var values = FloatBuffer(count: 0)
    private var firsts: [Int] = []
    private var columns = 0
    /// Tokens that memory is rounded up to.
    private static let step = 1 << 12

    init(_ encoder: ContextualEncoder) { backend = encoder.directions[0].backend }

    /// No work may write to memory that is no more.
    deinit { wait() }

    func wait() {
        for mark in marks { mark.wait() }
        marks.removeAll(keepingCapacity: true)
    }

    /// Makes room for the vectors of all sentences, of so many values for each token.
    /// - Parameter order: the sentences in the order of the batches.
    func makeRoom(_ order: [Int], values columns: Int) {
        self.columns = columns
        if values.count < tokens * columns {
            // Groups differ by a sentence, and page-locked memory takes long to get.
            values = backend.allocateShared((tokens / Self.step + 1) * Self.step * columns)
        }
        firsts = Array(repeating: 0, count: sentences.count)
        var first = 0
        for index in order {
            firsts[index] = first
            first += sentences[index].words.count
        }
    }

    /// The vectors of a sentence.
    func vectors(of index: Int) -> Matrix {
        Matrix(values, at: firsts[index] * columns, rows: sentences[index].words.count, columns: columns)
    }

    /// The vectors of sentences that follow each other in the order of the batches.
    func vectors(of batch: ArraySlice<Int>) -> Matrix {
        let rows = batch.reduce(0) { $0 + sentences[$1].words.count }
        return Matrix(values, at: (batch.first.map { firsts[$0] } ?? 0) * columns, rows: rows, columns: columns)
    }

    func removeAll() {
        sentences.removeAll(keepingCapacity: true)
        tokens = 0
    }
}
