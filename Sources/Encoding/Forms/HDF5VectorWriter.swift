import Files
@_spi(HostMemory) public import Kernels
public import HDF5
import Shards

/// HDF5 in the layout of AllenNLP's `elmo` command: a data set a sentence, its name the sentence's number from 0, of shape
/// (layers, tokens, width), or (tokens, width) where there is one layer; and `sentence_to_index`, a JSON object from each
/// sentence, its words with spaces between them, to the name of its data set.
public final class HDF5VectorWriter: VectorWriter {
    private let writer: HDF5Writer
    private let layout: VectorLayout
    private var sentences = 0
    /// The object, which may be large, waits in a file.
    private let index: TemporaryFile
    private let indexOutput: OutputFile

    /// Throws `ToolError` with status `cannotCreate` if there can be no temporary file.
    public init(_ writer: HDF5Writer, _ layout: VectorLayout) throws {
        self.writer = writer
        self.layout = layout
        index = try TemporaryFile()
        indexOutput = index.output()
    }

    public func begin(_ words: [String]) throws {
        let sentence = jsonString(words.joined(separator: " "))
        try indexOutput.write("\(sentences == 0 ? "{" : ", ")\(sentence): \"\(sentences)\"")
        let shape = (layout.layers == 1 ? [] : [layout.layers]) + [words.count, layout.width]
        try writer.beginDataset("\(sentences)", shape: shape, type: layout.storage)
        sentences += 1
    }

    public func append(_ vectors: Matrix) throws {
        if vectors.rows > 0 { try writer.write(UnsafeBufferPointer(vectors.floats)) }
    }

    public func finish() throws {
        try indexOutput.write(sentences == 0 ? "{}" : "}")
        try indexOutput.commit()
        try writer.writeString("sentence_to_index", from: index.source())
    }

    /// The size of the file: what the library writes about a data set takes some 320 bytes, measured, and the object has the
    /// sentence and some 14 bytes more.
    public static func size(_ extent: OutputExtent) -> OutputSize {
        let input = extent.input
        return OutputSize(bytes: extent.valueBytes + input.wordBytes + input.tokens + 334 * input.sentences + 4096, .about)
    }
}
