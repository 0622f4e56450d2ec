import Kernels
import Shards
import WordVectors

/// Correlations of vectors with a set of word pairs, with and without generated vectors.
public struct SimilarityResult: Sendable {
    public let set: String
    public let pairs: Int
    /// The number of pairs of which both words are known.
    public let known: Int
    /// Spearman's correlation over the known pairs alone.
    public let knownOnly: Double
    /// Spearman's correlation over all pairs by each method.
    public let all: [(name: String, spearman: Double)]
}

/// Compares vectors with people's judgement of pairs of words (Spearman's correlation), by the cosine of unit vectors less
/// the known words' mean.
struct SimilarityBenchmark {
    let table: WordTable
    let rows: RowMatrix
    /// True for each word that the file of vectors has, and so has a true vector.
    let hasVector: [Bool]
    /// The words that count as known: a table would have their vector.
    let known: [Int]
    /// The methods that make vectors for words that are not known.
    let methods: [SpellingEvaluation.Method]

    func run(_ set: WordSimilarity) -> SimilarityResult {
        let isKnown = Set(known), mean = DirectionStandard(rows.matrix, ids: known).mean
        let both = RowMatrix(count: 2, dimension: rows.dimension)
        // `missing` is the similarity of a pair without both vectors; pairs without a similarity do not count.
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
