import Kernels
import Parallel
public import Shards

/// How near generated vectors come to the true ones, on known words that the generator has not seen.
public struct SpellingEvaluation: Sendable {
    public struct Score: Sendable {
        public let name: String
        /// Mean cosine of generated and true vectors.
        public internal(set) var cosine = 0.0
        /// The same after the mean unit vector is taken from both: what is left without all words' common direction.
        public internal(set) var centredCosine = 0.0
    }

    /// Words looked at.
    public let words: Int
    /// The generator first, then the baselines.
    public let scores: [Score]

    /// More held-out words than this are sampled evenly.
    private static let mostWords = 1000

    /// Compares `fit`'s model with the baselines on its held-out words.
    public init(_ fit: MimickTrainer.Fit, _ table: WordTable, _ rows: RowMatrix, threads: Int) {
        let step = max(1, (fit.heldOut.count + Self.mostWords - 1) / Self.mostWords)
        let asked = stride(from: 0, to: fit.heldOut.count, by: step).map { fit.heldOut[$0] }
        let baselines = SpellingBaselines(table, rows, fitted: fit.fitted, asked: asked)
        let mean = fit.model.standard.mean
        typealias Method = (name: String, make: (Int, UnsafeMutableBufferPointer<Float>) -> Void)
        let methods: [Method] = [
            ("MIMICK", { id, row in table.withWord(id) { _ = fit.model.vector(for: $0, into: row) } }),
            ("mean vector", { _, row in _ = row.update(from: mean) }),
            ("nearest spelling", { id, row in baselines.nearestSpelling(id, into: row) }),
            ("mean of n-grams", { id, row in baselines.nGramMean(id, into: row) }),
        ]
        // One row a word and method: cosine, centred cosine.
        let results = RowMatrix(count: asked.count * methods.count, dimension: 2)
        ThreadPool(threads: threads).forEach(asked.count) { index in
            let made = FloatBuffer(count: rows.dimension)
            for (number, method) in methods.enumerated() {
                method.make(asked[index], made.elements)
                let result = results.row(index * methods.count + number)
                let truth = rows.row(asked[index])
                result[0] = Float(Self.cosine(made.elements, truth, less: nil))
                result[1] = Float(Self.cosine(made.elements, truth, less: mean))
            }
        }
        words = asked.count
        scores = methods.enumerated().map { number, method in
            var score = Score(name: method.name)
            for index in asked.indices {
                score.cosine += Double(results.row(index * methods.count + number)[0]) / Double(asked.count)
                score.centredCosine += Double(results.row(index * methods.count + number)[1]) / Double(asked.count)
            }
            return score
        }
    }

    private static func cosine(
        _ a: UnsafeMutableBufferPointer<Float>, _ b: UnsafeMutableBufferPointer<Float>, less mean: [Float]?
    ) -> Double {
        let scaleA = inverseNorm(a), scaleB = inverseNorm(b)
        var product = 0.0, squareA = 0.0, squareB = 0.0
        for index in a.indices {
            let x = Double(a[index]) * scaleA - Double(mean?[index] ?? 0)
            let y = Double(b[index]) * scaleB - Double(mean?[index] ?? 0)
            product += x * y
            squareA += x * x
            squareB += y * y
        }
        // What is left of a vector that was the mean itself is rounding, which has no direction.
        return squareA > 1e-9 && squareB > 1e-9 ? product / (squareA * squareB).squareRoot() : 0
    }

    private static func inverseNorm(_ row: UnsafeMutableBufferPointer<Float>) -> Double {
        let square = row.reduce(0) { $0 + Double($1) * Double($1) }
        return square > 0 ? 1 / square.squareRoot() : 0
    }
}
