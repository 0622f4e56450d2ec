import Files
@_spi(HostMemory) import Kernels
public import Shards

/// A form in which contextual vectors are written, sentence after sentence. A long sentence comes in pieces.
public protocol VectorWriter: AnyObject {
    /// Begins a sentence; it may have no words.
    func begin(_ words: [String]) throws
    /// The vectors of its next tokens: shape (tokens, layers, width).
    func append(_ values: UnsafeBufferPointer<Float>) throws
    /// Ends the sentence.
    func end() throws
    /// Ends the output; the caller commits what it opened.
    func finish() throws
}

extension VectorWriter {
    /// A whole sentence.
    public func append(_ sentence: SentenceVectors) throws {
        try begin(sentence.words)
        try sentence.values.withUnsafeBufferPointer { try append($0) }
        try end()
    }
}

/// Hands whole sentences on, for who wants them in memory.
public final class SentenceCollector: VectorWriter {
    private let deliver: (SentenceVectors) throws -> Void
    private var sentence = SentenceVectors(words: [], values: [])

    public init(_ deliver: @escaping (SentenceVectors) throws -> Void) { self.deliver = deliver }

    public func begin(_ words: [String]) { sentence = SentenceVectors(words: words, values: []) }
    public func append(_ values: UnsafeBufferPointer<Float>) { sentence.values.append(contentsOf: values) }
    public func end() throws { try deliver(sentence) }
    public func finish() {}
}

/// One vector for each layer of a whole sentence, from those of its tokens. To the form behind it a sentence is one token, its
/// text; a sentence without words has zeros.
public final class PoolingWriter: VectorWriter {
    /// How vectors become one.
    public enum Pooling: String, CaseIterable, Sendable {
        case mean
        /// The greatest value at each place.
        case max
    }

    private let writer: any VectorWriter
    private let pooling: Pooling
    private var tokens = 0
    /// [layers, width]
    private var result: [Float]
    private var sums: [Double]

    public init(_ writer: any VectorWriter, _ pooling: Pooling, layers: Int, width: Int) {
        self.writer = writer
        self.pooling = pooling
        result = [Float](repeating: 0, count: layers * width)
        sums = [Double](repeating: 0, count: layers * width)
    }

    public func begin(_ words: [String]) throws {
        try writer.begin([words.joined(separator: " ")])
        for index in result.indices { (result[index], sums[index]) = (0, 0) }
        tokens = 0
    }

    public func append(_ values: UnsafeBufferPointer<Float>) {
        let size = result.count
        for start in stride(from: 0, to: values.count, by: size) {
            for index in 0..<size {
                let value = values[start + index]
                switch pooling {
                case .mean: sums[index] += Double(value)
                case .max: result[index] = tokens == 0 || value > result[index] ? value : result[index]
                }
            }
            tokens += 1
        }
    }

    public func end() throws {
        if pooling == .mean {
            for index in result.indices { result[index] = Float(sums[index] / Double(max(1, tokens))) }
        }
        try result.withUnsafeBufferPointer { try writer.append($0) }
        try writer.end()
    }

    public func finish() throws { try writer.finish() }
}

/// Sees that only numbers are written: weights may be numbers, and what they make of a sentence not.
public final class FiniteVectors: VectorWriter {
    private let writer: any VectorWriter
    private let model: String
    private var sentences = 0

    /// - Parameter model: its name, for messages.
    public init(_ writer: any VectorWriter, of model: String) {
        self.writer = writer
        self.model = model
    }

    public func begin(_ words: [String]) throws {
        sentences += 1
        try writer.begin(words)
    }

    /// Throws `ToolError` with status `dataError` for a value that is infinite or no number.
    public func append(_ values: UnsafeBufferPointer<Float>) throws {
        if let start = values.baseAddress, !Vector.isFinite(start, count: values.count) {
            throw ToolError.data(model, "sentence \(sentences)", "the model makes vectors of it that hold what is no number")
        }
        try writer.append(values)
    }

    public func end() throws { try writer.end() }
    public func finish() throws { try writer.finish() }
}
