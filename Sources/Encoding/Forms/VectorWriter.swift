import Files
public import Kernels
public import Shards

/// The shape of each token's vectors, and the storage type of their numbers.
public struct VectorLayout: Sendable {
    let layers, width: Int
    let storage: RowStorage
    /// Number of values of a token.
    var values: Int { layers * width }

    /// Creates a layout.
    public init(layers: Int, width: Int, storage: RowStorage = .float32) {
        self.layers = layers
        self.width = width
        self.storage = storage
    }
}

/// A writer of contextual vectors in some form, sentence by sentence. Long sentences come in pieces.
public protocol VectorWriter: AnyObject {
    /// Starts a sentence, which may have no words.
    func begin(_ words: [String]) throws
    /// Writes the vectors of its next tokens, [tokens, layers x width], dense: the layers of a token one after another. The memory
    /// is valid only during the call.
    func append(_ vectors: Matrix) throws
    /// Ends the sentence. Does nothing in most forms.
    func end() throws
    /// Ends the output, which the caller that opened it commits. Does nothing in most forms.
    func finish() throws
}

extension VectorWriter {
    public func end() {}
    public func finish() {}

    /// Writes a whole sentence.
    public func append(_ sentence: SentenceVectors) throws {
        try begin(sentence.words)
        try append(sentence.values, tokens: sentence.words.count)
        try end()
    }

    /// Writes the vectors of the sentence's next `tokens` tokens, of shape (tokens, layers, width).
    public func append(_ values: [Float], tokens: Int) throws {
        let memory = FloatBuffer(count: values.count)
        let vectors = Matrix(memory, rows: tokens, columns: values.count / max(1, tokens))
        vectors.copy(from: values)
        try append(vectors)
        withExtendedLifetime(memory) {}
    }
}

/// A writer that passes on whole sentences in memory.
public final class SentenceCollector: VectorWriter {
    private let deliver: (SentenceVectors) throws -> Void
    private var sentence = SentenceVectors(words: [], values: [])

    /// Creates a writer that calls `deliver` with each sentence.
    public init(_ deliver: @escaping (SentenceVectors) throws -> Void) { self.deliver = deliver }

    public func begin(_ words: [String]) { sentence = SentenceVectors(words: words, values: []) }
    public func append(_ vectors: Matrix) { sentence.values.append(contentsOf: vectors.values) }
    public func end() throws { try deliver(sentence) }
}

/// A writer that turns the vectors of a sentence's tokens into one vector for each layer. The writer behind it gets each sentence
/// as a single token, the sentence's text; a sentence without words becomes zeros.
public final class PoolingWriter: VectorWriter {
    /// A way to turn vectors into one.
    public enum Pooling: String, CaseIterable, Sendable {
        /// The mean of each value.
        case mean
        /// The maximum of each value.
        case max
    }

    private let writer: any VectorWriter
    private let pooling: Pooling
    /// The pool of a sentence's tokens, [layers x width].
    private var pool: RowPool
    /// The sentence's vector, [1, layers x width].
    private let result: RowMatrix

    /// Creates a writer in front of another.
    public init(_ writer: any VectorWriter, _ pooling: Pooling, _ layout: VectorLayout) {
        self.writer = writer
        self.pooling = pooling
        pool = RowPool(pooling == .mean ? .mean : .greatest, columns: layout.values)
        result = RowMatrix(count: 1, dimension: layout.values)
    }

    public func begin(_ words: [String]) throws {
        try writer.begin([words.joined(separator: " ")])
        pool = RowPool(pooling == .mean ? .mean : .greatest, columns: result.dimension)
    }

    public func append(_ vectors: Matrix) { pool.add(vectors) }

    public func end() throws {
        result.row(0).copy(from: pool.result)
        try writer.append(result.row(0))
        try writer.end()
    }

    public func finish() throws { try writer.finish() }
}

/// A writer that makes sure that only finite numbers are written: even finite weights may turn a sentence into NaN or infinity.
public final class FiniteVectors: VectorWriter {
    private let writer: any VectorWriter
    private let model: String
    private var sentences = 0

    /// Creates a writer in front of another.
    /// - `model`: name of the model, for messages.
    public init(_ writer: any VectorWriter, of model: String) {
        self.writer = writer
        self.model = model
    }

    public func begin(_ words: [String]) throws {
        sentences += 1
        try writer.begin(words)
    }

    /// Throws `ToolError` with status `dataError` for a value that is infinite or NaN.
    public func append(_ vectors: Matrix) throws {
        guard vectors.isFinite else {
            throw ToolError.data(model, "sentence \(sentences)", "the model makes vectors of it that hold what is no number")
        }
        try writer.append(vectors)
    }

    public func end() throws { try writer.end() }
    public func finish() throws { try writer.finish() }
}
