public import Files
public import Parallel

/// Writes a shard: a header, any number of blocks, and an end. Blocks are compressed on the threads of a pool.
///
/// A part ends with the totals passed by the caller and the digest of its content. `beginPart` may start another part in the same
/// file, exactly as `cat` would append it. The writer does not commit the output; that is the tool's last action.
///
/// ```swift
/// let writer = ShardWriter(output, pool: pool)
/// try writer.beginPart(header)
/// var block = writer.newBlock()
/// block.append(column: [1, 2, 3] as [UInt32])
/// try writer.append(block)
/// try writer.endPart(["numbers": "3"])
/// try output.commit()
/// ```
public final class ShardWriter {
    private let output: OutputFile
    /// The user's name for the output, for messages.
    var name: String { output.name }
    private let compressor: OrderedWorkers<BlockMemory, BlockMemory>
    private var spare: [BlockMemory] = []
    private var bytesUnderWay = 0

    /// Maximum bytes of blocks waiting for compression, unless there is only one, and of blocks whose memory is reused.
    private static let mostUnderWay = 64 << 20
    private static let largestKept = 8 << 20
    private var digest = XXH64()
    private var blocks = 0

    /// Creates a writer to an output.
    public init(_ output: OutputFile, pool: WorkerPool) {
        self.output = output
        compressor = OrderedWorkers(pool: pool) { memory in
            memory.frameSize =
                memory.cuts.isEmpty
                ? try Frame.compress(memory.payload, into: &memory.frame)
                : Frame.store(memory.payload, cuts: memory.cuts, into: &memory.frame)
            return memory
        }
    }

    /// Starts a part with its header. Throws `ToolError` with status `ioError`.
    public func beginPart(_ header: ShardHeader) throws {
        digest = XXH64()
        blocks = 0
        let memory = takeMemory()
        memory.payload = Array(header.text.utf8)
        try submit(memory)
    }

    /// Returns an empty block.
    /// - Parameter capacity: expected size of its columns in bytes.
    public func newBlock(capacity: Int = 0) -> ShardBlockBuilder { ShardBlockBuilder(takeMemory(), capacity: capacity) }

    /// Appends a block, whose columns the caller has appended in the order of the header. Throws `ToolError` with status `ioError`.
    public func append(_ block: consuming ShardBlockBuilder) throws {
        block.finish(magic: ShardBlock.magic, number: blocks)
        try submit(block.memory)
        blocks += 1
    }

    /// Appends a block uncompressed, so that its contents can be read at their place in the file. `cuts` are the ends of the LZ4
    /// blocks in its payload except the last, each of at most 4 MiB.
    func append(_ block: consuming ShardBlockBuilder, storedAt cuts: [Int]) throws {
        block.memory.cuts = cuts + [block.memory.payload.count]
        try append(block)
    }

    /// Ends the part; without an end, readers consider it truncated. Throws `ToolError` with status `ioError`.
    public func endPart(_ totals: ShardFields) throws {
        var fields = totals
        fields.append("blocks", String(blocks))
        fields.append("digest", hexadecimal(digest.digest()))
        var end = newBlock()
        Array(fields.lines().utf8).withUnsafeBytes { end.appendRaw($0) }
        end.finish(magic: ShardBlock.endMagic, number: blocks)
        try submit(end.memory)
        while !compressor.isEmpty { try writeNext() }
    }

    private func takeMemory() -> BlockMemory {
        let memory = spare.popLast() ?? BlockMemory()
        memory.cuts = []
        return memory
    }

    private func submit(_ memory: BlockMemory) throws {
        guard memory.payload.count <= Frame.maximumContent else {
            throw ToolError(
                .dataError, "\(output.name): a block of \(memory.payload.count >> 20) MiB is over the format's limit; "
                    + "a sentence is too long: tokenize --max-length cuts it")
        }
        memory.payload.withUnsafeBytes { digest.update($0) }
        while compressor.isFull || (!compressor.isEmpty && bytesUnderWay + memory.payload.count > Self.mostUnderWay) {
            try writeNext()
        }
        bytesUnderWay += memory.payload.count
        compressor.submit(memory)
    }

    private func writeNext() throws {
        let memory = try compressor.next()
        bytesUnderWay -= memory.payload.count
        try memory.frame.withUnsafeBytes { try output.write(UnsafeRawBufferPointer(rebasing: $0[..<memory.frameSize])) }
        if memory.payload.capacity <= Self.largestKept { spare.append(memory) }
    }
}

/// Returns a digest as written in shards: 16 hexadecimal digits.
public func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
