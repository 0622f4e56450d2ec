public import Files
@_spi(HostMemory) internal import Kernels
public import Parallel
public import Shards

extension TableBuilder.Table {
    /// Writes the table as a shard; `fields` are options and digests that the header is to name. Throws
    /// `ToolError` (`ioError`; `dataError` for a value that `storage` cannot hold).
    public func write(
        to output: OutputFile, tool: String, fields: ShardFields, storage: RowStorage = .float32, pool: WorkerPool
    ) throws {
        var header = fields
        header.append("vectors-digest", hexadecimal(pretrainedDigest))
        for (name, value) in transform.fields.pairs { header.append(name, value) }
        for (name, value) in (generator?.fields ?? ["generator": "none"]).pairs { header.append(name, value) }
        let writer = try TableShardWriter(
            output, tool: tool, dimension: rows.dimension, count: words.count, storage: storage, fields: header,
            pool: pool)
        for id in 0..<words.count {
            try words.withWord(id) {
                let row = UnsafeBufferPointer(rows.row(id))
                guard row.baseAddress.map({ Vector.isFinite($0, count: row.count) }) ?? true else {
                    throw ToolError(.dataError, "\(output.name): the vector of \(String(decoding: $0, as: UTF8.self)) is not finite")
                }
                try writer.append($0, count: counts[id], source: sources[id], row: row)
            }
        }
        try mean.withUnsafeBufferPointer { try writer.append(tensor: "mean", shape: [$0.count], values: $0) }
        try transform.forEachTensor { try writer.append(tensor: $0, shape: $1, values: $2) }
        try generator?.forEachTensor { try writer.append(tensor: $0, shape: $1, values: $2) }
        try writer.finish()
    }
}
