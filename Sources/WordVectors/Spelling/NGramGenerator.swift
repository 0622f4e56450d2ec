import Files
public import Kernels
public import Shards

/// Generator of vectors as fastText makes them for words outside its dictionary: the mean of the rows of their character n-grams
/// (Bojanowski et al. 2017).
public final class NGramGenerator: OutOfVocabularyGenerator {
    /// Size of a vector.
    public var dimension: Int { rows.dimension }
    let places: SubwordPlaces
    /// Rows of numbers; those of n-grams start at row `places.first`.
    let rows: any SummableRows
    /// Number of n-grams that have a row.
    private var count: Int { rows.count - places.first }

    init(_ places: SubwordPlaces, rows: any SummableRows) {
        self.places = places
        self.rows = rows
    }

    /// Writes the vector of `word` to `row` [1, dimension]; returns false if none of its n-grams has a
    /// row, or if the mean is zero or not finite.
    public func vector(for word: UnsafeRawBufferPointer, into row: Matrix) -> Bool {
        rows.writeMean(to: row) { add in places.forEach(word, add) } > 0 && row.isFinite && !row.isZero
    }
}

/// The form of character n-grams in a table.
extension NGramGenerator {
    /// The source that a table records for vectors of this generator.
    public var source: VectorSource { .ngrams }

    /// Fields of a table's header that describe the generator.
    public var fields: ShardFields {
        [
            "generator": "ngrams",
            "ngrams": "\(places.hash.minimum) \(places.hash.maximum) \(places.hash.buckets) \(count) "
                + "\(places.index?.count ?? -1)",
        ]
    }

    /// Rows in a tensor: a matrix of gigabytes is written and read in pieces of a few megabytes.
    private static func chunk(_ dimension: Int) -> Int { max(1, (1 << 22) / dimension) }

    /// Calls `body` with each tensor of the generator.
    public func forEachTensor(_ body: (String, [Int], [Float]) throws -> Void) throws {
        let chunk = Self.chunk(dimension)
        for (number, first) in stride(from: 0, to: count, by: chunk).enumerated() {
            let copy = RowMatrix(count: min(chunk, count - first), dimension: dimension)
            for row in 0..<copy.count { _ = rows.writeMean(to: copy.row(row)) { add in add(places.first + first + row) } }
            try body("ngrams.rows.\(number)", [copy.count, dimension], copy.matrix.values)
        }
        if let index = places.index {
            // Halves of 16 bits, which Float32 represents exactly.
            let pairs = index.sorted { $0.key < $1.key }.flatMap { key, value in
                [key >> 16, key & 0xFFFF, value >> 16, value & 0xFFFF].map { Float($0) }
            }
            try body("ngrams.pruned", [pairs.count / 4, 4], pairs)
        }
    }

    /// Restores a generator from a table. Throws `ToolError.data`.
    convenience init(_ stored: StoredGenerator) throws {
        let text = stored.fields["ngrams"] ?? "", most = Int(Int32.max)
        let numbers = text.split(separator: " ").compactMap { Int($0) }
        guard numbers.count == 5, (0...most).contains(numbers[0]), (1...most).contains(numbers[1]),
            (1...most).contains(numbers[2]), (0...most).contains(numbers[3]), numbers[4] <= most
        else {
            throw stored.error(
                "header", "ngrams is '\(text)', and must be five numbers: least and most characters, buckets, rows, and "
                    + "entries of the index or -1; none is above \(most)")
        }
        let count = numbers[3], chunk = Self.chunk(stored.dimension)
        let chunks = try stride(from: 0, to: count, by: chunk).enumerated().map { number, first in
            try stored.values("ngrams.rows.\(number)", shape: [min(chunk, count - first), stored.dimension])
        }
        var index: [Int32: Int32]?
        if numbers[4] >= 0 {
            let halves = try stored.values("ngrams.pruned", shape: [numbers[4], 4])
            guard halves.allSatisfy({ $0 >= 0 && $0 < 65536 }) else {
                throw stored.error("tensor ngrams.pruned", "holds numbers that cannot be")
            }
            func number(_ place: Int) -> Int32 { Int32(bitPattern: UInt32(halves[place]) << 16 | UInt32(halves[place + 1])) }
            let entries = stride(from: 0, to: halves.count, by: 4).map { (number($0), number($0 + 2)) }
            index = Dictionary(entries, uniquingKeysWith: { $1 })
        }
        guard index?.values.allSatisfy({ $0 >= 0 && $0 < count }) ?? (count >= numbers[2]) else {
            throw stored.error("tensor ngrams.rows", "has fewer rows than the n-grams need")
        }
        self.init(
            SubwordPlaces(hash: SubwordHash(minimum: numbers[0], maximum: numbers[1], buckets: numbers[2]), index: index),
            rows: ChunkedRows(chunks, size: chunk, count: count, dimension: stored.dimension))
    }
}
