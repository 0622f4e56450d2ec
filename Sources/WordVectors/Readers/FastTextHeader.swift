import Files

/// What a fastText .bin says before its matrices, checked against the size of the file.
///
/// Layout (little-endian): Int32 magic 793712314, Int32 version; the arguments `dim ws epoch minCount neg wordNgrams
/// loss model bucket minn maxn lrUpdateRate` as Int32 and `t` as Float64; the dictionary: Int32 words and labels,
/// words, labels, Int64 tokens, Int64 size of the pruning index (-1: not pruned), then for each word its bytes, a zero, Int64
/// count, Int8 type (0 word, 1 label), then the pruning index as pairs of Int32; a byte that says whether the input
/// matrix is quantised; Int64 rows, Int64 columns, Float32 elements, or what `QuantisedRows` reads; the same for the output
/// matrix.
struct FastTextHeader {
    static let magic: Int32 = 793_712_314
    /// The newest, and the one before: the same layout, but supervised models had no character n-grams then.
    static let versions: ClosedRange<Int32> = 11...12
    private static let supervised = 3

    let dimension: Int
    /// The n-grams' rows follow those of the words; where the dictionary was pruned, not every bucket has one.
    let subwords: SubwordPlaces
    /// Entries of the dictionary, labels included.
    let entries: Int
    /// Entries that are words: n-gram rows follow this many word rows.
    let words: Int
    /// Where the dictionary's entries start in the file.
    let entriesOffset: Int
    /// The input matrix: words, then n-grams.
    let rows: any SummableRows

    /// - Parameter owner: keeps `bytes` in memory.
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
        // An entry takes 10 bytes at least.
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
            hash: SubwordHash(minimum: minimum, maximum: maximum, buckets: bucket), index: kept)

        rows = try Self.readMatrix(&cursor, "the input matrix", owner: owner)
        guard rows.dimension == dimension, rows.count >= rowsNeeded else {
            throw ToolError.data(
                name, "header",
                "the matrix of \(rows.count) rows of \(rows.dimension) numbers does not fit \(words) words, \(bucket) buckets, "
                    + "dimension \(dimension): the file is damaged")
        }
        // The output matrix is not used, but a file that ends within it has been cut.
        _ = try Self.readMatrix(&cursor, "the output matrix", owner: owner)
    }

    private static func readMatrix(
        _ cursor: inout BinaryCursor, _ what: String, owner: AnyObject
    ) throws -> any SummableRows {
        if try cursor.read(UInt8.self, what) != 0 { return try QuantisedRows(&cursor, what, owner: owner) }
        let rows = try cursor.read(Int64.self, what), columns = try cursor.read(Int64.self, what)
        let start = try cursor.skipMatrix(rows: rows, columns: columns, what)
        return UnalignedRows(
            bytes: UnsafeRawBufferPointer(rebasing: cursor.bytes[start..<cursor.offset]), count: Int(rows),
            dimension: Int(columns), owner: owner)
    }
}
