@_spi(HostMemory) import Kernels
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
        let distances = EditDistance(spelling)
        var best = (distance: Int.max, index: 0)
        for index in 0..<candidates.count where abs(candidates.length(index) - spelling.count) < best.distance {
            let distance = distances.distance(to: candidates[index], below: best.distance)
            if distance < best.distance { best = (distance, index) }
        }
        _ = vector.update(from: rows.row(candidateIds[best.index]))
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
