public import Files
import Kernels
public import Parallel
public import Shards
import Synchronization

/// An embedding table in memory: a vector for every word of a vocabulary, and a generator for all others.
public final class EmbeddingTable: Sendable {
    public let words: WordTable
    /// Tokens of each word in the corpus that the vocabulary was counted on.
    public let counts: [UInt64]
    public let sources: [VectorSource]
    /// [words, dimension], as the pre-trained vectors had them.
    public let rows: RowMatrix
    /// The mean of the unit vectors, [dimension].
    public let mean: [Float]
    public let generator: (any OutOfVocabularyGenerator)?
    /// The digest of the shard: a model names the table it was trained with by it.
    public let digest: UInt64
    /// Vectors made for words outside the table, with the source of each.
    private let made = Mutex(MadeVectors())

    public var dimension: Int { rows.dimension }

    private struct MadeVectors: Sendable {
        var words = WordTable()
        var sources: [VectorSource] = []
        var values: [Float] = []
        /// About 100 MB of vectors of 300 numbers; then the cache starts anew.
        static let most = 1 << 16
    }

    /// Reads a table shard. Throws `ToolError` (`noInput`, `ioError`, `dataError`). In joined tables the first vector
    /// of a word, and the first table's mean and generator, count.
    public convenience init(_ source: any ByteSource, pool: WorkerPool) throws {
        try self.init(TableShardReader(source, pool: pool))
    }

    init(_ reader: TableShardReader) throws {
        let file = reader.name, dimension = reader.dimension, fields = reader.header.fields
        let claimed = fields.integer("words") ?? 0
        var words = WordTable()
        var counts: [UInt64] = []
        var sources: [VectorSource] = []
        guard claimed >= 0, var rows = RowMatrix(claimed: max(1, claimed), dimension: dimension) else {
            throw ToolError.data(file, "", "the table claims \(claimed) words of \(dimension) numbers")
        }
        var tensors = GeneratorTensors()
        while let item = try reader.next() {
            switch item {
            case .rows(let block):
                if counts.count + block.count > rows.count {
                    rows = Self.grown(rows, to: 2 * (counts.count + block.count), used: counts.count)
                }
                block.forEach { word, count, source, row in
                    let id = words.insert(word)
                    guard id == counts.count else { return }
                    counts.append(count)
                    sources.append(source)
                    _ = rows.row(id).update(from: row)
                }
            case .tensor(let piece):
                if reader.part == 0 { try tensors.append(piece, file: file) }
            }
        }
        guard !counts.isEmpty else { throw ToolError.data(file, "", "is a table without words, or a saved model of spelling") }
        self.words = words
        self.counts = counts
        self.sources = sources
        self.rows = rows.count == counts.count ? rows : Self.grown(rows, to: counts.count, used: counts.count)
        mean = try tensors.values("mean", shape: [dimension], file: file).values
        generator = try tensors.generator(fields, dimension: dimension, file: file)
        digest = reader.digests.first ?? 0
    }

    /// A table that has just been built.
    public init(_ table: TableBuilder.Table) {
        words = table.words
        counts = table.counts
        sources = table.sources
        rows = table.rows
        mean = table.mean
        generator = table.generator
        digest = 0
    }

    /// Writes the vector of any word into `row`, [dimension], and says where it comes from; `none` leaves zeros.
    ///
    /// Words outside the table come from the generator, and are kept. May be called from several threads at once.
    public func vector(for word: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) -> VectorSource {
        if let id = words.find(word) {
            _ = row.update(from: rows.row(id))
            return sources[id]
        }
        guard let generator else {
            row.update(repeating: 0)
            return .none
        }
        let kept: VectorSource? = made.withLock { made in
            guard let id = made.words.find(word) else { return nil }
            for index in row.indices { row[index] = made.values[id * dimension + index] }
            return made.sources[id]
        }
        if let kept { return kept }
        let isMade = generator.vector(for: word, into: row)
        if !isMade { row.update(repeating: 0) }
        let source = isMade ? generator.source : .none
        made.withLock { made in
            if made.words.count == MadeVectors.most { made = MadeVectors() }
            // Another thread may have been faster; its vector is the same.
            guard made.words.insert(word) == made.sources.count else { return }
            made.sources.append(source)
            made.values.append(contentsOf: row)
        }
        return source
    }

    /// The target of the continuous output for a vector: the unit vector, less the mean if `centred`, made a unit
    /// vector again. Zero stays zero. `row` is [dimension].
    public func normalise(_ row: UnsafeMutableBufferPointer<Float>, centred: Bool) {
        precondition(row.count == dimension)
        guard let start = row.baseAddress, Vector.normalize(start, count: dimension) > 0, centred else { return }
        for index in row.indices { row[index] -= mean[index] }
        Vector.normalize(start, count: dimension)
    }

    private static func grown(_ rows: RowMatrix, to count: Int, used: Int) -> RowMatrix {
        let larger = RowMatrix(count: count, dimension: rows.dimension)
        larger.pointer.update(from: rows.pointer, count: used * rows.dimension)
        return larger
    }
}
