public import Kernels

/// The words among which a prediction is ranked: the N most frequent ones, as unit vectors with their probabilities.
public struct Candidates: Sendable {
    /// Unit vectors, shape (count, dimension).
    let vectors: FloatBuffer
    public let count: Int
    /// The rows of the table, or the classes, that they are.
    public let rows: [UInt32]
    public let dimension: Int
    /// log p of the unigram model, which these words share among them.
    let logUnigram: [Float]
    /// The candidate that each row of the table is, -1 for none.
    private let candidateOfRow: [Int32]

    /// - Parameters:
    ///   - rows: the rows of the table to rank, most frequent first.
    ///   - counts: their counts in the training text; 0 counts as 1.
    ///   - tableRows: how many rows the table has.
    ///   - vector: writes the unit target vector of a row; what it throws is passed on.
    public init(
        rows: [UInt32], counts: [UInt64], tableRows: Int, dimension: Int,
        vector: (_ row: UInt32, _ target: Matrix) throws -> Void
    ) rethrows {
        count = rows.count
        self.rows = rows
        self.dimension = dimension
        vectors = FloatBuffer(count: rows.count * dimension)
        var candidates = [Int32](repeating: -1, count: tableRows)
        for (index, row) in rows.enumerated() {
            if dimension > 0 { try vector(row, Matrix(vectors, at: index * dimension, rows: 1, columns: dimension)) }
            candidates[Int(row)] = Int32(index)
        }
        candidateOfRow = candidates
        let total = counts.reduce(0.0) { $0 + Double(max(1, $1)) }
        logUnigram = counts.map { Float(naturalLogarithm(Double(max(1, $0)) / total)) }
    }

    /// The candidate that a row of the table is, `nil` for a word that is not ranked (rows made later included).
    func index(ofRow row: UInt32) -> Int? {
        guard Int(row) < candidateOfRow.count, candidateOfRow[Int(row)] >= 0 else { return nil }
        return Int(candidateOfRow[Int(row)])
    }

    var matrix: Matrix { Matrix(vectors, rows: count, columns: dimension) }
}
