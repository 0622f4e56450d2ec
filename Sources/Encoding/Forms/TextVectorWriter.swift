public import Files
@_spi(HostMemory) public import Kernels
public import Parallel
import Shards

/// Writer of text in the style of word2vec and GloVe, for inspection: a line for each token with the word and its numbers, layer
/// after layer. An empty line ends a sentence.
public final class TextVectorWriter: VectorWriter {
    private let output: OutputFile
    private let layout: VectorLayout
    private let isFlushed: Bool
    private var words: ArraySlice<String> = []

    /// Creates a writer.
    /// - `isFlushed`: true to output each sentence as soon as it is complete.
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

    /// Returns the size of the text. A number and the preceding space take about 11 bytes, as measured.
    public static func size(_ extent: OutputExtent) -> OutputSize {
        let input = extent.input
        return OutputSize(bytes: 11 * extent.values + input.wordBytes + input.tokens + input.sentences, .about)
    }
}

/// Writer of JSON Lines: an object for each sentence, `{"tokens": […], "vectors": [token][layer][value]}`.
public final class JSONVectorWriter: VectorWriter {
    private let output: OutputFile
    private let layout: VectorLayout
    private let isFlushed: Bool
    private var isFirst = true

    /// Creates a writer.
    /// - `isFlushed`: true to output each line as soon as it is complete.
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

    /// Returns the size of the text. A number and its separators take about 12 bytes, as measured.
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

/// Writer of the tokens beside vectors in any form: a line for each sentence, its tokens separated by spaces, and an empty line for
/// an empty sentence. Token i of the file, counted over all lines, is row i of the vectors; with pooling, line i is row i.
public final class TokenTextWriter: VectorWriter {
    private let writer: any VectorWriter
    private let output: OutputFile
    private let isFlushed: Bool
    private var tokens = 0

    /// Creates a writer.
    /// - `isFlushed`: true to output each line before its vectors are written.
    public init(_ output: OutputFile, beside writer: any VectorWriter, isFlushed: Bool = false) {
        self.output = output
        self.writer = writer
        self.isFlushed = isFlushed
    }

    /// Starts a sentence. Throws `ToolError` with status `dataError` for a token that is empty or contains white space, as a token
    /// shard made by others may, and which could not be found again.
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

    /// Returns the size of the file.
    public static func size(_ input: InputSize) -> OutputSize {
        // Each token is followed by a space or line end, and an empty line has its end.
        let size = input.wordBytes + input.tokens + input.emptySentences
        return OutputSize(bytes: size, input.isCounted && input.hasExactWords ? .exact : .about)
    }
}
