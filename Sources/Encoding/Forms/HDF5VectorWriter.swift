import Files
@_spi(HostMemory) public import Kernels
public import HDF5
import Shards

/// Writer of HDF5 in the layout of AllenNLP's `elmo` command: a data set for each sentence, named by the sentence's number from 0,
/// of shape (layers, tokens, width), or (tokens, width) for one layer; and `sentence_to_index`, a JSON object from each sentence,
/// its words joined by spaces, to the name of its data set.
public final class HDF5VectorWriter: VectorWriter {
    private let writer: HDF5Writer
    private let layout: VectorLayout
    private var sentences = 0
    /// The object, which may be large, is kept in a file.
    private let index: TemporaryFile
    private let indexOutput: OutputFile

    /// Creates a writer. Throws `ToolError` with status `cannotCreate` if no temporary file can be created.
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

    /// Returns the size of the file: the library writes about 320 bytes for a data set, as measured, and the object holds the
    /// sentence and about 14 more bytes.
    public static func size(_ extent: OutputExtent) -> OutputSize {
        let input = extent.input
        return OutputSize(bytes: extent.valueBytes + input.wordBytes + input.tokens + 334 * input.sentences + 4096, .about)
    }
}
