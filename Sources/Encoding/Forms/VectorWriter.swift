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
