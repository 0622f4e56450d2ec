public import Files
public import Parallel

/// Writes a shard: a header, any number of blocks, an end. Blocks are compressed on the threads of a pool.
///
/// A part ends with the totals the caller gives and the digest of its content; `beginPart` may start another one in the
/// same file, exactly as `cat` would append it. The output is not committed here: that is the tool's last act.
public final class ShardWriter {
    private let output: OutputFile
    private let compressor: OrderedWorkers<[UInt8], [UInt8]>
    private var digest = XXH64()
    private var blocks = 0

    public init(_ output: OutputFile, pool: WorkerPool) {
        self.output = output
        compressor = OrderedWorkers(pool: pool) { try Frame.compress($0) }
    }

    /// Starts a part with its header.
    public func beginPart(_ header: ShardHeader) throws {
        digest = XXH64()
        blocks = 0
        try submit(Array(header.text.utf8))
    }

    /// Appends a block, whose columns the caller has added in the order of the header.
    public func append(_ block: ShardBlockBuilder) throws {
        try submit(block.finished(magic: ShardBlock.magic, number: blocks))
        blocks += 1
    }

    /// Ends the part: without this a reader takes it for truncated. Returns the part's digest.
    @discardableResult
    public func endPart(_ totals: ShardFields) throws -> UInt64 {
        let value = digest.digest()
        var fields = totals
        fields.append("blocks", String(blocks))
        fields.append("digest", hexadecimal(value))
        var end = ShardBlockBuilder()
        end.appendRaw(Array(fields.lines().utf8))
        try submit(end.finished(magic: ShardBlock.endMagic, number: blocks))
        while !compressor.isEmpty { try writeNext() }
        return value
    }

    private func submit(_ payload: [UInt8]) throws {
        guard payload.count <= Frame.maximumContent else {
            throw ToolError(
                .dataError, "\(output.name): a block of \(payload.count >> 20) MiB is over the format's limit; "
                    + "a sentence is too long: tokenize --max-length cuts it")
        }
        payload.withUnsafeBytes { digest.update($0) }
        if compressor.isFull { try writeNext() }
        compressor.submit(payload)
    }

    private func writeNext() throws { try output.write(compressor.next()) }
}

/// A digest as it stands in shards: 16 hexadecimal digits.
public func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
