import Files
public import Kernels
public import Parallel
import Shards
public import WordVectors

/// Every word of the corpus as a row of unit vectors: the frozen inputs and targets of training.
///
/// The rows of the table come first, normalised in place (and centred, if asked); words that the table lacks get a row
/// from its generator when they are first met, so the vocabulary stays open.
///
/// Rows are made by one thread, while the corpus is read for the first time; from then on any thread may read.
public final class WordRows: @unchecked Sendable {
    public let dimension: Int
    /// The rows of `<s>` and `</s>`.
    public let begin: UInt32
    public let end: UInt32

    private let table: EmbeddingTable
    private let centred: Bool
    /// Which rows of the table are more than zeros.
    private let usable: [Bool]
    private var made = WordTable()
    private var madeRows: [FloatBuffer] = []
    private var madeUsable: [Bool] = []

    /// Rows in a piece of memory for words met later.
    private static let pieceRows = 4096

    /// Takes the table over: its rows are normalised where they are. Throws `ToolError` if it lacks the sentence marks.
    public init(
        _ table: EmbeddingTable, centred: Bool, file: String, pool: ThreadPool = ThreadPool(threads: 1)
    ) throws {
        guard let begin = table.words.find("<s>"), let end = table.words.find("</s>") else {
            throw ToolError(.configuration, "\(file): has no vectors for <s> and </s>; embed-oov adds them")
        }
        self.table = table
        self.centred = centred
        self.begin = UInt32(begin)
        self.end = UInt32(end)
        dimension = table.dimension
        usable = [Bool](unsafeUninitializedCapacity: table.words.count) { usable, count in
            let start = UnsafeMutableBufferPointer(rebasing: usable[..<table.words.count])
            nonisolated(unsafe) let flags = start
            let pieces = (flags.count + Self.pieceRows - 1) / Self.pieceRows
            pool.forEach(pieces) { piece in
                for index in piece * Self.pieceRows..<min((piece + 1) * Self.pieceRows, flags.count) {
                    flags[index] = Self.normalise(table.rows.row(index), of: table, centred: centred)
                }
            }
            count = flags.count
        }
    }

    /// The digest of the table.
    public var tableDigest: UInt64 { table.digest }
    /// Rows of the table; rows from here on are words met later.
    public var tableCount: Int { table.words.count }
    public var count: Int { tableCount + made.count }
    /// Memory of all vectors.
    public var bytes: Int { (tableCount + madeRows.count * Self.pieceRows) * dimension * 4 }
    /// Words met outside the table, and those of them that could not be given a vector.
    public var madeCount: Int { made.count }
    public var unusableCount: Int { madeUsable.count { !$0 } }

    /// The row of a word, which is made if the table lacks it.
    public func row(of word: UnsafeRawBufferPointer) -> UInt32 {
        if let id = table.words.find(word) { return UInt32(id) }
        let id = made.insert(word)
        guard id == madeUsable.count else { return UInt32(tableCount + id) }
        if id % Self.pieceRows == 0 { madeRows.append(FloatBuffer(count: Self.pieceRows * dimension)) }
        let row = UnsafeMutableBufferPointer(start: madeRow(id), count: dimension)
        _ = table.vector(for: word, into: row)
        madeUsable.append(Self.normalise(row, of: table, centred: centred))
        return UInt32(tableCount + id)
    }

    /// The row of a word that has one already.
    public func find(_ word: UnsafeRawBufferPointer) -> UInt32? {
        if let id = table.words.find(word) { return UInt32(id) }
        return made.find(word).map { UInt32(tableCount + $0) }
    }

    /// Whether a row is a vector: words for which nothing can be made are zeros, as are vectors that come so, and no
    /// target can point nowhere.
    public func isUsable(_ row: UInt32) -> Bool {
        Int(row) < tableCount ? usable[Int(row)] : madeUsable[Int(row) - tableCount]
    }

    /// Makes the target of a vector in place; false if nothing is left of it.
    private static func normalise(
        _ row: UnsafeMutableBufferPointer<Float>, of table: EmbeddingTable, centred: Bool
    ) -> Bool {
        table.normalise(row, centred: centred)
        return row.contains { $0 != 0 }
    }

    /// The unit vector of a row: [dimension].
    public func vector(_ row: UInt32) -> UnsafePointer<Float> {
        Int(row) < tableCount
            ? UnsafePointer(table.rows.pointer + Int(row) * dimension) : UnsafePointer(madeRow(Int(row) - tableCount))
    }

    /// Copies the vectors of `rows` into a matrix [rows.count, dimension].
    public func gather(_ rows: [UInt32], into matrix: Matrix) {
        for (index, row) in rows.enumerated() { matrix.row(index).update(from: vector(row), count: dimension) }
    }

    /// The `count` most frequent words of the table, among them the mark that ends sentences in a direction.
    /// - Parameter sentences: sentences of the training text: the count of the mark, which no vocabulary has.
    public func candidates(_ count: Int, mark: UInt32, sentences: Int) -> Candidates {
        let marks: Set<UInt32> = [begin, end]
        func frequency(_ row: UInt32) -> UInt64 { row == mark ? UInt64(sentences) : table.counts[Int(row)] }
        var rows = (0..<UInt32(tableCount)).filter { $0 == mark || !marks.contains($0) && isUsable($0) }
        rows.sort { (frequency($0), $1) > (frequency($1), $0) }
        rows = Array(rows.prefix(count))
        return Candidates(
            rows: rows, counts: rows.map(frequency), tableRows: tableCount, dimension: dimension,
            vector: { row, target in target.update(from: self.vector(row), count: self.dimension) })
    }

    private func madeRow(_ index: Int) -> UnsafeMutablePointer<Float> {
        madeRows[index / Self.pieceRows].start + index % Self.pieceRows * dimension
    }
}
