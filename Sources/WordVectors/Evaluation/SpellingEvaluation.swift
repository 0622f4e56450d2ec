public import Kernels
import Parallel
public import Shards

/// The closeness of generated vectors to the true ones, for known words that the generators have not seen.
///
/// Cosines are computed between unit vectors, both as they are and with their mean subtracted. Neighbours are searched among all
/// known words by the cosine of unit vectors minus their mean, as `train` ranks its predictions.
public struct SpellingEvaluation: Sendable {
    /// A way to make a vector: writes that of word `id` to a row, [1, dimension]; returns false if it makes none.
    public struct Method {
        /// Name of the method, for reports.
        public let name: String
        package let make: (_ id: Int, _ row: Matrix) -> Bool

        /// Creates a method from a function.
        public init(_ name: String, _ make: @escaping (Int, Matrix) -> Bool) {
            self.name = name
            self.make = make
        }

        /// Creates a method from a generator.
        public init(_ name: String, _ generator: any OutOfVocabularyGenerator, _ words: WordTable) {
            self.init(name) { id, row in words.withWord(id) { generator.vector(for: $0, into: row) } }
        }
    }

    /// The result for one word.
    public struct Outcome: Sendable {
        /// Cosine of the generated vector and the true one.
        public var cosine: Float = 0
        /// Cosine of the two unit vectors minus the mean.
        public var centredCosine: Float = 0
        /// Rank of the true word among the known words nearest to the generated vector, from 1.
        public var rank = 0
        /// Number of the true vector's ten nearest words that are also among the generated vector's ten.
        public var sharedNeighbours = 0
        /// True if a vector was made.
        public var isMade = false
    }

    /// The scores of one method.
    public struct Score: Sendable {
        /// Name of the method.
        public let name: String
        /// Means over the words; a word without a vector counts with cosine 0 and the middle rank.
        public let cosine, centredCosine, rank: Double
        /// Shares of words whose true word is the nearest to the generated vector, or among the nearest ten.
        public let top1, top10: Double
        /// Mean share of the true vector's ten neighbours that the generated vector has, too.
        public let sharedNeighbours: Double
        /// Share of words for which a vector was made.
        public let made: Double
    }

    /// Ids of the words examined.
    public let asked: [Int]
    /// Number of known words among which neighbours are searched.
    public let candidates: Int
    /// Names of the methods.
    public let names: [String]
    /// Results of each method for each of the words examined.
    public let outcomes: [[Outcome]]

    /// Evaluates methods.
    /// - `fitted`: ids of the words that the generators know, most frequent first.
    /// - `heldOut`: ids of the words to examine; if there are more than `mostWords`, an even sample.
    /// - `rows`: true vectors of both.
    public init(
        _ methods: [Method], _ words: WordTable, _ rows: RowMatrix, fitted: [Int], heldOut: [Int], mostWords: Int = 1000,
        threads: Int
    ) {
        let count = min(heldOut.count, mostWords)
        asked = (0..<count).map { heldOut[$0 * heldOut.count / count] }
        names = methods.map(\.name)
        candidates = fitted.count + heldOut.count
        let mean = DirectionStandard(rows.matrix, ids: fitted).mean
        let neighbours = VectorNeighbours(rows, ids: fitted + heldOut, mean: mean, threads: threads)
        let truth = neighbours.nearest(asked.map(rows.row), except: asked)
        let pool = ThreadPool(threads: threads)
        outcomes = methods.map { [asked] method in
            let made = RowMatrix(count: asked.count, dimension: rows.dimension)
            let flags = pool.map(asked.count) { method.make(asked[$0], made.row($0)) }
            let found = neighbours.nearest(asked.indices.map(made.row), except: asked)
            return asked.indices.map { index in
                var outcome = Outcome(rank: (fitted.count + heldOut.count + 1) / 2, isMade: flags[index])
                guard outcome.isMade else { return outcome }
                let row = made.row(index), original = rows.row(asked[index])
                outcome.cosine = Float(row.cosine(original, less: nil))
                outcome.centredCosine = Float(row.cosine(original, less: mean))
                // The mean has no direction, so nothing is near it.
                guard outcome.centredCosine != 0 else { return outcome }
                outcome.rank = found[index].rank
                outcome.sharedNeighbours = Set(found[index].ids).intersection(truth[index].ids).count
                return outcome
            }
        }
    }

    /// Returns the methods' scores over the words for which `isIncluded` returns true.
    public func scores(where isIncluded: (Int) -> Bool = { _ in true }) -> [Score] {
        let chosen = asked.indices.filter { isIncluded(asked[$0]) }
        return zip(names, outcomes).map { name, outcomes in
            func mean(_ value: (Outcome) -> Double) -> Double {
                chosen.isEmpty ? .nan : chosen.reduce(0) { $0 + value(outcomes[$1]) } / Double(chosen.count)
            }
            return Score(
                name: name, cosine: mean { Double($0.cosine) }, centredCosine: mean { Double($0.centredCosine) },
                rank: mean { Double($0.rank) }, top1: mean { $0.rank == 1 ? 1 : 0 }, top10: mean { $0.rank <= 10 ? 1 : 0 },
                sharedNeighbours: mean { Double($0.sharedNeighbours) / 10 }, made: mean { $0.isMade ? 1 : 0 })
        }
    }
}

extension SpellingEvaluation.Method {
    /// Returns the method that knows nothing of a word: the mean of the known words' unit vectors.
    public static func meanVector(_ rows: RowMatrix, fitted: [Int]) -> Self {
        let mean = DirectionStandard(rows.matrix, ids: fitted).mean
        return Self("mean vector") { _, row in
            row.copy(from: mean)
            return true
        }
    }

    /// Returns the method that takes the vector of the known word with the least edit distance (Levenshtein); the most frequent of
    /// equals.
    /// - `fitted`: known words, most frequent first; only the first 20,000 are compared.
    public static func nearestSpelling(_ words: WordTable, _ rows: RowMatrix, fitted: [Int]) -> Self {
        let ids = Array(fitted.prefix(20_000)), candidates = WordSpellings(words, ids: ids)
        return Self("nearest spelling") { id, row in
            let spelling = WordSpellings(words, ids: [id])[0], distances = EditDistance(spelling)
            var best = (distance: Int.max, index: 0)
            for index in 0..<candidates.count where abs(candidates.length(index) - spelling.count) < best.distance {
                let distance = distances.distance(to: candidates[index], below: best.distance)
                if distance < best.distance { best = (distance, index) }
            }
            row.copy(from: rows.row(ids[best.index]))
            return true
        }
    }
}

/// A search for the known words with the nearest vectors, by the cosine of unit vectors minus their mean.
struct VectorNeighbours {
    private let ids: [Int]
    private let mean: [Float]
    /// Directions of the known words, [ids, dimension].
    private let directions: RowMatrix
    private let compute: ProcessorBackend

    /// Number of vectors examined together.
    private static let block = 64

    init(_ rows: RowMatrix, ids: [Int], mean: [Float], threads: Int) {
        self.ids = ids
        self.mean = mean
        compute = ProcessorBackend(pool: ThreadPool(threads: threads))
        directions = RowMatrix(count: ids.count, dimension: rows.dimension)
        for (index, id) in ids.enumerated() {
            directions.row(index).copy(from: rows.row(id))
            directions.row(index).normalize(less: mean)
        }
    }

    struct Nearest {
        /// Rank of the excepted word among the known words.
        var rank = 1
        /// The ten nearest words, without the excepted one.
        var ids: [Int] = []
    }

    /// Returns the nearest words of each vector, [1, dimension], and the rank of the corresponding word in `except`.
    func nearest(_ vectors: [Matrix], except: [Int]) -> [Nearest] {
        let places = Dictionary(uniqueKeysWithValues: ids.enumerated().map { ($1, $0) })
        var results: [Nearest] = []
        let asked = RowMatrix(count: Self.block, dimension: mean.count)
        let scores = FloatBuffer(count: Self.block * ids.count)
        for first in stride(from: 0, to: vectors.count, by: Self.block) {
            let count = min(Self.block, vectors.count - first)
            for index in 0..<count {
                asked.row(index).copy(from: vectors[first + index])
                asked.row(index).normalize(less: mean)
            }
            let block = Matrix(scores, rows: count, columns: ids.count)
            compute.multiply(asked.matrix.rows(0..<count), directions.matrix.transposed, into: block)
            results += compute.pool.map(count) { index in
                let found = block.rows(index..<index + 1).greatest(10, except: places[except[first + index]] ?? -1)
                return Nearest(rank: 1 + found.greater, ids: found.places.map { ids[$0] })
            }
        }
        return results
    }
}
