import Files
public import Kernels
import Shards
public import WordVectors

/// Every word of the corpus as a row of unit vectors: the frozen inputs and targets of training.
///
/// The rows of the table come first, normalised in place (and centred, if asked); words that the table lacks get a row
/// from its generator when they are first met, so the vocabulary stays open.
public final class WordRows {
    public let dimension: Int
    /// The rows of `<s>` and `</s>`.
    public let begin: UInt32
    public let end: UInt32

    private let table: EmbeddingTable
    private let centred: Bool
    private var made = WordTable()
    private var madeRows: [FloatBuffer] = []
    private var madeUsable: [Bool] = []

    /// Rows in a piece of memory for words met later.
    private static let pieceRows = 4096

    /// Takes the table over: its rows are normalised where they are. Throws `ToolError` if it lacks the sentence marks.
    public init(_ table: EmbeddingTable, centred: Bool, file: String) throws {
        guard let begin = table.words.find("<s>"), let end = table.words.find("</s>") else {
            throw ToolError(.configuration, "\(file): has no vectors for <s> and </s>; embed-oov adds them")
        }
        self.table = table
        self.centred = centred
        self.begin = UInt32(begin)
        self.end = UInt32(end)
        dimension = table.dimension
        for index in 0..<table.words.count { table.normalise(table.rows.row(index), centred: centred) }
    }

    /// The digest of the table.
    public var tableDigest: UInt64 { table.digest }
    /// Rows of the table; rows from here on are words met later.
    public var tableCount: Int { table.words.count }
    public var count: Int { tableCount + made.count }
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
        madeUsable.append(table.vector(for: word, into: row) != .none)
        table.normalise(row, centred: centred)
        return UInt32(tableCount + id)
    }

    /// Whether a row is a vector: words for which nothing can be made are zeros, and are no targets.
    public func isUsable(_ row: UInt32) -> Bool {
        Int(row) < tableCount ? table.sources[Int(row)] != .none : madeUsable[Int(row) - tableCount]
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
