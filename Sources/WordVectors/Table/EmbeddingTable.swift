public import Files
@_spi(HostMemory) public import Kernels
public import Parallel
public import Shards

/// An embedding table: a vector for every word of a vocabulary, and a generator for all others.
///
/// Words and counts are in memory; the rows of a table that is a plain file stay there until they are asked for.
public final class EmbeddingTable: Sendable {
    public let words: WordTable
    /// Tokens of each word in the corpus that the vocabulary was counted on.
    public let counts: [UInt64]
    public let sources: [VectorSource]
    /// [words, dimension].
    public let rows: TableRows
    /// The mean of the unit vectors, [dimension].
    public let mean: [Float]
    /// Makes vectors and changes them as the rows were.
    private let lateGenerator: TableGenerator
    /// The change that was made to the rows.
    let transform: VectorTransform
    /// The header of the shard, without what stands in all of them; of the first one of joined tables.
    let fields: ShardFields
    /// The form in which the shard stores its rows; float32 if one of joined tables does.
    let storage: RowStorage
    /// The digest of the shard: a model names the table it was trained with by it.
    public let digest: UInt64
    /// Vectors made for words outside the table, or read from its file.
    private let made: MadeVectors

    public var dimension: Int { rows.dimension }

    /// Opens a table shard. Throws `ToolError` (`noInput`, `ioError`, `dataError`). In joined tables the first vector
    /// of a word, and the first table's mean and generator, count.
    ///
    /// Rows of a plain file are neither read nor checked here: `vector` and `rows` do so.
    public convenience init(_ source: any ByteSource, pool: WorkerPool) throws {
        if let file = try TableFile(source) {
            try self.init(file)
        } else {
            try self.init(TableShardReader(source, pool: pool))
        }
    }

    /// All but the rows of a table.
    private struct Index {
        var words = WordTable()
        var counts: [UInt64] = []
        var sources: [VectorSource] = []
        var stored: StoredGenerator

        /// Takes a word; false for one that is there already.
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
        // What is all here is checked at once.
        if deferred == nil { _ = try lateGenerator.get() }
        fields = stored.fields
        self.storage = storage
        self.digest = digest
        made = MadeVectors(dimension: rows.dimension)
    }

    /// A table whose rows stay in their file.
    private convenience init(_ file: TableFile) throws {
        var index = Index(stored: StoredGenerator(fields: file.header.fields, dimension: file.dimension, file: file.name))
        var row: UInt32 = 0
        // Rows are numbered as words are until a word comes twice.
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

    /// A table that comes through a pipe, whose rows are kept in memory.
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

    /// A table that has just been built.
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

    /// Makes vectors for words that the table does not have, transformed as its own are; `nil` if it has none. Read from the
    /// table's file when it is first asked for, which then may throw `ToolError` (`ioError`, `dataError`).
    public func generator() throws -> (any OutOfVocabularyGenerator)? { try lateGenerator.get() }

    /// Writes the vector of any word into `row`, [1, dimension], and says where it comes from; `none` leaves zeros.
    ///
    /// Words outside the table come from the generator. May be called from several threads at once. Throws `ToolError` if
    /// the row must be read from a file and cannot be.
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

    /// The target of the continuous output for a vector: the unit vector, less the mean if `centred`, made a unit
    /// vector again. Zero stays zero. `row` is [1, dimension].
    public func normalise(_ row: Matrix, centred: Bool) { row.normalize(less: centred ? mean : nil) }
}

/// The rows of a table, [count, dimension]: in memory, or in its file, from which they are read one by one.
public enum TableRows: Sendable {
    case memory(RowMatrix)
    /// `numbers[id]` is the number of a word's row in the file; without it, the word's id is.
    case file(StoredRows, numbers: [UInt32]?)

    public var dimension: Int {
        switch self {
        case .memory(let rows): rows.dimension
        case .file(let rows, _): rows.dimension
        }
    }

    /// True if reading a row means reading a file.
    public var areStored: Bool {
        if case .file = self { return true }
        return false
    }

    /// Reads the row of word `id` into `row`, [1, dimension]. Throws `ToolError` (`ioError`; `dataError` where the file is
    /// damaged). May be called from several threads at once.
    public func read(_ id: Int, into row: Matrix) throws {
        switch self {
        case .memory(let rows): row.copy(from: rows.row(id))
        case .file(let rows, let numbers): try rows.read(numbers.map { Int($0[id]) } ?? id, into: row.floats)
        }
    }
}

extension EmbeddingTable: WordVectorModel {
    public func known(_ word: UnsafeRawBufferPointer, into row: Matrix) throws -> VectorSource? {
        guard let id = words.find(word), sources[id] != .none else { return nil }
        try rows.read(id, into: row)
        return sources[id]
    }
}
