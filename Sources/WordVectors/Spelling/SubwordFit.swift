import Files
import Glibc
public import Kernels
import Parallel
public import Shards

/// Settings of a `SubwordFit`.
public struct SubwordConfiguration: Sendable, Equatable {
    /// Maximum number of known words used for fitting, from the most frequent on.
    public var words = 200_000
    /// Maximum number of known words held out for the report; a twentieth if there are few.
    public var heldOut = 1000
    /// Minimum number of characters of an n-gram, including the marks `<` and `>` of a word's ends.
    public var minimum = 2
    /// Maximum number of characters of an n-gram, including these marks.
    public var maximum = 6
    /// N-grams that occur in fewer of the words fitted to get no vector.
    public var fewestWords = 2
    /// Penalty on the squared norms of n-grams' vectors, added to the mean squared error over words (ridge regression).
    public var ridge: Float = 0.005
    /// Factor by which the penalty grows for each character that an n-gram is shorter than the longest.
    public var lengthPenalty: Float = 1.5
    /// Maximum number of steps of conjugate gradients, which end when the residual has fallen to `tolerance` times its start.
    public var steps = 50
    /// Relative residual at which conjugate gradients end.
    public var tolerance = 3e-2
    /// The weight of a word is its count to this power, scaled to a mean of 1; 0 gives all words the same weight.
    public var frequencyPower: Float = 0
    /// Seed that chooses the held-out words.
    public var seed: UInt64 = 1

    /// Creates the default settings.
    public init() {}
}

/// Fits vectors of character n-grams whose means approximate the vectors of known words: what fastText would have learned, as far
/// as finished vectors still reveal it (bag of subwords: Zhao, Mudgal and Liang 2018).
///
/// With A the means (`SubwordIncidence`), W the weights of words, and T the unit vectors minus their mean, the rows R of the
/// n-grams minimise
///
///     sum_w W_w |A_w R - T_w|^2 + ridge |R|^2
///
/// whose normal equations are solved by conjugate gradients, for all components of a vector at once. The mean is then added to
/// every row, because a mean of rows shifts by what its rows shift, and rows are scaled by the mean norm: the result is a plain
/// `NGramGenerator`.
public struct SubwordFit {
    private let configuration: SubwordConfiguration
    private let threads: Int

    /// Creates a fit.
    public init(_ configuration: SubwordConfiguration, threads: Int) {
        self.configuration = configuration
        self.threads = threads
    }

    /// Number of components solved for together: as many sums as registers hold.
    private static let width = SparseMatrix.lanes

    /// Fits n-grams to the words that `lookup` found, whose ids ascend from the most frequent word on. Throws `ToolError` with
    /// status `dataError` for too few words.
    ///
    /// - `counts`: occurrences of each word, for `frequencyPower`.
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

    /// Fits n-grams to the words `ids`, whose vectors in `rows` are not zero.
    ///
    /// - `weights`: a weight for each of `ids`, with a mean of 1; `nil` gives all the same weight.
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
/// Element (w, g) is the number of occurrences of n-gram g in word w, divided by the number of n-grams of w that count.
struct SubwordIncidence: Sendable {
    /// Column of each n-gram, by hash.
    let columns: [Int32: Int32]
    /// Number of characters of each n-gram, including the marks of a word's ends.
    let lengths: [Int]
    let matrix: SparseMatrix
    var nGrams: Int { lengths.count }

    /// - Parameter fewestWords: n-grams that occur in fewer words do not count.
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
        // Columns are in the order of the n-grams' first occurrence, because a dictionary has no defined order.
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
