import Kernels
public import Shards

/// What can be said of an unknown word's vector without a model: the known word spelled most alike.
struct NearestSpelling {
    private let words: WordTable
    private let rows: RowMatrix
    private let candidates: WordSpellings
    private let candidateIds: [Int]

    /// Only this many of the most frequent known words are compared.
    static let comparedWords = 20_000

    /// - Parameter fitted: known words, most frequent first.
    init(_ words: WordTable, _ rows: RowMatrix, fitted: [Int]) {
        self.words = words
        self.rows = rows
        candidateIds = Array(fitted.prefix(Self.comparedWords))
        candidates = WordSpellings(words, ids: candidateIds, longest: MimickNetwork.longestWord)
    }

    /// The vector of the known word with the least edit distance (Levenshtein); of equals the most frequent.
    func vector(_ id: Int, into vector: UnsafeMutableBufferPointer<Float>) {
        let spelling = WordSpellings(words, ids: [id], longest: MimickNetwork.longestWord)[0]
        var best = (distance: Int.max, index: 0)
        for index in 0..<candidates.count where abs(candidates.length(index) - spelling.count) < best.distance {
            let distance = editDistance(spelling, candidates[index], below: best.distance)
            if distance < best.distance { best = (distance, index) }
        }
        _ = vector.update(from: rows.row(candidateIds[best.index]))
    }
}

/// The Levenshtein distance of two words, or some number not below `limit` if it is not below `limit`.
package func editDistance(_ a: ArraySlice<UInt32>, _ b: ArraySlice<UInt32>, below limit: Int) -> Int {
    withUnsafeTemporaryAllocation(of: Int.self, capacity: b.count + 1) { row in
        for index in row.indices { row.initializeElement(at: index, to: index) }
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            var least = i + 1
            for (j, y) in b.enumerated() {
                let substituted = diagonal + (x == y ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(substituted, min(row[j], row[j + 1]) + 1)
                least = min(least, row[j + 1])
            }
            if least >= limit { return limit }
        }
        return row[b.count]
    }
}

extension SpellingEvaluation.Method {
    /// The mean of the known words' unit vectors: what is known of a word of which nothing is known.
    public static func meanVector(_ rows: RowMatrix, fitted: [Int]) -> Self {
        let mean = TargetStandard(rows, ids: fitted).mean
        return Self("mean vector") { _, row in
            _ = row.update(from: mean)
            return true
        }
    }

    /// The vector of the known word spelled most alike.
    public static func nearestSpelling(_ words: WordTable, _ rows: RowMatrix, fitted: [Int]) -> Self {
        let nearest = NearestSpelling(words, rows, fitted: fitted)
        return Self("nearest spelling") { id, row in
            nearest.vector(id, into: row)
            return true
        }
    }
}
