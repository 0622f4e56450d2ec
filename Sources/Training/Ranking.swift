import Glibc
public import Kernels

/// Ranks predictions among candidates. For the continuous output, by cosine and by scale x cosine + log unigram probability or, if
/// it is contrastive, by the product with the candidate's vector + log unigram probability; for a softmax, by its probabilities.
///
/// Cosine alone ignores how frequent a word is. With the unigram prior, the continuous output is a language model with a true
/// perplexity over the candidates.
public struct Ranking {
    /// Number of positions ranked at once.
    private static let blockRows = 4096
    /// Maximum number of positions on which a scale is fitted. A scale fitted on n positions adds about 1/(2n) to the logarithm of
    /// the perplexity.
    private static let fitRows = 512

    private let candidates: Candidates
    /// Predictions or states to rank, [positions, size].
    private let rows: Matrix
    private let backend: any Backend
    /// Ranks the targets, [rows], of some rows.
    private let rank: Measure<CandidateScores>
    /// Returns for each row the cosine with its target minus the mean over all candidates under the softmax, and their variance;
    /// `nil` if values are not cosines.
    private let moments: Measure<Moments>?

    private typealias Moments = (excess: Double, variance: Double)
    private typealias Measure<Result> = (_ rows: Matrix, _ targets: [Int], _ scale: Float) -> [Result]

    /// Prepares ranking of predicted vectors.
    /// - `predictions`: vectors of the positions that `score` will be called for, [positions, dimension]; unit vectors, unless they
    ///   have a scale of their own.
    /// - `hasScale`: true for predictions of a language model, whose products with the candidates, plus log unigram probabilities,
    ///   are logarithms of probabilities.
    public init(candidates: Candidates, predictions: Matrix, hasScale: Bool = false, backend: any Backend) {
        let copies = backend.allocate(candidates.vectors.count)
        let vectors = Matrix(copies, rows: candidates.count, columns: candidates.dimension)
        backend.write(candidates.matrix.values, to: vectors)
        let packed = backend.packed(vectors.transposed)
        backend.wait()
        withExtendedLifetime(copies) {}
        self.candidates = candidates
        self.backend = backend
        rows = predictions
        let buffer = backend.allocate(candidates.count), prior = Matrix(buffer, rows: 1, columns: candidates.count)
        backend.write(candidates.logUnigram, to: prior)
        rank = { rows, targets, scale in
            withExtendedLifetime(buffer) {
                backend.candidateScores(rows, packed, prior: prior, scale: scale, targets: targets)
            }
        }
        moments = hasScale ? nil : { rows, targets, scale in
            withExtendedLifetime(buffer) {
                zip(backend.values(rows, packed, at: targets), backend.valueMoments(rows, packed, prior: prior, scale: scale))
                    .map { (Double($0) - $1.mean, $1.variance) }
            }
        }
    }

    /// Prepares ranking by a softmax.
    /// - `states`: states of the positions that `score` will be called for, [positions, size].
    /// - `rank`: ranks the targets of some states among the candidates by their probabilities.
    public init(
        candidates: Candidates, states: Matrix, backend: any Backend,
        rank: @escaping (_ states: Matrix, _ targets: [Int]) -> [CandidateScores]
    ) {
        self.candidates = candidates
        self.backend = backend
        rows = states
        self.rank = { rows, targets, _ in rank(rows, targets) }
        moments = nil
    }

    /// Returns the bytes that ranking takes in addition to predictions and candidates.
    static func bytes(candidates: Int, dimension: Int) -> Int { 4 * dimension * (candidates + blockRows) }

    /// Scores positions by their targets. A scale is never fitted on the positions that it ranks: the scale of the first half ranks
    /// the second, and vice versa.
    public func score(targets: [UInt32]) -> RankingScores {
        let known = targets.indices.compactMap { position in
            candidates.index(ofRow: targets[position]).map { (position: position, target: $0) }
        }
        guard !known.isEmpty, moments == nil || known.count > 1 else { return RankingScores() }
        var ranks: [CandidateScores], scale: Double?
        if let moments {
            let middle = known.count / 2, first = fitScale(known[middle...], moments, near: nil)
            let second = fitScale(known[..<middle], moments, near: first)
            ranks = forEachBlock(known[..<middle], rank, first) + forEachBlock(known[middle...], rank, second)
            scale = (first + second) / 2
        } else {
            ranks = forEachBlock(known[...], rank, 1)
        }
        var tally = RankTally()
        for (rank, (_, target)) in zip(ranks, known) {
            tally.add(target: target, better: rank.higherScores, logUnigram: Double(candidates.logUnigram[target]))
        }
        var scores = tally.scores(of: targets.count)
        let count = Double(known.count)
        scores.perplexity = exp(-ranks.reduce(0.0) { $0 + $1.logProbability } / count)
        scores.candidatePerplexity = scores.perplexity
        guard let scale else { return scores }
        scores.scale = scale
        scores.cosineTop1 = Double(ranks.count { $0.higherValues < 1 }) / count
        scores.cosineTop10 = Double(ranks.count { $0.higherValues < RankTally.most }) / count
        return scores
    }

    /// A ranked position, and the candidate that is correct there.
    private typealias Known = (position: Int, target: Int)

    /// Returns the results of `rank` or `moments` for some positions, block by block.
    private func forEachBlock<Result>(_ known: ArraySlice<Known>, _ body: Measure<Result>, _ scale: Double) -> [Result] {
        let block = backend.allocate(min(known.count, Self.blockRows) * rows.columns)
        var results: [Result] = []
        results.reserveCapacity(known.count)
        for start in stride(from: known.startIndex, to: known.endIndex, by: Self.blockRows) {
            let part = known[start..<min(known.endIndex, start + Self.blockRows)]
            let matrix = Matrix(block, rows: part.count, columns: rows.columns)
            backend.gather(part.map(\.position), of: rows, into: matrix)
            results += body(matrix, part.map(\.target), Float(scale))
        }
        return results
    }

    /// Returns the scale that makes positions most probable, by Newton's method on a concave function of one variable, for a sample
    /// spread over all positions.
    ///
    /// With p(j) proportional to exp(s cos(j) + log u(j)), the gradient of the log-likelihood is cos(target) - E[cos], and its
    /// second derivative is -Var[cos].
    /// - Parameter near: an approximate scale; `nil` if none is known.
    private func fitScale(_ known: ArraySlice<Known>, _ moments: Measure<Moments>, near: Double?) -> Double {
        guard !known.isEmpty else { return 0 }
        let count = min(known.count, Self.fitRows)
        let sample = (0..<count).map { known[known.startIndex + $0 * known.count / count] }
        var scale = near ?? 5
        // The first steps use fewer positions, spread over all like the sample; few steps remain from where they end.
        if near == nil { improve(&scale, stride(from: 0, to: count, by: 8).map { sample[$0] }, moments) }
        improve(&scale, sample, moments)
        return scale
    }

    /// Makes positions more probable, until the remaining gain is negligible compared with the error of a sample.
    private func improve(_ scale: inout Double, _ sample: [Known], _ moments: Measure<Moments>) {
        for _ in 0..<20 {
            var gradient = 0.0, curvature = 0.0
            for row in forEachBlock(sample[...], moments, scale) {
                gradient += row.excess
                curvature += row.variance
            }
            guard curvature > 0 else { break }
            // Steps are bounded, because the curvature far from the optimum means little.
            let step = max(-5, min(5, gradient / curvature))
            scale = max(0, scale + step)
            // In standard deviations of the cosines, the error after a step is about the square of the error before it, and the
            // remaining gain is the square of that.
            if abs(step) * (curvature / Double(sample.count)).squareRoot() < 0.1 { break }
        }
    }
}

/// The words among which predictions are ranked: the N most frequent ones, as unit vectors with their probabilities.
public struct Candidates: Sendable {
    /// Unit vectors, [count, dimension].
    let vectors: FloatBuffer
    /// Number of candidates.
    public let count: Int
    /// Row in the table, or class, of each candidate.
    public let rows: [UInt32]
    /// Size of a vector.
    public let dimension: Int
    /// log p of each word in the unigram model over these words.
    let logUnigram: [Float]
    /// The candidate of each row of the table, or -1.
    private let candidateOfRow: [Int32]

    /// Creates candidates.
    /// - `rows`: rows of the table to rank, most frequent first, out of `tableRows`.
    /// - `counts`: their counts in the training text; 0 counts as 1.
    /// - `vector`: writes the unit target vector of a row; its errors are rethrown.
    public init(
        rows: [UInt32], counts: [UInt64], tableRows: Int, dimension: Int,
        vector: (_ row: UInt32, _ target: Matrix) throws -> Void
    ) rethrows {
        count = rows.count
        self.rows = rows
        self.dimension = dimension
        vectors = FloatBuffer(count: rows.count * dimension)
        var candidates = [Int32](repeating: -1, count: tableRows)
        for (index, row) in rows.enumerated() {
            if dimension > 0 { try vector(row, Matrix(vectors, at: index * dimension, rows: 1, columns: dimension)) }
            candidates[Int(row)] = Int32(index)
        }
        candidateOfRow = candidates
        logUnigram = RankTally.logUnigram(counts).map { Float($0) }
    }

    /// Returns the candidate of a row of the table; `nil` for a word that is not ranked, including rows made later.
    func index(ofRow row: UInt32) -> Int? {
        guard Int(row) < candidateOfRow.count, candidateOfRow[Int(row)] >= 0 else { return nil }
        return Int(candidateOfRow[Int(row)])
    }

    var matrix: Matrix { Matrix(vectors, rows: count, columns: dimension) }
}
