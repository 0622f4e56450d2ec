/// Vectors as fastText makes them for words outside its dictionary: the mean of the rows of their character n-grams
/// (Bojanowski et al. 2017).
public final class NGramGenerator: OutOfVocabularyGenerator {
    public var dimension: Int { rows.dimension }
    let hash: SubwordHash
    let prunedBuckets: [Int32: Int32]?
    /// The n-gram rows, [buckets, dimension].
    let rows: UnalignedRows

    init(hash: SubwordHash, prunedBuckets: [Int32: Int32]?, rows: UnalignedRows) {
        self.hash = hash
        self.prunedBuckets = prunedBuckets
        self.rows = rows
    }

    /// N-grams that are numbered by `places`, from an n-gram's hash to its row; all others have no vector.
    convenience init(hash: SubwordHash, places: [Int32: Int32], rows: RowMatrix) {
        self.init(
            hash: hash, prunedBuckets: places,
            rows: UnalignedRows(
                bytes: UnsafeRawBufferPointer(UnsafeBufferPointer(rows.elements)), count: rows.count,
                dimension: rows.dimension, owner: rows))
    }

    public func vector(for word: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) -> Bool {
        row.update(repeating: 0)
        var used = 0
        hash.forEachBucket(of: word) { bucket in
            if let prunedBuckets {
                guard let kept = prunedBuckets[Int32(bucket)] else { return }
                rows.add(Int(kept), to: row)
            } else {
                rows.add(bucket, to: row)
            }
            used += 1
        }
        guard used > 0 else { return false }
        scale(row, by: Float(1 / Double(used)))
        return row.allSatisfy(\.isFinite) && row.contains { $0 != 0 }
    }
}
