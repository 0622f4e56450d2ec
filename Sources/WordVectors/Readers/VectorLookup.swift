import Files

/// The pre-trained vectors of the words that were asked for.
public struct VectorLookup: Sendable {
    /// A row for each word, in the order of the words' ids; zero for words that have no vector.
    public let rows: RowMatrix
    /// Which words have a vector.
    public internal(set) var found: [Bool]
    /// Which of the other words that the reader looked out for are in the file.
    public internal(set) var noticed: [Bool]
    public internal(set) var counts = Counts()

    /// What a reader met on its way; all counts but the first two speak of lines or records of the file.
    public struct Counts: Sendable, Equatable {
        /// Words that got a vector.
        public var found = 0
        /// Words that the file holds in all.
        public var inFile = 0
        /// Further vectors of a word that already had one: the first wins (in a fastText .bin the last, as there).
        public var duplicates = 0
        /// Words that are not UTF-8: skipped.
        public var invalidWords = 0
        /// Words whose vector is zero: treated as words without a vector, because zero has no direction.
        public var zeroVectors = 0

        public init(found: Int = 0, inFile: Int = 0, duplicates: Int = 0, invalidWords: Int = 0, zeroVectors: Int = 0) {
            self.found = found
            self.inFile = inFile
            self.duplicates = duplicates
            self.invalidWords = invalidWords
            self.zeroVectors = zeroVectors
        }
    }

    /// Throws `ToolError` if there is no memory for vectors of the dimension that `file` claims: `systemError`, or `dataError` for
    /// one that no vectors have.
    init(words: Int, others: Int, dimension: Int, file: String) throws {
        guard let rows = RowMatrix(claimed: words, dimension: dimension) else {
            guard dimension > 1 << 16 else {
                throw ToolError(.systemError, "\(file): the system gives no memory for \(words) vectors of \(dimension) numbers")
            }
            throw ToolError.data(
                file, "header", "there is no memory for \(words) vectors of \(dimension) numbers; is the file damaged?")
        }
        self.rows = rows
        found = Array(repeating: false, count: words)
        noticed = Array(repeating: false, count: others)
    }

    /// The same, as if only the words `ids` had been found.
    public func limited(to ids: [Int]) -> VectorLookup {
        var limited = self
        limited.found = Array(repeating: false, count: found.count)
        for id in ids where found[id] { limited.found[id] = true }
        return limited
    }

    /// Takes a vector that a reader has made; the first one of a word wins.
    mutating func accept(_ id: Int, _ values: UnsafePointer<Float>) {
        if found[id] {
            counts.duplicates += 1
            return
        }
        let row = rows.row(id)
        var isZero = true
        for index in row.indices {
            row[index] = values[index]
            if values[index] != 0 { isZero = false }
        }
        if isZero {
            counts.zeroVectors += 1
        } else {
            found[id] = true
            counts.found += 1
        }
    }
}
