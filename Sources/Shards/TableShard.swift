public import Files
public import Parallel

enum TableColumn {
    static let wordLengths = 0, wordBytes = 1, counts = 2, sources = 3, rows = 4
    static let tensorName = 5, tensorShape = 6, tensorOffset = 7, tensorValues = 8
    static let beforeRows = [
        ShardColumn("word-lengths", .u32), ShardColumn("word-bytes", .u8), ShardColumn("counts", .u64),
        ShardColumn("sources", .u8),
    ]
    static func all(_ storage: RowStorage) -> [ShardColumn] {
        beforeRows + [
            ShardColumn("rows", storage.element), ShardColumn("tensor-name", .u8), ShardColumn("tensor-shape", .u64),
            ShardColumn("tensor-offset", .u64), ShardColumn("tensor-values", .f32),
        ]
    }
    static let forms = RowStorage.allCases.map(all)
}

/// Where the vector of a word in a table comes from.
public enum VectorSource: UInt8, Sendable, CaseIterable {
    /// The pre-trained vectors have the word.
    case pretrained = 0
    /// The mean of its character n-grams' vectors (fastText).
    case ngrams = 1
    /// A character model (MIMICK).
    case mimick = 2
    /// A mark of the pipeline, such as the sentence end.
    case special = 3
    /// Nothing could be made of it: the row is zero.
    case none = 4
    /// A random direction that stands for the word.
    case random = 5
}

/// Writes an embedding table: words with their counts and vectors, and the tensors that travel with them (the mean for
/// centring, the generator of vectors for further words).
public final class TableShardWriter {
    private let writer: ShardWriter
    private let dimension: Int
    private let count: Int
    private let storage: RowStorage
    private var lengths: [UInt32] = []
    private var bytes: [UInt8] = []
    private var counts: [UInt64] = []
    private var sources: [UInt8] = []
    private var rows: [Float] = []
    private var halves: [UInt16] = []
    private var words = 0

    /// What a block holds at most: values, words, bytes of words. Its words lie in one LZ4 block, of at most 4 MiB.
    private static let blockValues = 1 << 18
    private static let blockWords = 1 << 16
    private static let blockBytes = 1 << 20
    private static let tensorBlockValues = 1 << 22

    /// - Parameters:
    ///   - count: how many words will be appended.
    ///   - fields: options and digests; `dimension` and `words` are added here.
    public init(
        _ output: OutputFile, tool: String, dimension: Int, count: Int, storage: RowStorage = .float32,
        fields: ShardFields, pool: WorkerPool
    ) throws {
        self.dimension = dimension
        self.count = count
        self.storage = storage
        writer = ShardWriter(output, pool: pool)
        var all: ShardFields = [
            "dimension": String(dimension), "words": String(count),
            RowPlaces.field: String(RowPlaces.rows(dimension * storage.stride)),
        ]
        for (name, value) in fields.pairs { all.append(name, value) }
        try writer.beginPart(ShardHeader(kind: .table, tool: tool, columns: TableColumn.all(storage), fields: all))
    }

    /// Appends a word. `row` has `dimension` values. Throws `ToolError` for a word that is larger than a block, and for a
    /// value that is too large for float16.
    public func append(
        _ word: UnsafeRawBufferPointer, count: UInt64, source: VectorSource, row: UnsafeBufferPointer<Float>
    ) throws {
        precondition(row.count == dimension)
        guard word.count <= Self.blockBytes else {
            throw ToolError(.dataError, "\(writer.name): a word of \(word.count) bytes is too long for a table")
        }
        if bytes.count + word.count > Self.blockBytes { try flush() }
        lengths.append(UInt32(word.count))
        bytes.append(contentsOf: word)
        counts.append(count)
        sources.append(source.rawValue)
        try append(row, of: word)
        words += 1
        if lengths.count * dimension >= Self.blockValues || lengths.count == Self.blockWords { try flush() }
    }

    private func append(_ row: UnsafeBufferPointer<Float>, of word: UnsafeRawBufferPointer) throws {
        guard storage == .float16 else { return rows.append(contentsOf: row) }
        if let value = HalfFloat.append(row, to: &halves) {
            throw ToolError(
                .dataError, "\(writer.name): the vector of \(String(decoding: word, as: UTF8.self)) holds \(value), and float16 ends at "
                    + "\(Int(HalfFloat.greatest)); use --storage float32")
        }
    }

    /// Appends a tensor, in blocks of at most 16 MiB.
    public func append(tensor name: String, shape: [Int], values: UnsafeBufferPointer<Float>) throws {
        precondition(shape.reduce(1, *) == values.count)
        try flush()
        var offset = 0
        repeat {
            let piece = values[offset..<min(values.count, offset + Self.tensorBlockValues)]
            var block = writer.newBlock(capacity: 4 * piece.count)
            block.append(column: [UInt32]())
            block.append(column: [UInt8]())
            block.append(column: [UInt64]())
            block.append(column: [UInt8]())
            block.append(column: [UInt16]())
            block.append(column: Array(name.utf8))
            block.append(column: shape.map(UInt64.init))
            block.append(column: [UInt64(offset)])
            block.append(column: UnsafeBufferPointer(rebasing: piece))
            try writer.append(block)
            offset += piece.count
        } while offset < values.count
    }

    @discardableResult
    public func finish(totals: ShardFields = [:]) throws -> UInt64 {
        try flush()
        precondition(words == count, "a table must hold as many words as its header says")
        var fields: ShardFields = ["words": String(words)]
        for (name, value) in totals.pairs { fields.append(name, value) }
        return try writer.endPart(fields)
    }

    private func flush() throws {
        guard !lengths.isEmpty else { return }
        var block = writer.newBlock(capacity: storage.stride * dimension * lengths.count + 16 * lengths.count + bytes.count)
        block.append(column: lengths)
        block.append(column: bytes)
        block.append(column: counts)
        block.append(column: sources)
        let cuts = RowPlaces.cuts(behind: block.count, rows: lengths.count, rowBytes: dimension * storage.stride)
        if storage == .float16 { block.append(column: halves) } else { block.append(column: rows) }
        block.append(column: [UInt8]())
        block.append(column: [UInt64]())
        block.append(column: [UInt64]())
        block.append(column: [Float]())
        try writer.append(block, storedAt: cuts)
        lengths.removeAll(keepingCapacity: true)
        bytes.removeAll(keepingCapacity: true)
        counts.removeAll(keepingCapacity: true)
        sources.removeAll(keepingCapacity: true)
        rows.removeAll(keepingCapacity: true)
        halves.removeAll(keepingCapacity: true)
    }
}
