import Files
import Kernels
import Parallel
import Shards

/// A mapped fastText model file (.bin, or quantised .ftz); only the rows requested are read from disk.
///
/// The vector of a word is the mean of its own row and the rows of its character n-grams, summed in fastText's order, so that it
/// equals the output of `fasttext print-word-vectors`. Among equal words in the dictionary the last is used, as in fastText.
final class FastTextFile: VectorFile {
    let name: String
    let format = VectorFormat.fastText
    var dimension: Int { header.dimension }
    private let file: MappedFile
    private let header: FastTextHeader

    static func recognises(_ head: [UInt8]) -> Bool {
        guard head.count >= 4 else { return false }
        let magic = head.withUnsafeBytes { $0.loadUnaligned(as: Int32.self) }
        return Int32(littleEndian: magic) == FastTextHeader.magic
    }

    /// Opens a file. All its counts are checked, and its dictionary is walked, before anything is allocated for them.
    init(path: String) throws {
        guard path != "-" else {
            throw ToolError.data("standard input", "", "a fastText .bin cannot be read from a pipe; give the file's name")
        }
        file = try MappedFile(path: path)
        name = path
        header = try FastTextHeader(file.bytes, name: path, owner: file)
    }

    func lookUp(_ words: WordTable, noticing others: WordTable, threads: Int) throws -> VectorLookup {
        var lookup = try VectorLookup(words: words.count, others: others.count, dimension: dimension, file: name)
        let entries = try findEntries(words, others, &lookup)
        let rows = lookup.rows
        ThreadPool(threads: threads).map(words.count, together: 1024) { id in
            guard entries[id] >= 0 else { return }
            words.withWord(id) { makeVector($0, entry: Int(entries[id]), into: rows.row(id)) }
        }
        for id in entries.indices where entries[id] >= 0 {
            guard rows.row(id).isFinite else { throw words.withWord(id) { notFinite($0) } }
            lookup.count(id)
        }
        return lookup
    }

    /// Returns a generator of vectors from n-grams, for words that the dictionary lacks; `nil` if the model has no n-grams. The
    /// generator keeps the file mapped and reads its rows there.
    func ownGenerator() -> (any OutOfVocabularyGenerator)? {
        let hash = header.subwords.hash
        guard hash.buckets > 0, hash.maximum >= max(1, hash.minimum), header.rows.count > header.words else {
            return nil
        }
        return NGramGenerator(header.subwords, rows: header.rows)
    }

    /// Number of entries in the dictionary, words and labels.
    var entryCount: Int { header.entries }

    /// Calls `body` with the number and the bytes of each entry of the dictionary, in order.
    func forEachEntry(_ body: (Int, UnsafeRawBufferPointer) throws -> Void) throws {
        var cursor = BinaryCursor(file.bytes, name: name)
        try cursor.skip(header.entriesOffset, "the header")
        for entry in 0..<header.entries {
            let word = try cursor.readString("the dictionary")
            try cursor.skip(9, "the dictionary")
            try body(entry, word)
        }
    }

    /// Writes the vector of entry `entry` of the dictionary, whose word is `word`, to `row` [1, dimension]; it may be zero. Throws
    /// `ToolError` with status `dataError` if it is not finite.
    func vector(of word: UnsafeRawBufferPointer, entry: Int, into row: Matrix) throws {
        makeVector(word, entry: entry, into: row)
        guard row.isFinite else { throw notFinite(word) }
    }

    private func notFinite(_ word: UnsafeRawBufferPointer) -> ToolError {
        .data(name, "word \(quoted(word))", "the vector is not finite")
    }

    /// Returns the number of each word's entry in the dictionary, -1 where there is none.
    private func findEntries(_ words: WordTable, _ others: WordTable, _ lookup: inout VectorLookup) throws -> [Int32] {
        var entries = [Int32](repeating: -1, count: words.count)
        try forEachEntry { entry, word in
            lookup.counts.inFile += 1
            if !isUTF8(word) {
                lookup.counts.invalidWords += 1
            } else if let id = words.find(word) {
                if entries[id] >= 0 { lookup.counts.duplicates += 1 }
                entries[id] = Int32(entry)
            } else if let id = others.find(word) {
                lookup.noticed[id] = true
            }
        }
        return entries
    }

    private func makeVector(_ word: UnsafeRawBufferPointer, entry: Int, into row: Matrix) {
        guard entry < header.rows.count else { return row.fill(0) }
        _ = header.rows.writeMean(to: row) { add in
            add(entry)
            header.subwords.forEach(word, add)
        }
    }
}

/// The header of a fastText .bin, everything before its matrices, checked against the size of the file.
///
/// Layout (little-endian): Int32 magic 793712314, Int32 version; the arguments `dim ws epoch minCount neg wordNgrams loss model
/// bucket minn maxn lrUpdateRate` as Int32 and `t` as Float64; the dictionary: Int32 words and labels, words, labels, Int64 tokens,
/// Int64 size of the pruning index (-1: not pruned), then for each word its bytes, a zero, Int64 count, Int8 type (0 word, 1
/// label), then the pruning index as pairs of Int32; a byte that says whether the input matrix is quantised; Int64 rows, Int64
/// columns, Float32 elements, or what `QuantisedRows` reads; the same for the output matrix.
private struct FastTextHeader {
    static let magic: Int32 = 793_712_314
    /// The latest version, and the one before: it has the same layout, but its supervised models had no character n-grams.
    static let versions: ClosedRange<Int32> = 11...12
    private static let supervised = 3

    let dimension: Int
    /// Rows of n-grams follow those of words. If the dictionary was pruned, not every bucket has a row.
    let subwords: SubwordPlaces
    /// Number of entries in the dictionary, including labels.
    let entries: Int
    /// Number of entries that are words; this many word rows precede those of n-grams.
    let words: Int
    /// Offset in the file at which the dictionary's entries start.
    let entriesOffset: Int
    /// The input matrix: words, then n-grams.
    let rows: any SummableRows

    /// - Parameter owner: the object that keeps `bytes` in memory.
    init(_ bytes: UnsafeRawBufferPointer, name: String, owner: AnyObject) throws {
        var cursor = BinaryCursor(bytes, name: name)
        let magic = try cursor.read(Int32.self, "the header")
        let version = try cursor.read(Int32.self, "the header")
        guard magic == Self.magic else { throw ToolError.data(name, "", "is not a fastText .bin") }
        guard Self.versions.contains(version) else {
            throw ToolError.data(name, "", "is a fastText model of version \(version); only 11 and 12 can be read")
        }
        let arguments = try (0..<12).map { _ in Int(try cursor.read(Int32.self, "the arguments")) }
        try cursor.skip(8, "the arguments")
        let (dimension, bucket, minimum) = (arguments[0], arguments[8], arguments[9])
        let maximum = version == 11 && arguments[7] == Self.supervised ? 0 : arguments[10]
        guard 1...largestDimension ~= dimension, bucket >= 0, minimum >= 0, maximum >= 0,
            bucket > 0 || maximum == 0 || maximum < minimum
        else {
            throw ToolError.data(
                name, "header",
                "dim \(dimension), bucket \(bucket), minn \(minimum), maxn \(maximum) cannot be: the file is damaged")
        }
        self.dimension = dimension
        let entries = Int(try cursor.read(Int32.self, "the dictionary"))
        let words = Int(try cursor.read(Int32.self, "the dictionary"))
        let labels = Int(try cursor.read(Int32.self, "the dictionary"))
        try cursor.skip(8, "the dictionary")
        let pruned = Int(try cursor.read(Int64.self, "the dictionary"))
        // An entry takes at least 10 bytes.
        guard words >= 0, labels >= 0, entries == words + labels, entries <= cursor.remaining / 10, pruned >= -1,
            pruned <= cursor.remaining / 8
        else {
            throw ToolError.data(
                name, "header",
                "\(entries) entries, \(words) words, \(labels) labels, pruning index of \(pruned) do not fit the file: "
                    + "it is damaged or cut short")
        }
        self.entries = entries
        self.words = words
        entriesOffset = cursor.offset
        for _ in 0..<entries {
            _ = try cursor.readString("the dictionary")
            try cursor.skip(9, "the dictionary")
        }
        var rowsNeeded = words + (pruned < 0 && maximum > 0 ? bucket : 0)
        var kept: [Int32: Int32]?
        if pruned >= 0 {
            var index: [Int32: Int32] = [:]
            index.reserveCapacity(pruned)
            for _ in 0..<pruned {
                let bucket = try cursor.read(Int32.self, "the pruning index")
                let row = try cursor.read(Int32.self, "the pruning index")
                guard row >= 0 else { throw ToolError.data(name, "the pruning index", "row \(row) cannot be") }
                index[bucket] = row
                rowsNeeded = max(rowsNeeded, words + Int(row) + 1)
            }
            kept = index
        }
        subwords = SubwordPlaces(
            hash: SubwordHash(minimum: minimum, maximum: maximum, buckets: bucket), index: kept, first: words)

        rows = try Self.readMatrix(&cursor, "the input matrix", owner: owner)
        guard rows.dimension == dimension, rows.count >= rowsNeeded else {
            throw ToolError.data(
                name, "header",
                "the matrix of \(rows.count) rows of \(rows.dimension) numbers does not fit \(words) words, \(bucket) buckets, "
                    + "dimension \(dimension): the file is damaged")
        }
        // The output matrix is not used, but a file that ends within it is truncated.
        _ = try Self.readMatrix(&cursor, "the output matrix", owner: owner)
    }

    private static func readMatrix(
        _ cursor: inout BinaryCursor, _ what: String, owner: AnyObject
    ) throws -> any SummableRows {
        if try cursor.read(UInt8.self, what) != 0 { return try QuantisedRows(&cursor, what, owner: owner) }
        let rows = try cursor.read(Int64.self, what), columns = try cursor.read(Int64.self, what)
        let (cells, tooMany) = rows.multipliedReportingOverflow(by: columns)
        guard rows >= 0, columns >= 1, !tooMany, cells <= Int64(cursor.remaining / 4) else {
            throw ToolError.data(
                cursor.name, "byte \(cursor.offset)",
                "\(what) of \(rows) rows of \(columns) numbers is larger than the file: it is damaged or cut short")
        }
        return UnalignedRows(
            bytes: try cursor.take(4 * Int(cells), what), count: Int(rows), dimension: Int(columns), owner: owner)
    }
}

/// A reader of little-endian numbers from bytes in memory that never reads past their end.
struct BinaryCursor {
    let name: String
    let bytes: UnsafeRawBufferPointer
    private(set) var offset = 0

    init(_ bytes: UnsafeRawBufferPointer, name: String) {
        self.bytes = bytes
        self.name = name
    }

    var remaining: Int { bytes.count - offset }

    mutating func read<Value: FixedWidthInteger & BitwiseCopyable>(_: Value.Type, _ what: String) throws -> Value {
        let start = offset
        try skip(MemoryLayout<Value>.size, what)
        return Value(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: Value.self))
    }

    mutating func skip(_ count: Int, _ what: String) throws {
        guard count >= 0, count <= remaining else { throw cut(what) }
        offset += count
    }

    /// Returns the next `count` bytes; throws if the file does not contain them.
    mutating func take(_ count: Int, _ what: String) throws -> UnsafeRawBufferPointer {
        let start = offset
        try skip(count, what)
        return UnsafeRawBufferPointer(rebasing: bytes[start..<offset])
    }

    /// Returns the bytes up to the next zero byte, which is skipped.
    mutating func readString(_ what: String) throws -> UnsafeRawBufferPointer {
        let rest = bytes[offset...]
        guard let end = rest.firstIndex(of: 0) else { throw cut(what) }
        let string = UnsafeRawBufferPointer(rebasing: bytes[offset..<end])
        offset = end + 1
        return string
    }

    private func cut(_ what: String) -> ToolError { .data(name, "byte \(offset)", "the file is cut short in \(what)") }
}
