import Files
import Glibc
public import Kernels
import Parallel
public import Shards

/// Settings of a `SubwordFit`.
public struct SubwordConfiguration: Sendable, Equatable {
    /// Known words are used for fitting from the most frequent on, up to this many.
    public var words = 200_000
    /// Known words kept out of the fit to report on, at most; a twentieth of few.
    public var heldOut = 1000
    /// Characters of an n-gram, with the marks `<` and `>` of a word's ends counted.
    public var minimum = 2
    public var maximum = 6
    /// N-grams that fewer of the words fitted to have get no vector.
    public var fewestWords = 2
    /// The penalty on the n-grams' squared norms, beside the mean squared error over words: ridge regression.
    public var ridge: Float = 0.005
    /// The penalty grows by this factor with each character that an n-gram is shorter than the longest.
    public var lengthPenalty: Float = 1.5
    /// Steps of conjugate gradients, at most; they end when the residual is `tolerance` of what it was.
    public var steps = 50
    public var tolerance = 3e-2
    /// A word of count c weighs c to this power (0: all the same), with a mean weight of 1.
    public var frequencyPower: Float = 0
    public var seed: UInt64 = 1

    public init() {}
}

/// Vectors of character n-grams whose means come nearest to the vectors of known words: what fastText would have
/// learned, as far as finished vectors still tell it (bag of subwords: Zhao, Mudgal and Liang 2018).
///
/// With A the means (`SubwordIncidence`), W the words' weights and T the unit vectors less their mean, the n-grams' rows R
/// minimise
///
///     sum_w W_w |A_w R - T_w|^2 + ridge |R|^2
///
/// whose normal equations conjugate gradients solve, for all numbers of a vector at once. Every row then gets the mean
/// added, because a mean of rows shifts as its rows do, and the mean norm as a factor: the result is a plain
/// `NGramGenerator`.
public struct SubwordFit {
    private let configuration: SubwordConfiguration
    private let threads: Int

    public init(_ configuration: SubwordConfiguration, threads: Int) {
        self.configuration = configuration
        self.threads = threads
    }

    /// The count of a vector's numbers that are solved for together: as many as registers hold of a sum.
    private static let width = SparseMatrix.lanes

    /// Fits n-grams to the words that `lookup` found, whose ids ascend from the most frequent word on.
    ///
    /// - Parameter counts: occurrences of each word, for `frequencyPower`.
    /// Throws `ToolError` (`dataError`) for too few words.
    public func fit(_ words: WordTable, counts: [UInt64], _ lookup: VectorLookup) throws -> SpellingFit {
        let known = try lookup.known(most: configuration.words, toFit: "n-grams to")
        let share = min(0.05, Double(configuration.heldOut) / Double(known.count))
        let split = HeldOutWords(of: known, share: share, seed: configuration.seed)
        let weights = frequencyWeights(split.fitted.map { counts[$0] }, power: configuration.frequencyPower)
        let start = monotonicSeconds()
        let generator = fit(words, ids: split.fitted, lookup.rows, weights: weights)
        return SpellingFit(
            generator: generator, name: "fitted n-grams", fitted: split.fitted, heldOut: split.heldOut,
            seconds: monotonicSeconds() - start)
    }

    /// Fits n-grams to the words `ids`, whose vectors are `rows` and none of which is zero.
    ///
    /// - Parameter weights: one for each of `ids`, with a mean of 1; `nil` weighs all the same.
    public func fit(_ words: WordTable, ids: [Int], _ rows: RowMatrix, weights: [Float]? = nil) -> NGramGenerator {
        let pool = ThreadPool(threads: threads)
        let hash = SubwordHash(
            minimum: configuration.minimum, maximum: configuration.maximum, buckets: Int(Int32.max))
        let incidence = SubwordIncidence(words, ids: ids, hash: hash, fewestWords: configuration.fewestWords)
        let standard = DirectionStandard(rows.matrix, ids: ids)
        let weights = weights ?? Array(repeating: 1, count: ids.count)
        let result = RowMatrix(count: max(1, incidence.nGrams), dimension: rows.dimension)
        let penalties = incidence.lengths.map { length in
            configuration.ridge * pow(configuration.lengthPenalty, Float(configuration.maximum - length))
        }
        let solver = RidgeRegression(
            incidence.matrix, weights: weights, penalties: penalties, steps: configuration.steps,
            tolerance: configuration.tolerance, pool: pool)
        for first in stride(from: 0, to: rows.dimension, by: Self.width) {
            let columns = first..<min(rows.dimension, first + Self.width)
            let targets = FloatBuffer(count: ids.count * columns.count)
            let matrix = Matrix(targets, rows: ids.count, columns: columns.count)
            standard.directions(of: rows.matrix, ids: ids, columns: columns, into: matrix)
            let solution = solver.solve(matrix)
            standard.restoreDirections(
                Matrix(solution, rows: incidence.nGrams, columns: columns.count), columns: columns, into: result.matrix)
            withExtendedLifetime((targets, solution)) {}
        }
        return NGramGenerator(SubwordPlaces(hash: hash, index: incidence.columns), rows: UnalignedRows(result))
    }
}

/// The character n-grams of some words: a sparse matrix [words, n-grams] whose rows are means.
///
/// Element (w, g) is how often word w has n-gram g, over the number of its n-grams that count.
struct SubwordIncidence: Sendable {
    /// The column of each n-gram, by its hash.
    let columns: [Int32: Int32]
    /// Characters of each n-gram, the marks of a word's ends counted.
    let lengths: [Int]
    let matrix: SparseMatrix
    var nGrams: Int { lengths.count }

    /// - Parameter fewestWords: n-grams that fewer of the words have do not count.
    init(_ words: WordTable, ids: [Int], hash: SubwordHash, fewestWords: Int) {
        var lists: [[(nGram: Int32, length: Int)]] = []
        lists.reserveCapacity(ids.count)
        var occurrences: [Int32: (words: Int32, last: Int32)] = [:]
        for (index, id) in ids.enumerated() {
            var list: [(nGram: Int32, length: Int)] = []
            words.withWord(id) { word in hash.forEachNGram(of: word) { list.append((Int32($0), $1)) } }
            for (nGram, _) in list {
                let seen = occurrences[nGram] ?? (0, -1)
                if seen.last != Int32(index) { occurrences[nGram] = (seen.words + 1, Int32(index)) }
            }
            lists.append(list)
        }
        // Columns in the order in which n-grams first occur, because a dictionary has no order to rely on.
        var columns: [Int32: Int32] = [:]
        var lengths: [Int] = []
        var matrix = SparseMatrix()
        for list in lists {
            let counted = list.filter { (occurrences[$0.nGram]?.words ?? 0) >= Int32(fewestWords) }
            for (nGram, length) in counted {
                let column = columns[nGram] ?? Int32(columns.count)
                matrix.append(column: column, value: 1 / Float(counted.count))
                if Int(column) == columns.count {
                    columns[nGram] = column
                    lengths.append(length)
                }
            }
            matrix.endRow()
        }
        self.columns = columns
        self.lengths = lengths
        self.matrix = matrix
    }
}
