public import Files
@_spi(HostMemory) public import Kernels
import Shards

/// Writer of a NumPy array of shape (tokens, layers, width), and an array of the sentences' offsets, of shape (sentences + 1).
public final class NpyVectorWriter: VectorWriter {
    private let rows: NpyRows
    private let offsets: NpyWriter
    private var tokens = 0

    /// Creates a writer. Throws `ToolError` with status `ioError`.
    public init(_ output: OutputFile, offsets: OutputFile, _ layout: VectorLayout) throws {
        rows = try NpyRows(output, layout)
        self.offsets = try NpyWriter(offsets, type: "<i8", rowShape: [])
        try self.offsets.append([Int64(0)])
    }

    public func begin(_ words: [String]) { tokens += words.count }
    public func append(_ vectors: Matrix) throws { try rows.append(vectors) }
    public func end() throws { try offsets.append([Int64(tokens)]) }

    public func finish() throws {
        try rows.finish()
        try offsets.finish()
    }

    /// Returns the size of both files.
    public static func size(_ extent: OutputExtent) -> OutputSize {
        let headers = 2 * Double(NpyWriter.headerSize)
        return OutputSize(bytes: headers + extent.valueBytes + 8 * (extent.input.sentences + 1), extent.accuracy)
    }
}

/// Writer of a folder with one NumPy array of shape (tokens, layers, width) for each sentence: `0.npy`, `1.npy` and so on.
public final class NpyFolderWriter: VectorWriter {
    private let folder: OutputFolder
    private let layout: VectorLayout
    private var current: (file: OutputFile, rows: NpyRows)?

    /// Creates a writer.
    public init(_ folder: OutputFolder, _ layout: VectorLayout) {
        self.folder = folder
        self.layout = layout
    }

    public func begin(_ words: [String]) throws {
        let file = try folder.next()
        current = (file, try NpyRows(file, layout))
    }

    public func append(_ vectors: Matrix) throws { try current?.rows.append(vectors) }

    public func end() throws {
        try current?.rows.finish()
        try current?.file.commit()
        current = nil
    }

    /// Returns the size of all files in whole disk blocks, usually of 4 KiB. Files of pooled sentences all have the same size; for
    /// others, half of the last block is unused on average.
    public static func size(_ extent: OutputExtent) -> OutputSize {
        let files = extent.input.sentences, block = 4096.0
        guard files > 0 else { return OutputSize(bytes: 0, .about) }
        let mean = Double(NpyWriter.headerSize) + extent.valueBytes / files
        let used = extent.isPooled ? (mean / block).rounded(.up) * block : max(block, mean + block / 2)
        return OutputSize(bytes: files * used, .about)
    }
}

/// Writes vectors as rows of an array.
private final class NpyRows {
    private let writer: NpyWriter
    private let output: OutputFile
    private let storage: RowStorage
    private var halves: [UInt16] = []

    init(_ output: OutputFile, _ layout: VectorLayout) throws {
        self.output = output
        storage = layout.storage
        writer = try NpyWriter(output, type: storage == .float32 ? "<f4" : "<f2", rowShape: [layout.layers, layout.width])
    }

    func append(_ vectors: Matrix) throws {
        let values = UnsafeBufferPointer(vectors.floats)
        guard storage == .float16 else { return try writer.append(values) }
        try HalfFloat.convert(values, into: &halves, file: output.name)
        try halves.withUnsafeBufferPointer { try writer.append($0) }
    }

    func finish() throws { try writer.finish() }
}
