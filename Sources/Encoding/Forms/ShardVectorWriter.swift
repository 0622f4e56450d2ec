public import Files
@_spi(HostMemory) public import Kernels
public import Parallel
public import Shards

/// Writer of vector shards, the form that the other tools read.
public final class ShardVectorWriter: VectorWriter {
    private let writer: VectorShardWriter

    /// Starts a shard. Throws `ToolError` with status `ioError`.
    public init(_ output: OutputFile, _ layout: VectorLayout, tool: String, fields: ShardFields, pool: WorkerPool) throws {
        writer = try VectorShardWriter(
            output, tool: tool, layers: layout.layers, width: layout.width, storage: layout.storage, fields: fields, pool: pool)
    }

    public func begin(_ words: [String]) throws { try writer.begin(words) }
    public func append(_ vectors: Matrix) throws { try writer.append(UnsafeBufferPointer(vectors.floats)) }
    public func finish() throws { try writer.finish() }

    /// Returns the size of the shard if nothing could be compressed, which is nearly true.
    public static func size(_ extent: OutputExtent) -> OutputSize {
        let input = extent.input
        // The words of a sample may have been short.
        let words = input.hasExactWords ? input.wordBytes : 2 * input.wordBytes
        let bytes = VectorShardWriter.largestSize(
            values: extent.values, valueBytes: extent.valueBytes, wordBytes: words, tokens: input.tokens,
            sentences: input.sentences)
        return OutputSize(bytes: bytes, input.isCounted ? .atMost : .about)
    }
}
