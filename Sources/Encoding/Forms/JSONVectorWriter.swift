public import Files
public import Parallel
import Shards

/// JSON Lines: an object a sentence, `{"tokens": […], "vectors": [token][layer][value]}`.
public final class JSONVectorWriter: VectorWriter {
    private let output: OutputFile
    private let layers: Int
    private let width: Int
    private let isFlushed: Bool
    private var isFirst = true

    /// - Parameter isFlushed: whether a line is handed on as soon as it is complete.
    public init(_ output: OutputFile, layers: Int, width: Int, isFlushed: Bool = false) {
        self.output = output
        self.layers = layers
        self.width = width
        self.isFlushed = isFlushed
    }

    public func begin(_ words: [String]) throws {
        try output.write("{\"tokens\": [\(words.map(jsonString).joined(separator: ", "))], \"vectors\": [")
        isFirst = true
    }

    public func append(_ values: UnsafeBufferPointer<Float>) throws {
        for start in stride(from: 0, to: values.count, by: layers * width) {
            var text = isFirst ? "[" : ", ["
            for layer in 0..<layers {
                let vector = values[start + layer * width..<start + (layer + 1) * width]
                text += layer == 0 ? "[" : ", ["
                text += vector.map { "\($0)" }.joined(separator: ", ")
                text += "]"
            }
            try output.write(text + "]")
            isFirst = false
        }
    }

    public func end() throws {
        try output.write("]}\n")
        if isFlushed { try output.flush() }
    }

    public func finish() {}

    /// The size of the text. A number and what separates it take some 12 bytes, measured.
    public static func size(_ extent: OutputExtent) -> OutputSize {
        let input = extent.input
        let brackets = 4 * input.tokens * Double(1 + extent.layers) + 31 * input.sentences
        return OutputSize(bytes: 12 * extent.values + input.wordBytes + brackets, .about)
    }
}

/// Prints vector shards as JSON Lines.
public func printVectors(paths: [String], to output: OutputFile, pool: WorkerPool) throws {
    for path in paths {
        let reader = try VectorShardReader(FileSource(path: path), pool: pool)
        let writer = JSONVectorWriter(output, layers: reader.layers, width: reader.width)
        while let sentence = try reader.next() { try writer.append(sentence) }
    }
}
