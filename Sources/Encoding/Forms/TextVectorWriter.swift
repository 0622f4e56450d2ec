public import Files

/// Text in the manner of word2vec's and GloVe's, for a look: a line a token, the word and its numbers, layer after layer; an
/// empty line ends a sentence.
public final class TextVectorWriter: VectorWriter {
    private let output: OutputFile
    private let size: Int
    private let isFlushed: Bool
    private var words: ArraySlice<String> = []

    /// - Parameter isFlushed: whether a sentence is handed on as soon as it is complete.
    public init(_ output: OutputFile, layers: Int, width: Int, isFlushed: Bool = false) {
        self.output = output
        size = layers * width
        self.isFlushed = isFlushed
    }

    public func begin(_ words: [String]) { self.words = words[...] }

    public func append(_ values: UnsafeBufferPointer<Float>) throws {
        for start in stride(from: 0, to: values.count, by: size) {
            guard var line = words.popFirst() else { preconditionFailure("more vectors than words") }
            for value in values[start..<start + size] { line += " \(value)" }
            try output.write(line + "\n")
        }
    }

    public func end() throws {
        try output.write("\n")
        if isFlushed { try output.flush() }
    }

    public func finish() {}

    /// The size of the text. A number and the space before it take some 11 bytes, measured.
    public static func size(_ extent: OutputExtent) -> OutputSize {
        let input = extent.input
        return OutputSize(bytes: 11 * extent.values + input.wordBytes + input.tokens + input.sentences, .about)
    }
}
