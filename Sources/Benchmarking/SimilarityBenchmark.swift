import Kernels
import Shards
import WordVectors

/// The correlations of vectors with a set of word pairs, with and without generated vectors.
public struct SimilarityResult: Sendable {
    /// The name of the set.
    public let set: String
    /// The number of pairs in the set.
    public let pairs: Int
    /// The number of pairs whose two words are both known.
    public let known: Int
    /// Spearman's correlation over the known pairs alone.
    public let knownOnly: Double
    /// Spearman's correlation over all pairs by each method.
    public let all: [(name: String, spearman: Double)]
}

/// A comparison of vectors with human judgements of word pairs (Spearman's correlation). Similarity is the cosine of unit vectors from
/// which the mean of the known words is subtracted.
struct SimilarityBenchmark {
    let table: WordTable
    let rows: RowMatrix
    /// True for each word in the file of vectors, which thus has a true vector.
    let hasVector: [Bool]
    /// The words that count as known, for which a table would have a vector.
    let known: [Int]
    /// The methods that make vectors for unknown words.
    let methods: [SpellingEvaluation.Method]

    func run(_ set: WordSimilarity) -> SimilarityResult {
        let isKnown = Set(known), mean = DirectionStandard(rows.matrix, ids: known).mean
        let both = RowMatrix(count: 2, dimension: rows.dimension)
        // The similarity of a pair without both vectors is `missing`; pairs without a similarity do not count.
        func correlation(missing: Double?, _ make: (Int, Matrix) -> Bool) -> (spearman: Double, pairs: Int) {
            set.correlation { first, second in
                guard let a = table.find(first), let b = table.find(second), make(a, both.row(0)), make(b, both.row(1)) else {
                    return missing
                }
                return both.row(0).cosine(both.row(1), less: mean)
            }
        }
        func copy(_ id: Int, into row: Matrix) -> Bool {
            row.copy(from: rows.row(id))
            return true
        }
        let knownOnly = correlation(missing: nil) { isKnown.contains($0) && copy($0, into: $1) }
        // A pair about which nothing is known gets the similarity 0, that of unrelated words.
        var all = ([.init("known words only") { _, _ in false }] + methods).map { method in
            (method.name, correlation(missing: 0) { isKnown.contains($0) ? copy($0, into: $1) : method.make($0, $1) }.spearman)
        }
        all.append(("true vectors", correlation(missing: 0) { hasVector[$0] && copy($0, into: $1) }.spearman))
        return SimilarityResult(
            set: set.name, pairs: set.pairs.count, known: knownOnly.pairs, knownOnly: knownOnly.spearman, all: all)
    }
}
