import Glibc
import Parallel
public import Kernels

func naturalLogarithm(_ value: Double) -> Double { log(value) }

/// Ranks predictions among candidates. Of the continuous output by cosine and by scale x cosine + log unigram probability;
/// of a softmax by its probabilities.
///
/// Cosine alone ignores how frequent a word is; with the unigram prior the continuous output is a language model with a
/// true perplexity over the candidates.
public struct Ranking {
    /// Positions multiplied with all candidates at once: enough for a product at the machine's speed, and few enough that the
    /// values of 10,000 candidates stay in a cache until they are ranked.
    static let blockRows = 64
    /// Positions on which a scale is fitted, at most. A scale fitted on n positions adds about 1/(2n) to the logarithm of the
    /// perplexity.
    static let fitRows = 512

    private let candidates: Candidates
    private let compute: Compute
    /// [blockRows, candidates]
    private let values: FloatBuffer
    /// Writes what the candidates score at some positions: cosines, or logarithms of probabilities.
    private let fill: (_ positions: [Int], _ values: Matrix) -> Void
    /// Whether values are cosines.
    private let isCosine: Bool
    /// [candidates]: added to values.
    private let prior: [Float]

    /// - Parameters:
    ///   - predictions: unit vectors, [positions, dimension], of positions that `score` will be asked for.
    public init(candidates: Candidates, predictions: FloatBuffer, compute: Compute) {
        let dimension = candidates.dimension
        let block = FloatBuffer(count: Self.blockRows * dimension)
        let packed = PackedMatrix(rows: dimension, columns: candidates.count)
        compute.pack(candidates.matrix.transposed, into: packed)
        self.init(candidates, compute, isCosine: true) { positions, values in
            for (index, row) in positions.enumerated() {
                (block.start + index * dimension).update(from: predictions.start + row * dimension, count: dimension)
            }
            compute.multiply(Matrix(block, rows: positions.count, columns: dimension), packed, into: values)
        }
    }

    /// - Parameter fill: writes log p of each candidate, but for a number that is the same for all, at some positions:
    ///   [positions, candidates].
    public init(
        candidates: Candidates, compute: Compute, fill: @escaping (_ positions: [Int], _ values: Matrix) -> Void
    ) {
        self.init(candidates, compute, isCosine: false, fill: fill)
    }

    private init(
        _ candidates: Candidates, _ compute: Compute, isCosine: Bool,
        fill: @escaping (_ positions: [Int], _ values: Matrix) -> Void
    ) {
        self.isCosine = isCosine
        self.fill = fill
        prior = isCosine ? candidates.logUnigram : Array(repeating: 0, count: candidates.count)
        self.candidates = candidates
        self.compute = compute
        values = FloatBuffer(count: Self.blockRows * candidates.count)
    }

    /// Bytes that ranking takes beside predictions and candidates.
    static func bytes(candidates: Int, dimension: Int, isCosine: Bool) -> Int {
        let rows = blockRows + (isCosine ? fitRows : 0)
        return 4 * (rows * candidates + dimension * (candidates + blockRows))
    }

    /// Scores positions by their targets. A scale is never fitted on the positions it ranks: that of the first half ranks the
    /// second, and the other way round.
    public func score(targets: [UInt32]) -> RankingScores {
        let known = targets.indices.compactMap { position in
            candidates.index(ofRow: targets[position]).map { (position: position, target: $0) }
        }
        guard !known.isEmpty, !isCosine || known.count > 1 else { return RankingScores() }
        let middle = isCosine ? known.count / 2 : known.count
        var scores = RankingScores()
        scores.positions = known.count
        scores.coverage = Double(known.count) / Double(targets.count)
        var sums = Tally()
        if isCosine {
            let scales = [fitScale(known[middle...]), fitScale(known[..<middle])]
            tally(known[..<middle], scale: scales[0], into: &sums)
            tally(known[middle...], scale: scales[1], into: &sums)
            scores.scale = (scales[0] + scales[1]) / 2
            scores.cosineTop1 = Double(sums.cosineTop1) / Double(known.count)
            scores.cosineTop10 = Double(sums.cosineTop10) / Double(known.count)
        } else {
            tally(known[...], scale: 1, into: &sums)
        }
        scores.top1 = Double(sums.top1) / Double(known.count)
        scores.top10 = Double(sums.top10) / Double(known.count)
        scores.perplexity = exp(-sums.logProbability / Double(known.count))
        scores.candidatePerplexity = scores.perplexity
        unigram(known.map(\.target), into: &scores)
        return scores
    }

    /// A position that is ranked, and the candidate that is right there.
    private typealias Known = (position: Int, target: Int)

    private struct Tally {
        var cosineTop1 = 0, cosineTop10 = 0, top1 = 0, top10 = 0
        var logProbability = 0.0
    }

    /// Ranks positions, block by block.
    private func tally(_ known: ArraySlice<Known>, scale: Double, into sums: inout Tally) {
        for start in stride(from: known.startIndex, to: known.endIndex, by: Self.blockRows) {
            let block = known[start..<min(known.endIndex, start + Self.blockRows)]
            let values = Matrix(values, rows: block.count, columns: candidates.count)
            fill(block.map(\.position), values)
            for row in scores(values, targets: block.map(\.target), scale: scale) {
                sums.cosineTop1 += row.higherValues < 1 ? 1 : 0
                sums.cosineTop10 += row.higherValues < 10 ? 1 : 0
                sums.top1 += row.higherScores < 1 ? 1 : 0
                sums.top10 += row.higherScores < 10 ? 1 : 0
                sums.logProbability += row.logProbability
            }
        }
    }

    /// The scores of some positions, whose values are there, on all threads.
    private func scores(_ values: Matrix, targets: [Int], scale: Double) -> [CandidateScores] {
        [CandidateScores](unsafeUninitializedCapacity: values.rows) { rows, initialized in
            guard let base = rows.baseAddress else { return }
            prior.withUnsafeBufferPointer { prior in
                guard let prior = prior.baseAddress else { return }
                compute.pool.forEach(values.rows) { index in
                    (base + index).initialize(
                        to: compute.kernels.scores(
                            values.row(index), prior: prior, count: values.columns, scale: Float(scale),
                            target: targets[index]))
                }
            }
            initialized = values.rows
        }
    }

    /// The scale that makes positions most probable, of which a sample spread over all is looked at: Newton's method on a
    /// concave function of one variable.
    ///
    /// With p(j) proportional to exp(s cos(j) + log u(j)), the gradient of the log-likelihood is cos(target) - E[cos] and
    /// its second derivative -Var[cos].
    private func fitScale(_ known: ArraySlice<Known>) -> Double {
        guard !known.isEmpty else { return 0 }
        let count = min(known.count, Self.fitRows)
        // The first part of the sample is spread over all positions, as the whole sample is.
        let first = count / 8
        let order = first > 0 && count % 8 == 0 ? (0..<count).map { $0 % first * 8 + $0 / first } : Array(0..<count)
        let sample = order.map { known[known.startIndex + $0 * known.count / count] }
        // Kept, so that the products are made once.
        let buffer = FloatBuffer(count: count * candidates.count)
        let cosines = Matrix(buffer, rows: count, columns: candidates.count)
        for start in stride(from: 0, to: count, by: Self.blockRows) {
            let rows = start..<min(count, start + Self.blockRows)
            fill(sample[rows].map(\.position), cosines.rows(rows))
        }
        // Most steps are made on the first part alone; from where they end, few are left.
        var scale = 5.0
        for rows in [first, count] where rows > 0 { improve(&scale, cosines.rows(0..<rows), targets: sample[..<rows].map(\.target)) }
        withExtendedLifetime(buffer) {}
        return scale
    }

    /// Makes positions more probable, until the scale hardly changes: a hundredth more or less is nothing beside the error of a
    /// sample.
    private func improve(_ scale: inout Double, _ cosines: Matrix, targets: [Int]) {
        for _ in 0..<20 {
            var gradient = 0.0, curvature = 0.0
            for (index, row) in scores(cosines, targets: targets, scale: scale).enumerated() {
                gradient += Double(cosines.row(index)[targets[index]]) - row.mean
                curvature += row.variance
            }
            guard curvature > 0 else { break }
            // Steps are bounded: far from the optimum the curvature says little.
            let step = max(-5, min(5, gradient / curvature))
            scale = max(0, scale + step)
            if abs(step) < 1e-2 { break }
        }
    }

    private func unigram(_ targets: [Int], into scores: inout RankingScores) {
        let order = candidates.logUnigram.indices.sorted {
            (candidates.logUnigram[$0], $1) > (candidates.logUnigram[$1], $0)
        }
        let best = Set(order.prefix(10))
        let count = Double(targets.count)
        scores.unigramTop1 = Double(targets.count { $0 == order[0] }) / count
        scores.unigramTop10 = Double(targets.count { best.contains($0) }) / count
        scores.unigramPerplexity = exp(-targets.reduce(0.0) { $0 + Double(candidates.logUnigram[$1]) } / count)
    }
}
