import Files
public import Kernels
public import Shards

/// The shape of each token's vectors, and the storage of their numbers.
public struct VectorLayout: Sendable {
    let layers, width: Int
    let storage: RowStorage
    /// The values of a token.
    var values: Int { layers * width }

    public init(layers: Int, width: Int, storage: RowStorage = .float32) {
        self.layers = layers
        self.width = width
        self.storage = storage
    }
}

/// A form in which contextual vectors are written, sentence after sentence. A long sentence comes in pieces.
public protocol VectorWriter: AnyObject {
    /// Begins a sentence; it may have no words.
    func begin(_ words: [String]) throws
    /// Takes the vectors of its next tokens, [tokens, layers x width], without gaps: the layers of a token one after the other.
    /// They are valid during the call.
    func append(_ vectors: Matrix) throws
    /// Ends the sentence. Most forms have nothing to do.
    func end() throws
    /// Ends the output; the caller commits what it opened. Most forms have nothing to do.
    func finish() throws
}

extension VectorWriter {
    public func end() {}
    public func finish() {}

    /// Takes a whole sentence.
    public func append(_ sentence: SentenceVectors) throws {
        try begin(sentence.words)
        try append(sentence.values, tokens: sentence.words.count)
        try end()
    }

    /// Takes the vectors of the sentence's next `tokens` tokens: shape (tokens, layers, width).
    public func append(_ values: [Float], tokens: Int) throws {
        let memory = FloatBuffer(count: values.count)
        let vectors = Matrix(memory, rows: tokens, columns: values.count / max(1, tokens))
        vectors.copy(from: values)
        try append(vectors)
        withExtendedLifetime(memory) {}
    }
}

/// Hands on whole sentences in memory.
public final class SentenceCollector: VectorWriter {
    private let deliver: (SentenceVectors) throws -> Void
    private var sentence = SentenceVectors(words: [], values: [])

    public init(_ deliver: @escaping (SentenceVectors) throws -> Void) { self.deliver = deliver }

    public func begin(_ words: [String]) { sentence = SentenceVectors(words: words, values: []) }
    public func append(_ vectors: Matrix) { sentence.values.append(contentsOf: vectors.values) }
    public func end() throws { try deliver(sentence) }
}

/// Makes one vector for each layer of a whole sentence, from those of its tokens. To the form behind it a sentence is one token,
/// its text; a sentence without words has zeros.
public final class PoolingWriter: VectorWriter {
    /// The way in which vectors become one.
    public enum Pooling: String, CaseIterable, Sendable {
        case mean
        /// The greatest value at each place.
        case max
    }

    private let writer: any VectorWriter
    private let pooling: Pooling
    /// The pool of a sentence's tokens, [layers x width].
    private var pool: RowPool
    /// The sentence's vector: [1, layers x width].
    private let result: RowMatrix

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

/// Sees that only numbers are written: weights may be numbers, and what they make of a sentence not.
public final class FiniteVectors: VectorWriter {
    private let writer: any VectorWriter
    private let model: String
    private var sentences = 0

    /// - Parameter model: the name of the model, for messages.
    public init(_ writer: any VectorWriter, of model: String) {
        self.writer = writer
        self.model = model
    }

    public func begin(_ words: [String]) throws {
        sentences += 1
        try writer.begin(words)
    }

    /// Throws `ToolError` with status `dataError` for a value that is infinite or no number.
    public func append(_ vectors: Matrix) throws {
        guard vectors.isFinite else {
            throw ToolError.data(model, "sentence \(sentences)", "the model makes vectors of it that hold what is no number")
        }
        try writer.append(vectors)
    }

    public func end() throws { try writer.end() }
    public func finish() throws { try writer.finish() }
}
