public import Files
public import Parallel
public import Shards

/// Vector shards: the form that the other tools read.
public final class ShardVectorWriter: VectorWriter {
    private let writer: VectorShardWriter

    public init(
        _ output: OutputFile, tool: String, layers: Int, width: Int, storage: RowStorage = .float32, fields: ShardFields,
        pool: WorkerPool
    ) throws {
        writer = try VectorShardWriter(
            output, tool: tool, layers: layers, width: width, storage: storage, fields: fields, pool: pool)
    }

    public func begin(_ words: [String]) throws { try writer.begin(words) }
    public func append(_ values: UnsafeBufferPointer<Float>) throws { try writer.append(values) }
    public func end() {}
    public func finish() throws { try writer.finish() }
}
