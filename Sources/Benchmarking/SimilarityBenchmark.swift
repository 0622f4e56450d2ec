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
    let fitted: [Int]
    let generators: [SpellingBenchmark.Generator]

    func run(_ set: WordSimilarity) -> SimilarityResult {
        let isKnown = Set(known)
        let mean = DirectionStandard(rows.matrix, ids: known).mean
        let (knownOnly, knownPairs) = set.correlation { first, second in
            guard let a = table.find(first), let b = table.find(second), isKnown.contains(a), isKnown.contains(b) else {
                return nil
            }
            return rows.row(a).cosine(rows.row(b), less: mean)
        }
        func correlation(_ make: @escaping (Int) -> RowMatrix?) -> Double {
            // A pair about which nothing is known gets the similarity 0, that of unrelated words.
            set.correlation { first, second in
                guard let a = table.find(first).flatMap(make), let b = table.find(second).flatMap(make) else { return 0 }
                return a.row(0).cosine(b.row(0), less: mean)
            }.spearman
        }
        func made(_ make: (Matrix) -> Bool) -> RowMatrix? {
            let row = RowMatrix(count: 1, dimension: rows.dimension)
            return make(row.row(0)) ? row : nil
        }
        func vector(_ id: Int) -> RowMatrix? {
            made { row in
                row.copy(from: rows.row(id))
                return true
            }
        }
        func knownOr(_ make: @escaping (Int, Matrix) -> Bool) -> (Int) -> RowMatrix? {
            { id in isKnown.contains(id) ? vector(id) : made { make(id, $0) } }
        }
        let nearest = SpellingEvaluation.Method.nearestSpelling(table, rows, fitted: fitted)
        var all = [("known words only", correlation(knownOr { _, _ in false }))]
        all.append(("nearest spelling", correlation(knownOr(nearest.make))))
        for generator in generators {
            all.append((generator.name, correlation(knownOr { id, row in
                table.withWord(id) { generator.generator.vector(for: $0, into: row) }
            })))
        }
        all.append(("true vectors", correlation { hasVector[$0] ? vector($0) : nil }))
        return SimilarityResult(
            set: set.name, pairs: set.pairs.count, known: knownPairs, knownOnly: knownOnly, all: all)
    }
}
