public import Kernels
import Parallel
public import Shards

/// The nearness of generated vectors to the true ones, on known words that the generators have not seen.
///
/// Cosines are of unit vectors, as they are and less their mean. Neighbours are looked for among all known words, by the
/// cosine of unit vectors less their mean, as `train` ranks its predictions.
public struct SpellingEvaluation: Sendable {
    /// A way to make a vector: writes that of word `id` into a row, [1, dimension]; false if it makes none.
    public struct Method {
        public let name: String
        package let make: (_ id: Int, _ row: Matrix) -> Bool

        public init(_ name: String, _ make: @escaping (Int, Matrix) -> Bool) {
            self.name = name
            self.make = make
        }

        public init(_ name: String, _ generator: any OutOfVocabularyGenerator, _ words: WordTable) {
            self.init(name) { id, row in words.withWord(id) { generator.vector(for: $0, into: row) } }
        }
    }

    /// The result for one word.
    public struct Outcome: Sendable {
        public var cosine: Float = 0
        public var centredCosine: Float = 0
        /// 1 if no other known word is nearer to the generated vector than the true word.
        public var rank = 0
        /// The number of the ten words next to the true vector that are among the ten next to the generated one.
        public var sharedNeighbours = 0
        public var isMade = false
    }

    public struct Score: Sendable {
        public let name: String
        /// Means over the words; a word without a vector counts with cosine 0 and the middle rank.
        public let cosine, centredCosine, rank: Double
        /// Shares of the words whose true word is the nearest to the generated vector, or among the nearest ten.
        public let top1, top10: Double
        /// The mean share of the true vector's ten neighbours that the generated vector has too.
        public let sharedNeighbours: Double
        /// The share of words for which a vector was made.
        public let made: Double
    }

    /// Ids of the words looked at.
    public let asked: [Int]
    /// Known words among which neighbours are looked for.
    public let candidates: Int
    public let names: [String]
    /// The results of each method for each of the words asked.
    public let outcomes: [[Outcome]]

    /// - Parameters:
    ///   - fitted: ids of the words that the generators know, most frequent first.
    ///   - heldOut: ids of the words to ask for; more than `mostWords` are sampled evenly.
    ///   - rows: the true vectors of both.
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
                // The mean itself points nowhere, so nothing is near it.
                guard outcome.centredCosine != 0 else { return outcome }
                outcome.rank = found[index].rank
                outcome.sharedNeighbours = Set(found[index].ids).intersection(truth[index].ids).count
                return outcome
            }
        }
    }

    /// The methods' scores over the words asked for which `isIncluded` holds.
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
    /// The mean of the known words' unit vectors: what is known of a word of which nothing is known.
    public static func meanVector(_ rows: RowMatrix, fitted: [Int]) -> Self {
        let mean = DirectionStandard(rows.matrix, ids: fitted).mean
        return Self("mean vector") { _, row in
            row.copy(from: mean)
            return true
        }
    }

    /// The vector of the known word with the least edit distance (Levenshtein); of equals the most frequent.
    /// - Parameter fitted: known words, most frequent first, of which the first 20,000 are compared.
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

/// Finds the known words with the nearest vectors, by the cosine of unit vectors less their mean.
struct VectorNeighbours {
    private let ids: [Int]
    private let mean: [Float]
    /// The known words' directions, [ids, dimension].
    private let directions: RowMatrix
    private let compute: ProcessorBackend

    /// Vectors looked at together.
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
        /// The rank of the excepted word among the known words.
        var rank = 1
        /// The ten nearest words but the excepted one.
        var ids: [Int] = []
    }

    /// Returns the nearest words of each vector, [1, dimension], and the rank of the word of the same position in `except`.
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
