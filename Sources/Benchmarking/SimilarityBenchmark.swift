@_spi(HostMemory) import Kernels
import Shards
import WordVectors

/// What a set of word pairs says of vectors, with and without generated ones.
public struct SimilarityResult: Sendable {
    public let set: String
    public let pairs: Int
    /// Pairs of which both words are known.
    public let known: Int
    /// Spearman's correlation over the known pairs alone.
    public let knownOnly: Double
    /// Over all pairs, a method each.
    public let all: [(name: String, spearman: Double)]
}

/// Compares vectors with people's judgement of pairs of words (Spearman's correlation), by the cosine of unit vectors less
/// the known words' mean.
struct SimilarityBenchmark {
    let table: WordTable
    let rows: RowMatrix
    /// Which words the file of vectors has, and so have a true vector.
    let hasVector: [Bool]
    /// Words that count as known: a table would have their vector.
    let known: [Int]
    let fitted: [Int]
    let generators: [SpellingBenchmark.Generator]

    func run(_ set: WordSimilarity) -> SimilarityResult {
        let isKnown = Set(known)
        let mean = meanDirection()
        let (knownOnly, knownPairs) = set.correlation { first, second in
            guard let a = table.find(first), let b = table.find(second), isKnown.contains(a), isKnown.contains(b) else {
                return nil
            }
            return cosine(vector(a), vector(b), mean)
        }
        func correlation(_ make: @escaping (Int) -> [Float]?) -> Double {
            // A pair about which nothing is known gets the similarity 0, that of unrelated words.
            set.correlation { first, second in
                guard let a = table.find(first).flatMap(make), let b = table.find(second).flatMap(make) else { return 0 }
                return cosine(a, b, mean)
            }.spearman
        }
        func knownOr(_ make: @escaping (Int) -> [Float]?) -> (Int) -> [Float]? {
            { isKnown.contains($0) ? vector($0) : make($0) }
        }
        let nearest = SpellingEvaluation.Method.nearestSpelling(table, rows, fitted: fitted)
        var all = [("known words only", correlation(knownOr { _ in nil }))]
        all.append(("nearest spelling", correlation(knownOr { id in
            var row = [Float](repeating: 0, count: rows.dimension)
            _ = row.withUnsafeMutableBufferPointer { nearest.make(id, $0) }
            return row
        })))
        for generator in generators {
            all.append((generator.name, correlation(knownOr { id in
                var row = [Float](repeating: 0, count: rows.dimension)
                let isMade = row.withUnsafeMutableBufferPointer { row in
                    table.withWord(id) { generator.generator.vector(for: $0, into: row) }
                }
                return isMade ? row : nil
            })))
        }
        all.append(("true vectors", correlation { hasVector[$0] ? vector($0) : nil }))
        return SimilarityResult(
            set: set.name, pairs: set.pairs.count, known: knownPairs, knownOnly: knownOnly, all: all)
    }

    private func vector(_ id: Int) -> [Float] { Array(rows.row(id)) }

    /// The mean of the known words' unit vectors.
    private func meanDirection() -> [Float] {
        var mean = [Float](repeating: 0, count: rows.dimension)
        for id in known {
            var row = vector(id)
            Vector.normalize(&row, count: row.count)
            for index in mean.indices { mean[index] += row[index] / Float(known.count) }
        }
        return mean
    }

    private func cosine(_ a: [Float], _ b: [Float], _ mean: [Float]) -> Double {
        func centred(_ vector: [Float]) -> [Float] {
            var vector = vector
            Vector.normalize(&vector, count: vector.count)
            return zip(vector, mean).map { $0 - $1 }
        }
        return Vector.cosine(centred(a), centred(b), count: a.count)
    }
}
