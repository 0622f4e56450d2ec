import Files
import Glibc
@_spi(HostMemory) import Kernels
import Parallel
public import Shards

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

    /// Numbers of a vector that are solved for together: what the registers hold of a sum.
    private static let width = SubwordIncidence.lanes

    /// Fits n-grams to the words that `lookup` found, whose ids ascend from the most frequent word on.
    ///
    /// - Parameter counts: how often each word occurs, for `frequencyPower`.
    /// Throws `ToolError` (`dataError`) for too few words.
    public func fit(_ words: WordTable, counts: [UInt64], _ lookup: VectorLookup) throws -> SpellingFit {
        let known = Array((0..<words.count).filter { lookup.found[$0] }.prefix(configuration.words))
        guard known.count >= MimickTrainer.fewestWords else {
            throw ToolError(
                .dataError,
                "only \(known.count) words of the vocabulary have a vector, too few to fit n-grams to; "
                    + "check that vocabulary and vectors are of one language and case")
        }
        let share = min(0.05, Double(configuration.heldOut) / Double(known.count))
        let split = HeldOutWords(count: known.count, share: share, seed: configuration.seed)
        let fitted = split.fitted.map { known[$0] }
        let weights = configuration.frequencyPower == 0 ? nil : weights(fitted.map { counts[$0] })
        let start = monotonicSeconds()
        let generator = fit(words, ids: fitted, lookup.rows, weights: weights)
        return SpellingFit(
            generator: generator, name: "fitted n-grams", fitted: fitted, heldOut: split.heldOut.map { known[$0] },
            seconds: monotonicSeconds() - start)
    }

    private func weights(_ counts: [UInt64]) -> [Float] {
        let weights = counts.map { pow(Float(max(1, $0)), configuration.frequencyPower) }
        let mean = weights.reduce(0, +) / Float(weights.count)
        return weights.map { $0 / mean }
    }

    /// Fits n-grams to the words `ids`, whose vectors are `rows` and none of which is zero.
    ///
    /// - Parameter weights: one for each of `ids`, with a mean of 1; `nil` weighs all the same.
    public func fit(_ words: WordTable, ids: [Int], _ rows: RowMatrix, weights: [Float]? = nil) -> NGramGenerator {
        let pool = ThreadPool(threads: threads)
        let hash = SubwordHash(
            minimum: configuration.minimum, maximum: configuration.maximum, buckets: Int(Int32.max))
        let incidence = SubwordIncidence(words, ids: ids, hash: hash, fewestWords: configuration.fewestWords)
        let standard = TargetStandard(rows, ids: ids)
        let weights = weights ?? Array(repeating: 1, count: ids.count)
        let result = RowMatrix(count: max(1, incidence.nGrams), dimension: rows.dimension)
        let solver = RidgeSolver(incidence, weights: weights, configuration, pool: pool)
        for first in stride(from: 0, to: rows.dimension, by: Self.width) {
            let columns = first..<min(rows.dimension, first + Self.width)
            let targets = FloatBuffer(count: ids.count * columns.count)
            for (index, id) in ids.enumerated() {
                let row = rows.row(id)
                let norm = row.baseAddress.map { Float(Vector.norm($0, count: rows.dimension)) } ?? 1
                for (place, column) in columns.enumerated() {
                    targets.start[index * columns.count + place] = row[column] / norm - standard.mean[column]
                }
            }
            let solution = solver.solve(Matrix(targets, rows: ids.count, columns: columns.count))
            for nGram in 0..<incidence.nGrams {
                for (place, column) in columns.enumerated() {
                    result.row(nGram)[column] =
                        (solution.start[nGram * columns.count + place] + standard.mean[column]) * standard.norm
                }
            }
        }
        return NGramGenerator(hash: hash, places: incidence.columns, rows: result)
    }
}
