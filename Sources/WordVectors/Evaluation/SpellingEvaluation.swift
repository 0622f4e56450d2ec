@_spi(HostMemory) import Kernels
import Parallel
public import Shards

/// How near generated vectors come to the true ones, on known words that the generators have not seen.
///
/// Cosines are of unit vectors, as they are and less their mean. Neighbours are looked for among all known words, by the
/// cosine of unit vectors less their mean, as `train` ranks its predictions.
public struct SpellingEvaluation: Sendable {
    /// A way to make a vector: writes that of word `id` into a row, false if it makes none.
    public struct Method {
        public let name: String
        package let make: (_ id: Int, _ row: UnsafeMutableBufferPointer<Float>) -> Bool

        public init(_ name: String, _ make: @escaping (Int, UnsafeMutableBufferPointer<Float>) -> Bool) {
            self.name = name
            self.make = make
        }

        public init(_ name: String, _ generator: any OutOfVocabularyGenerator, _ words: WordTable) {
            self.init(name) { id, row in words.withWord(id) { generator.vector(for: $0, into: row) } }
        }
    }

    /// How one word came out.
    public struct Outcome: Sendable {
        public var cosine: Float = 0
        public var centredCosine: Float = 0
        /// 1 if no other known word is nearer to the generated vector than the true word.
        public var rank = 0
        /// Of the ten words next to the true vector, how many are among the ten next to the generated one.
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
    /// For each method, how each of the words asked came out.
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
        let mean = TargetStandard(rows, ids: fitted).mean
        let neighbours = VectorNeighbours(rows, ids: fitted + heldOut, mean: mean, threads: threads)
        let truth = neighbours.nearest(asked.map { Array(rows.row($0)) }, except: asked)
        let pool = ThreadPool(threads: threads)
        outcomes = methods.map { [asked] method in
            let made = RowMatrix(count: asked.count, dimension: rows.dimension)
            let flags = ChunkedFlags(count: asked.count, of: false)
            nonisolated(unsafe) let make = method.make
            pool.forEach(asked.count) { flags.flags[$0] = make(asked[$0], made.row($0)) }
            let found = neighbours.nearest(asked.indices.map { Array(made.row($0)) }, except: asked)
            return asked.indices.map { index in
                var outcome = Outcome(rank: (fitted.count + heldOut.count + 1) / 2, isMade: flags.flags[index])
                guard outcome.isMade else { return outcome }
                let row = made.row(index), original = rows.row(asked[index])
                outcome.cosine = Float(centredCosine(row, original, less: nil))
                outcome.centredCosine = Float(centredCosine(row, original, less: mean))
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

/// The cosine of two vectors after a mean is taken from their unit vectors; 0 if nothing is left of one.
func centredCosine(
    _ a: UnsafeMutableBufferPointer<Float>, _ b: UnsafeMutableBufferPointer<Float>, less mean: [Float]?
) -> Double {
    func inverseNorm(_ row: UnsafeMutableBufferPointer<Float>) -> Double {
        let square = row.reduce(0) { $0 + Double($1) * Double($1) }
        return square > 0 ? 1 / square.squareRoot() : 0
    }
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
