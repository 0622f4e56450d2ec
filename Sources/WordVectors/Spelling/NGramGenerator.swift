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

    public func vector(for word: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) -> Bool {
        row.update(repeating: 0)
        let used = rows.addAll(to: row) { add in places.forEach(word, add) }
        guard used > 0 else { return false }
        scale(row, by: Float(1 / Double(used)))
        return row.allSatisfy(\.isFinite) && row.contains { $0 != 0 }
    }
}
