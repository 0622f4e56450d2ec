public import Files
@_spi(HostMemory) public import Kernels
public import Parallel
public import Shards

/// An embedding table: a vector for every word of a vocabulary, and a generator for all others.
///
/// Words and counts are in memory. The rows of a table in a plain file stay there until they are needed.
public final class EmbeddingTable: Sendable {
    /// Words of the vocabulary.
    public let words: WordTable
    /// Occurrences of each word in the corpus that the vocabulary was counted on.
    public let counts: [UInt64]
    /// Source of each word's vector.
    public let sources: [VectorSource]
    /// Vectors, [words, dimension].
    public let rows: TableRows
    /// Mean of the unit vectors, [dimension].
    public let mean: [Float]
    /// Makes vectors and transforms them like the rows.
    private let lateGenerator: TableGenerator
    /// The transform that was applied to the rows.
    let transform: VectorTransform
    /// Header of the shard, without the fields common to all shards; for joined tables, of the first.
    let fields: ShardFields
    /// Storage type of the shard's rows; for joined tables, float32 if any of them uses it.
    let storage: RowStorage
    /// Digest of the shard, by which a model identifies the table it was trained with.
    public let digest: UInt64
    /// Vectors made for words outside the table, or read from its file.
    private let made: MadeVectors

    /// Size of a vector.
    public var dimension: Int { rows.dimension }

    /// Opens a table shard. Throws `ToolError` (`noInput`, `ioError`, `dataError`). In joined tables, the first vector of a word is
    /// used, and the first table's mean and generator.
    ///
    /// Rows of a plain file are neither read nor checked here, but by `vector` and `rows`.
    public convenience init(_ source: any ByteSource, pool: WorkerPool) throws {
        if let file = try TableFile(source) {
            try self.init(file)
        } else {
            try self.init(TableShardReader(source, pool: pool))
        }
    }

    /// Everything of a table except the rows.
    private struct Index {
        var words = WordTable()
        var counts: [UInt64] = []
        var sources: [VectorSource] = []
        var stored: StoredGenerator

        /// Adds a word; returns false if it exists already.
        mutating func append(_ word: UnsafeRawBufferPointer, _ count: UInt64, _ source: VectorSource) -> Bool {
            guard words.insert(word) == counts.count else { return false }
            counts.append(count)
            sources.append(source)
            return true
        }
    }

    private init(
        _ index: Index, _ rows: TableRows, _ storage: RowStorage, digest: UInt64, deferred: DeferredTensors? = nil
    ) throws {
        let stored = index.stored
        guard !index.counts.isEmpty else { throw stored.error("", "is a table without words, or a saved model of spelling") }
        words = index.words
        counts = index.counts
        sources = index.sources
        self.rows = rows
        mean = try stored.values("mean", shape: [rows.dimension])
        let transform = try VectorTransform(stored)
        self.transform = transform
        lateGenerator = TableGenerator {
            var stored = stored
            try deferred?.forEach { try stored.append($0) }
            return TransformedGenerator.make(try stored.generator(), transform)
        }
        // If everything is in memory, it is checked at once.
        if deferred == nil { _ = try lateGenerator.get() }
        fields = stored.fields
        self.storage = storage
        self.digest = digest
        made = MadeVectors(dimension: rows.dimension)
    }

    /// Creates a table whose rows stay in their file.
    private convenience init(_ file: TableFile) throws {
        var index = Index(stored: StoredGenerator(fields: file.header.fields, dimension: file.dimension, file: file.name))
        var row: UInt32 = 0
        // Rows are numbered like words until a word occurs twice.
        var numbers: [UInt32]?
        while let item = try file.next() {
            switch item {
            case .words(let words):
                words.forEach { word, count, source in
                    if index.append(word, count, source) {
                        numbers?.append(row)
                    } else if numbers == nil {
                        numbers = Array(0..<UInt32(index.counts.count))
                    }
                    row += 1
                }
            case .tensor(let piece):
                if file.part == 0 { try index.stored.append(piece) }
            }
        }
        try self.init(
            index, .file(file.rows(), numbers: numbers), file.storage, digest: file.digests.first ?? 0,
            deferred: file.deferred())
    }

    /// Creates a table read through a pipe, whose rows are kept in memory.
    convenience init(_ reader: TableShardReader) throws {
        let fields = reader.header.fields, claimed = fields.integer("words") ?? 0
        guard claimed >= 0, var rows = RowMatrix(claimed: max(1, claimed), dimension: reader.dimension) else {
            throw ToolError.data(reader.name, "", "the table claims \(claimed) words of \(reader.dimension) numbers")
        }
        var index = Index(stored: StoredGenerator(fields: fields, dimension: reader.dimension, file: reader.name))
        while let item = try reader.next() {
            switch item {
            case .rows(let block):
                let used = index.counts.count
                if used + block.count > rows.count {
                    let larger = RowMatrix(count: 2 * (used + block.count), dimension: rows.dimension)
                    larger.matrix.rows(0..<used).copy(from: rows.matrix.rows(0..<used))
                    rows = larger
                }
                block.forEach { word, count, source, row in
                    let id = index.counts.count
                    if index.append(word, count, source) { _ = rows.row(id).floats.update(from: row) }
                }
            case .tensor(let piece):
                if reader.part == 0 { try index.stored.append(piece) }
            }
        }
        try self.init(index, .memory(rows), reader.storage, digest: reader.digests.first ?? 0)
    }

    /// Creates a table that has just been built.
    public init(_ table: TableBuilder.Table) {
        words = table.words
        counts = table.counts
        sources = table.sources
        rows = .memory(table.rows)
        mean = table.mean
        transform = table.transform
        let generator = TransformedGenerator.make(table.generator, table.transform)
        lateGenerator = TableGenerator { generator }
        fields = [:]
        storage = .float32
        digest = 0
        made = MadeVectors(dimension: table.rows.dimension)
    }

    /// Returns a generator of vectors for words that the table lacks, transformed like the table's own; `nil` if it has none. It is
    /// read from the table's file at the first call, which may throw `ToolError` (`ioError`, `dataError`).
    public func generator() throws -> (any OutOfVocabularyGenerator)? { try lateGenerator.get() }

    /// Writes the vector of any word to `row` [1, dimension], and returns its source; for `none`, the row is zeros.
    ///
    /// Words outside the table get vectors from the generator. Several threads may call it at once. Throws `ToolError` if the row
    /// must be read from a file and cannot be.
    public func vector(for word: UnsafeRawBufferPointer, into row: Matrix) throws -> VectorSource {
        if let id = words.find(word) {
            func read() throws -> VectorSource {
                try rows.read(id, into: row)
                return sources[id]
            }
            return try rows.areStored ? made.vector(of: word, into: row, make: read) : read()
        }
        guard let generator = try generator() else {
            row.fill(0)
            return .none
        }
        return made.vector(of: word, into: row) {
            if generator.vector(for: word, into: row) { return generator.source }
            row.fill(0)
            return .none
        }
    }

    /// Turns a vector into the target of the continuous output: the unit vector, minus the mean if `centred`, scaled to unit norm
    /// again. Zero stays zero. `row` is [1, dimension].
    public func normalise(_ row: Matrix, centred: Bool) { row.normalize(less: centred ? mean : nil) }
}

/// The rows of a table, [count, dimension]: in memory, or in the table's file, from which they are read one by one.
public enum TableRows: Sendable {
    /// Rows in memory.
    case memory(RowMatrix)
    /// Rows in the file. `numbers[id]` is the number of a word's row; without `numbers`, it equals the id.
    case file(StoredRows, numbers: [UInt32]?)

    /// Size of a vector.
    public var dimension: Int {
        switch self {
        case .memory(let rows): rows.dimension
        case .file(let rows, _): rows.dimension
        }
    }

    /// True if rows are read from a file.
    public var areStored: Bool {
        if case .file = self { return true }
        return false
    }

    /// Reads the row of word `id` to `row` [1, dimension]. Throws `ToolError`: `ioError`, or `dataError` if the file is damaged.
    /// Several threads may call it at once.
    public func read(_ id: Int, into row: Matrix) throws {
        switch self {
        case .memory(let rows): row.copy(from: rows.row(id))
        case .file(let rows, let numbers): try rows.read(numbers.map { Int($0[id]) } ?? id, into: row.floats)
        }
    }
}

extension EmbeddingTable: WordVectorModel {
    /// Writes the vector of a word of the table to `row` [1, dimension], and returns its source; `nil` for other words.
    public func known(_ word: UnsafeRawBufferPointer, into row: Matrix) throws -> VectorSource? {
        guard let id = words.find(word), sources[id] != .none else { return nil }
        try rows.read(id, into: row)
        return sources[id]
    }
}
