import Files
public import Kernels
public import Shards

/// Vectors as fastText makes them for words outside its dictionary: the mean of the rows of their character n-grams
/// (Bojanowski et al. 2017).
public final class NGramGenerator: OutOfVocabularyGenerator {
    public var dimension: Int { rows.dimension }
    let places: SubwordPlaces
    /// The n-gram rows, [n-grams, dimension].
    let rows: any SummableRows

    init(_ places: SubwordPlaces, rows: any SummableRows) {
        self.places = places
        self.rows = rows
    }

    /// N-grams that are numbered by `places`, from an n-gram's hash to its row; all others have no vector.
    convenience init(hash: SubwordHash, places: [Int32: Int32], rows: RowMatrix) {
        self.init(SubwordPlaces(hash: hash, index: places), rows: UnalignedRows(rows))
    }

    public func vector(for word: UnsafeRawBufferPointer, into row: Matrix) -> Bool {
        row.fill(0)
        let used = rows.addAll(to: row) { add in places.forEach(word, add) }
        guard used > 0 else { return false }
        row.scale(by: Float(1 / Double(used)))
        return row.isFinite && !row.isZero
    }
}

/// How character n-grams travel in a table.
extension NGramGenerator {
    public var source: VectorSource { .ngrams }

    public var fields: ShardFields {
        [
            "generator": "ngrams",
            "ngrams": "\(places.hash.minimum) \(places.hash.maximum) \(places.hash.buckets) \(rows.count) "
                + "\(places.index?.count ?? -1)",
        ]
    }

    /// Rows in a tensor: a matrix of gigabytes is written and read in pieces of some megabytes.
    private static func chunk(_ dimension: Int) -> Int { max(1, (1 << 22) / dimension) }

    public func forEachTensor(_ body: (String, [Int], [Float]) throws -> Void) throws {
        let chunk = Self.chunk(dimension)
        for (number, first) in stride(from: 0, to: rows.count, by: chunk).enumerated() {
            let copy = RowMatrix(count: min(chunk, rows.count - first), dimension: dimension)
            for row in 0..<copy.count { rows.add(first + row, to: copy.row(row)) }
            try body("ngrams.rows.\(number)", [copy.count, dimension], copy.matrix.values)
        }
        if let index = places.index {
            // Halves of 16 bits, which Float32 holds exactly.
            let pairs = index.sorted { $0.key < $1.key }.flatMap { key, value in
                [key >> 16, key & 0xFFFF, value >> 16, value & 0xFFFF].map { Float($0) }
            }
            try body("ngrams.pruned", [pairs.count / 4, 4], pairs)
        }
    }

    convenience init(_ tensors: GeneratorTensors, _ fields: ShardFields, dimension: Int, file: String) throws {
        let text = fields["ngrams"] ?? "", numbers = text.split(separator: " ").compactMap { Int($0) }, most = Int(Int32.max)
        guard numbers.count == 5, (0...most).contains(numbers[0]), (1...most).contains(numbers[1]), (1...most).contains(numbers[2]),
            (0...most).contains(numbers[3]), numbers[4] <= most
        else {
            throw ToolError.data(
                file, "header", "ngrams is '\(text)', and must be five numbers: least and most characters, buckets, rows, and "
                    + "entries of the index or -1; none is above \(most)")
        }
        let chunk = Self.chunk(dimension)
        let chunks = try stride(from: 0, to: numbers[3], by: chunk).enumerated().map { number, first in
            let count = min(chunk, numbers[3] - first)
            return try tensors.values("ngrams.rows.\(number)", shape: [count, dimension], file: file).values
        }
        let rows = ChunkedRows(chunks, size: chunk, count: numbers[3], dimension: dimension)
        var pruned: [Int32: Int32]?
        if numbers[4] >= 0 {
            let halves = try tensors.values("ngrams.pruned", shape: [numbers[4], 4], file: file).values
            guard halves.allSatisfy({ $0 >= 0 && $0 < 65536 }) else {
                throw ToolError.data(file, "tensor ngrams.pruned", "holds numbers that cannot be")
            }
            var index: [Int32: Int32] = [:]
            for entry in 0..<numbers[4] {
                let halves = halves[(4 * entry)..<(4 * entry + 4)].map { UInt32($0) }
                index[Int32(bitPattern: halves[0] << 16 | halves[1])] = Int32(bitPattern: halves[2] << 16 | halves[3])
            }
            pruned = index
        }
        guard pruned.map({ $0.values.allSatisfy { $0 >= 0 && $0 < rows.count } }) ?? (rows.count >= numbers[2]) else {
            throw ToolError.data(file, "tensor ngrams.rows", "has fewer rows than the n-grams need")
        }
        self.init(
            SubwordPlaces(
                hash: SubwordHash(minimum: numbers[0], maximum: numbers[1], buckets: numbers[2]), index: pruned),
            rows: rows)
    }
}
