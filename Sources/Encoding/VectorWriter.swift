public import Files
public import Parallel
public import Shards

/// A form in which contextual vectors are written, sentence after sentence.
public protocol VectorWriter: AnyObject {
    func append(_ sentence: SentenceVectors) throws
    /// Ends the output; the caller commits what it opened.
    func finish() throws
}

/// Vector shards: the form that the other tools read.
public final class ShardVectorWriter: VectorWriter {
    private let writer: VectorShardWriter

    public init(
        _ output: OutputFile, tool: String, layers: Int, width: Int, fields: ShardFields, pool: WorkerPool
    ) throws {
        writer = try VectorShardWriter(
            output, tool: tool, layers: layers, width: width, fields: fields, pool: pool)
    }

    public func append(_ sentence: SentenceVectors) throws { try writer.append(sentence) }
    public func finish() throws { try writer.finish() }
}

/// NumPy: one array of shape (tokens, layers, width), and beside it the offsets of the sentences, shape (sentences + 1).
public final class NpyVectorWriter: VectorWriter {
    private let vectors: NpyWriter
    private let offsets: NpyWriter
    private var tokens = 0

    public init(_ output: OutputFile, offsets: OutputFile, layers: Int, width: Int) throws {
        vectors = try NpyWriter(output, type: "<f4", rowShape: [layers, width])
        self.offsets = try NpyWriter(offsets, type: "<i8", rowShape: [])
        try self.offsets.append([Int64(0)])
    }

    public func append(_ sentence: SentenceVectors) throws {
        tokens += sentence.words.count
        try vectors.append(sentence.values)
        try offsets.append([Int64(tokens)])
    }

    public func finish() throws {
        try vectors.finish()
        try offsets.finish()
    }
}

/// JSON Lines: an object a sentence, `{"tokens": […], "vectors": [token][layer][value]}`.
public final class JSONVectorWriter: VectorWriter {
    private let output: OutputFile
    private let layers: Int
    private let width: Int

    public init(_ output: OutputFile, layers: Int, width: Int) {
        self.output = output
        self.layers = layers
        self.width = width
    }

    public func append(_ sentence: SentenceVectors) throws {
        let words = sentence.words.map(jsonString).joined(separator: ", ")
        var line = "{\"tokens\": [\(words)], \"vectors\": ["
        for token in sentence.words.indices {
            line += token == 0 ? "[" : ", ["
            for layer in 0..<layers {
                let start = (token * layers + layer) * width
                let values = sentence.values[start..<start + width].map { "\($0)" }.joined(separator: ", ")
                line += layer == 0 ? "[\(values)]" : ", [\(values)]"
            }
            line += "]"
        }
        try output.write(line + "]}\n")
    }

    public func finish() throws {}
}

/// Prints vector shards as JSON Lines.
public func printVectors(paths: [String], to output: OutputFile, pool: WorkerPool) throws {
    for path in paths {
        let reader = try VectorShardReader(FileSource(path: path), pool: pool)
        let writer = JSONVectorWriter(output, layers: reader.layers, width: reader.width)
        while let sentence = try reader.next() { try writer.append(sentence) }
    }
}
