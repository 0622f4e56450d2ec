import Files

/// What a fastText .bin says before its matrices, checked against the size of the file.
///
/// Layout (little-endian): Int32 magic 793712314, Int32 version; the arguments `dim ws epoch minCount neg wordNgrams
/// loss model bucket minn maxn lrUpdateRate` as Int32 and `t` as Float64; the dictionary: Int32 words and labels,
/// words, labels, Int64 tokens, Int64 size of the pruning index (-1: not pruned), then for each word its bytes, a zero, Int64
/// count, Int8 type (0 word, 1 label), then the pruning index as pairs of Int32; a byte that says whether the input
/// matrix is quantised; Int64 rows, Int64 columns, Float32 elements; the same for the output matrix.
struct FastTextHeader {
    static let magic: Int32 = 793_712_314
    static let version: Int32 = 12

    let dimension: Int
    let subwords: SubwordHash
    /// Entries of the dictionary, labels included.
    let entries: Int
    /// Entries that are words: n-gram rows follow this many word rows.
    let words: Int
    /// Where the dictionary's entries start in the file.
    let entriesOffset: Int
    /// From bucket to row after the word rows where the dictionary was pruned: buckets not listed have no row.
    let prunedBuckets: [Int32: Int32]?
    /// Where the input matrix's elements start in the file.
    let matrixOffset: Int
    let matrixRows: Int

    init(_ bytes: UnsafeRawBufferPointer, name: String) throws {
        var cursor = BinaryCursor(bytes, name: name)
        let magic = try cursor.read(Int32.self, "the header")
        let version = try cursor.read(Int32.self, "the header")
        guard magic == Self.magic else { throw ToolError.data(name, "", "is not a fastText .bin") }
        guard version == Self.version else {
            throw ToolError.data(
                name, "", "is a fastText model of version \(version); only version \(Self.version) can be read")
        }
        let arguments = try (0..<12).map { _ in Int(try cursor.read(Int32.self, "the arguments")) }
        try cursor.skip(8, "the arguments")
        let (dimension, bucket, minimum, maximum) = (arguments[0], arguments[8], arguments[9], arguments[10])
        guard 1...largestDimension ~= dimension, bucket >= 0, minimum >= 0, maximum >= 0,
            bucket > 0 || maximum == 0 || maximum < minimum
        else {
            throw ToolError.data(
                name, "header",
                "dim \(dimension), bucket \(bucket), minn \(minimum), maxn \(maximum) cannot be: the file is damaged")
        }
        self.dimension = dimension
        subwords = SubwordHash(minimum: minimum, maximum: maximum, buckets: bucket)

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
        var rowsNeeded = words + (pruned < 0 ? bucket : 0)
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
            prunedBuckets = index
        } else {
            prunedBuckets = nil
        }

        guard try cursor.read(UInt8.self, "the input matrix") == 0 else {
            throw ToolError.data(
                name, "",
                "is a quantised fastText model (.ftz), which cannot be read; use the .bin or .vec it was made from")
        }
        let rows = try cursor.read(Int64.self, "the input matrix")
        let columns = try cursor.read(Int64.self, "the input matrix")
        guard columns == Int64(dimension), rows >= Int64(rowsNeeded) else {
            throw ToolError.data(
                name, "header",
                "the matrix of \(rows) rows of \(columns) numbers does not fit \(words) words, \(bucket) buckets, "
                    + "dimension \(dimension): the file is damaged")
        }
        matrixOffset = try cursor.skipMatrix(rows: rows, columns: columns, "the input matrix")
        matrixRows = Int(rows)

        // The output matrix is not used, but a file that ends within it has been cut.
        if try cursor.read(UInt8.self, "the output matrix") == 0 {
            let rows = try cursor.read(Int64.self, "the output matrix")
            let columns = try cursor.read(Int64.self, "the output matrix")
            _ = try cursor.skipMatrix(rows: rows, columns: columns, "the output matrix")
        }
    }
}
