import Files
public import Kernels
import Shards
public import WordVectors

/// Every word of the corpus as a row of unit vectors: the frozen inputs and targets of training.
///
/// The rows of the table have the numbers of its words. Words that the table lacks get the numbers after these, in the order of
/// their first occurrence, and a vector from the table's generator, so that the vocabulary stays open. Only words that are met, and
/// those among which predictions are ranked, take memory: each vector is then scaled to unit norm (and centred, if requested).
///
/// Their memory has a limit, within which words that are met early stay, including the frequent ones of any text. Rows of the table
/// that are met later are read from its file each time they are gathered, with the same bits. Vectors made by a generator stay
/// whatever the limit, as do the rows of a table that came through a pipe.
///
/// One thread makes rows while the corpus is read for the first time; afterwards any thread may read.
public final class WordRows: @unchecked Sendable {
    /// Size of a vector.
    public let dimension: Int
    /// Row of `<s>`.
    public let begin: UInt32
    /// Row of `</s>`.
    public let end: UInt32
    /// Row of `<unk>`, if the table has one.
    public let unknown: UInt32?

    /// The user's name for the table's file.
    let file: String
    private let table: EmbeddingTable
    private let centred: Bool
    /// Number of vectors that fit into memory.
    private let room: Int
    /// The slot of each row of the table that is in memory, otherwise one of the three constants below.
    private var slots: [UInt32]
    private var made = WordTable()
    private var madeSlots: [UInt32] = []
    private var pieces: [FloatBuffer] = []
    /// For each slot, true if it holds more than zeros.
    private var usable: [Bool] = []
    /// A row that stays in the file, while it is examined.
    private let passing: RowMatrix

    /// Slots of rows that have not been met, and of rows that have been met and stay in the file, with separate ones for zeros.
    private static let absent = UInt32.max, stored = UInt32.max - 1, storedZeros = UInt32.max - 2
    /// Number of slots in a piece of memory.
    private static let pieceRows = 4096

    /// Default limit of the bytes of vectors in memory.
    public static let defaultMemory = 256 << 20

    /// Prepares the rows. Throws `ToolError` if the table lacks the sentence marks, or cannot be read.
    /// - `memory`: maximum bytes of vectors in memory, as far as they can be read again.
    public init(_ table: EmbeddingTable, centred: Bool, memory: Int, file: String) throws {
        guard let begin = table.words.find("<s>"), let end = table.words.find("</s>") else {
            throw ToolError(.configuration, "\(file): has no vectors for <s> and </s>; embed-oov adds them")
        }
        self.table = table
        self.file = file
        self.centred = centred
        self.begin = UInt32(begin)
        self.end = UInt32(end)
        unknown = table.words.find("<unk>").map(UInt32.init)
        dimension = table.dimension
        room = table.rows.areStored ? memory / (4 * dimension) : Int.max
        passing = RowMatrix(count: 1, dimension: dimension)
        slots = Array(repeating: Self.absent, count: table.words.count)
        try load(self.begin)
        try load(self.end)
    }

    /// Digest of the table.
    public var tableDigest: UInt64 { table.digest }
    /// Number of rows of the table; rows from here on are words met later.
    public var tableCount: Int { table.words.count }
    /// Number of rows, including words met later.
    public var count: Int { tableCount + made.count }
    /// Number of vectors in memory.
    public var loadedCount: Int { usable.count }
    /// Bytes of these vectors.
    public var bytes: Int { loadedCount * dimension * 4 }
    /// Number of rows that have been met and stay in the table's file.
    public private(set) var storedCount = 0
    /// Number of words met outside the table.
    public var madeCount: Int { made.count }
    /// Number of these words without a vector.
    public var unusableCount: Int { madeSlots.count { !usable[Int($0)] } }

    /// Returns the row of a word, which is read or made if the word is new. Throws `ToolError` if the table's file cannot be read.
    public func row(of word: UnsafeRawBufferPointer) throws -> UInt32 {
        if let id = table.words.find(word) {
            try load(UInt32(id))
            return UInt32(id)
        }
        if let id = made.find(word) { return UInt32(tableCount + id) }
        let slot = try newSlot { _ = try table.vector(for: word, into: $0) }
        madeSlots.append(slot)
        return UInt32(tableCount + made.insert(word))
    }

    /// Returns the row of a word that has one already; `nil` for other words.
    public func find(_ word: UnsafeRawBufferPointer) -> UInt32? {
        if let id = table.words.find(word) { return slots[id] == Self.absent ? nil : UInt32(id) }
        return made.find(word).map { UInt32(tableCount + $0) }
    }

    /// Calls `body` with the word of a row.
    func withWord<Result>(_ row: UInt32, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        Int(row) < tableCount
            ? try table.words.withWord(Int(row), body) : try made.withWord(Int(row) - tableCount, body)
    }

    /// The rows that have been met.
    var met: [UInt32] {
        (0..<UInt32(tableCount)).filter { slots[Int($0)] != Self.absent } + (UInt32(tableCount)..<UInt32(count))
    }

    /// Returns true if a row that has been met is not zero. Words for which no vector can be made are zeros, as are some rows of
    /// tables; they cannot be targets.
    public func isUsable(_ row: UInt32) -> Bool {
        let slot = slot(of: row)
        return isKept(slot) ? usable[Int(slot)] : slot == Self.stored
    }

    /// Writes the unit vectors of `rows`, which must have been met, to a matrix [rows.count, dimension]. Throws `ToolError`:
    /// `ioError`, or `dataError` if the table's file has been truncated. Allocates nothing.
    public func gather(_ rows: [UInt32], into matrix: Matrix) throws {
        for (index, row) in rows.enumerated() { try copy(row, to: matrix.rows(index..<index + 1)) }
    }

    /// Returns the count of a row of the table; `nil` for words met later.
    func count(ofRow row: UInt32) -> UInt64? { Int(row) < tableCount ? table.counts[Int(row)] : nil }

    /// Sum of the counts of the table's words, where 0 counts as 1.
    var countOfWords: Double {
        (0..<UInt32(tableCount)).reduce(0.0) { isWord($1) ? $0 + Double(max(1, table.counts[Int($1)])) : $0 }
    }

    /// True if the table has the count of any word.
    var hasCounts: Bool { table.counts.contains { $0 > 0 } }

    /// Returns true for the row of a mark, such as `<unk>`.
    func isMark(_ row: UInt32) -> Bool { table.sources[Int(row)] == .special }

    /// Returns true for words. Marks are words only if they occur in the text, as <unk> does in some.
    func isWord(_ row: UInt32) -> Bool {
        row != begin && row != end && (table.sources[Int(row)] != .special || table.counts[Int(row)] > 0)
    }

    /// Returns true if a row of the table is not zero, whether or not it has been met. Throws `ToolError` if the table's file
    /// cannot be read.
    func hasVector(_ row: UInt32) throws -> Bool {
        if slots[Int(row)] != Self.absent { return isUsable(row) }
        let vector = RowMatrix(count: 1, dimension: dimension)
        try readAgain(row, into: vector.row(0))
        return !vector.row(0).isZero
    }

    /// Writes the unit vectors of rows of the table, whether or not they have been met, to `matrix` [rows, dimension]. Throws
    /// `ToolError` if the table's file cannot be read.
    func read(_ rows: [UInt32], into matrix: Matrix) throws {
        for (index, row) in rows.enumerated() { try readAgain(row, into: matrix.rows(index..<index + 1)) }
    }

    /// Calls `body` with the unit vectors of all rows of the table, block by block, in `memory` [block, dimension]. Throws
    /// `ToolError` if the table's file cannot be read.
    func forEachBlock(of block: Int, into memory: Matrix, _ body: (_ first: UInt32, _ vectors: Matrix) throws -> Void) throws {
        for first in stride(from: 0, to: tableCount, by: block) {
            let count = min(block, tableCount - first), vectors = memory.rows(0..<count)
            for index in 0..<count { try readAgain(UInt32(first + index), into: vectors.rows(index..<index + 1)) }
            try body(UInt32(first), vectors)
        }
    }

    /// Returns the `count` most frequent words of the table, including the mark that ends sentences in a direction. Throws
    /// `ToolError` if the table's file cannot be read.
    /// - `mark`: the mark; `nil` if marks are not predicted.
    /// - `sentences`: number of sentences of the training text, which is the count of the mark; no vocabulary contains it.
    public func candidates(_ count: Int, mark: UInt32?, sentences: Int) throws -> Candidates {
        func frequency(_ row: UInt32) -> UInt64 { row == mark ? UInt64(sentences) : table.counts[Int(row)] }
        var rows: [UInt32] = []
        let ordered = (0..<UInt32(tableCount)).filter { $0 == mark || isWord($0) }
            .sorted { (frequency($0), $1) > (frequency($1), $0) }
        for row in ordered where rows.count < count {
            try load(row)
            if row == mark || isUsable(row) { rows.append(row) }
        }
        return try Candidates(
            rows: rows, counts: rows.map(frequency), tableRows: tableCount, dimension: dimension, vector: copy)
    }

    /// Makes sure that a row of the table can be gathered: reads it into memory, or examines it where it stays, which checks the
    /// block of the file that contains it.
    private func load(_ row: UInt32) throws {
        guard slots[Int(row)] == Self.absent else { return }
        if loadedCount < room {
            slots[Int(row)] = try newSlot { try table.rows.read(Int(row), into: $0) }
        } else {
            let passing = passing.row(0)
            try readAgain(row, into: passing)
            slots[Int(row)] = passing.isZero ? Self.storedZeros : Self.stored
            storedCount += 1
        }
    }

    /// Writes the unit vector of a row that has been met to `target` [1, dimension].
    private func copy(_ row: UInt32, to target: Matrix) throws {
        let slot = slot(of: row)
        if isKept(slot) {
            target.copy(from: vector(Int(slot)))
        } else {
            try readAgain(row, into: target)
        }
    }

    /// Computes from a row in the file what `newSlot` would.
    private func readAgain(_ row: UInt32, into target: Matrix) throws {
        try table.rows.read(Int(row), into: target)
        table.normalise(target, centred: centred)
    }

    /// Fills the next slot with a vector, turned into a target of training.
    private func newSlot(_ fill: (Matrix) throws -> Void) throws -> UInt32 {
        let slot = usable.count
        if slot / Self.pieceRows == pieces.count { pieces.append(FloatBuffer(count: Self.pieceRows * dimension)) }
        let row = vector(slot)
        try fill(row)
        table.normalise(row, centred: centred)
        usable.append(!row.isZero)
        return UInt32(slot)
    }

    private func slot(of row: UInt32) -> UInt32 {
        Int(row) < tableCount ? slots[Int(row)] : madeSlots[Int(row) - tableCount]
    }

    /// Returns true if the slot of a row that has been met is in memory.
    private func isKept(_ slot: UInt32) -> Bool { slot < Self.storedZeros }

    /// Returns the vector in a slot, [1, dimension].
    private func vector(_ slot: Int) -> Matrix {
        Matrix(pieces[slot / Self.pieceRows], at: slot % Self.pieceRows * dimension, rows: 1, columns: dimension)
    }
}
