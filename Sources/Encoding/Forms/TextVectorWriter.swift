public import Files
@_spi(HostMemory) public import Kernels
public import Parallel
import Shards

/// Text in the manner of word2vec's and GloVe's, for a look: a line a token, the word and its numbers, layer after layer; an
/// empty line ends a sentence.
public final class TextVectorWriter: VectorWriter {
    private let output: OutputFile
    private let layout: VectorLayout
    private let isFlushed: Bool
    private var words: ArraySlice<String> = []

    /// - Parameter isFlushed: true if a sentence is to be handed on as soon as it is complete.
    public init(_ output: OutputFile, _ layout: VectorLayout, isFlushed: Bool = false) {
        self.output = output
        self.layout = layout
        self.isFlushed = isFlushed
    }

    public func begin(_ words: [String]) { self.words = words[...] }

    public func append(_ vectors: Matrix) throws {
        let values = vectors.floats
        for start in stride(from: 0, to: values.count, by: layout.values) {
            guard var line = words.popFirst() else { preconditionFailure("more vectors than words") }
            for value in values[start..<start + layout.values] { line += " \(value)" }
            try output.write(line + "\n")
        }
    }

    public func end() throws {
        try output.write("\n")
        if isFlushed { try output.flush() }
    }

    /// The size of the text. A number and the space before it take some 11 bytes, measured.
    public static func size(_ extent: OutputExtent) -> OutputSize {
        let input = extent.input
        return OutputSize(bytes: 11 * extent.values + input.wordBytes + input.tokens + input.sentences, .about)
    }
}

/// JSON Lines: an object a sentence, `{"tokens": […], "vectors": [token][layer][value]}`.
public final class JSONVectorWriter: VectorWriter {
    private let output: OutputFile
    private let layout: VectorLayout
    private let isFlushed: Bool
    private var isFirst = true

    /// - Parameter isFlushed: true if a line is to be handed on as soon as it is complete.
    public init(_ output: OutputFile, _ layout: VectorLayout, isFlushed: Bool = false) {
        self.output = output
        self.layout = layout
        self.isFlushed = isFlushed
    }

    public func begin(_ words: [String]) throws {
        try output.write("{\"tokens\": [\(words.map(jsonString).joined(separator: ", "))], \"vectors\": [")
        isFirst = true
    }

    public func append(_ vectors: Matrix) throws {
        let values = vectors.floats, width = layout.width
        for start in stride(from: 0, to: values.count, by: layout.values) {
            let token = (0..<layout.layers).map { layer in
                let vector = values[start + layer * width..<start + (layer + 1) * width]
                return "[" + vector.map { "\($0)" }.joined(separator: ", ") + "]"
            }
            try output.write((isFirst ? "[" : ", [") + token.joined(separator: ", ") + "]")
            isFirst = false
        }
    }

    public func end() throws {
        try output.write("]}\n")
        if isFlushed { try output.flush() }
    }

    /// The size of the text. A number and what separates it take some 12 bytes, measured.
    public static func size(_ extent: OutputExtent) -> OutputSize {
        let input = extent.input
        let brackets = 4 * input.tokens * Double(1 + extent.layout.layers) + 31 * input.sentences
        return OutputSize(bytes: 12 * extent.values + input.wordBytes + brackets, .about)
    }
}

/// Prints vector shards as JSON Lines.
public func printVectors(paths: [String], to output: OutputFile, pool: WorkerPool) throws {
    for path in paths {
        let reader = try VectorShardReader(FileSource(path: path), pool: pool)
        let writer = JSONVectorWriter(output, VectorLayout(layers: reader.layers, width: reader.width))
        while let sentence = try reader.next() { try writer.append(sentence) }
    }
}

/// The tokens beside vectors in any form: a line a sentence, its tokens with a space between them, an empty line for an empty
/// sentence. Token i of the file, counted through all lines, is row i of the vectors; of pooled sentences, line i is row i.
public final class TokenTextWriter: VectorWriter {
    private let writer: any VectorWriter
    private let output: OutputFile
    private let isFlushed: Bool
    private var tokens = 0

    /// - Parameter isFlushed: true if a line is to be handed on before its vectors are written.
    public init(_ output: OutputFile, beside writer: any VectorWriter, isFlushed: Bool = false) {
        self.output = output
        self.writer = writer
        self.isFlushed = isFlushed
    }

    /// Throws `ToolError` with status `dataError` for a token that is empty or has white space in it, which a token shard of other
    /// makers may hold, and which could not be found again.
    public func begin(_ words: [String]) throws {
        var line: [UInt8] = []
        for var word in words {
            tokens += 1
            try word.withUTF8 { bytes in
                try checkWord(UnsafeRawBufferPointer(bytes), number: tokens, file: output.name)
                if !line.isEmpty { line.append(UInt8(ascii: " ")) }
                line.append(contentsOf: bytes)
            }
        }
        line.append(UInt8(ascii: "\n"))
        try output.write(line)
        if isFlushed { try output.flush() }
        try writer.begin(words)
    }

    public func append(_ vectors: Matrix) throws { try writer.append(vectors) }
    public func end() throws { try writer.end() }
    public func finish() throws { try writer.finish() }

    /// The size of the file.
    public static func size(_ input: InputSize) -> OutputSize {
        // Behind each token is a space or a line end, and in an empty line its end.
        let size = input.wordBytes + input.tokens + input.emptySentences
        return OutputSize(bytes: size, input.isCounted && input.hasExactWords ? .exact : .about)
    }
}
