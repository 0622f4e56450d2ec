import Glibc
public import Kernels

func naturalLogarithm(_ value: Double) -> Double { log(value) }

/// Ranks predictions among candidates. Of the continuous output by cosine and by scale x cosine + log unigram probability;
/// of a softmax by its probabilities.
///
/// Cosine alone ignores how frequent a word is; with the unigram prior the continuous output is a language model with a
/// true perplexity over the candidates.
public struct Ranking {
    /// Positions ranked at once.
    private static let blockRows = 4096
    /// Positions on which a scale is fitted, at most. A scale fitted on n positions adds about 1/(2n) to the logarithm of the
    /// perplexity.
    private static let fitRows = 512

    private let candidates: Candidates
    /// Whether values are cosines.
    private let isCosine: Bool
    /// [positions, size]: what is ranked.
    private let rows: Matrix
    private let backend: any Backend
    /// Ranks the targets, [rows], of some rows.
    private let rank: (_ rows: Matrix, _ targets: [Int], _ scale: Float) -> [CandidateScores]
    /// How far each row's cosine with its target is above the mean of all under the softmax, and their variance there.
    private let moments: (_ rows: Matrix, _ targets: [Int], _ scale: Float) -> [(excess: Double, variance: Double)]

    /// - Parameters:
    ///   - predictions: unit vectors, [positions, dimension], of positions that `score` will be asked for.
    public init(candidates: Candidates, predictions: Matrix, backend: any Backend) {
        let packed = backend.packed(candidates.matrix.transposed)
        self.candidates = candidates
        self.backend = backend
        isCosine = true
        rows = predictions
        let buffer = FloatBuffer(count: candidates.count), prior = Matrix(buffer, rows: 1, columns: candidates.count)
        backend.write(candidates.logUnigram, to: prior)
        rank = { rows, targets, scale in
            withExtendedLifetime(buffer) {
                backend.candidateScores(rows, packed, prior: prior, scale: scale, targets: targets)
            }
        }
        moments = { rows, targets, scale in
            withExtendedLifetime(buffer) {
                zip(backend.values(rows, packed, at: targets), backend.valueMoments(rows, packed, prior: prior, scale: scale))
                    .map { (Double($0) - $1.mean, $1.variance) }
            }
        }
    }

    /// - Parameters:
    ///   - states: [positions, size], of positions that `score` will be asked for.
    ///   - rank: ranks the targets of some states among the candidates by their probabilities.
    public init(
        candidates: Candidates, states: Matrix, backend: any Backend,
        rank: @escaping (_ states: Matrix, _ targets: [Int]) -> [CandidateScores]
    ) {
        self.candidates = candidates
        self.backend = backend
        isCosine = false
        rows = states
        self.rank = { rows, targets, _ in rank(rows, targets) }
        moments = { _, _, _ in [] }
    }

    /// Bytes that ranking takes beside predictions and candidates.
    static func bytes(candidates: Int, dimension: Int) -> Int { 4 * dimension * (candidates + blockRows) }

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
            let first = fitScale(known[middle...], near: nil)
            let scales = [first, fitScale(known[..<middle], near: first)]
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

    /// Ranks positions.
    private func tally(_ known: ArraySlice<Known>, scale: Double, into sums: inout Tally) {
        for row in forEachBlock(known, rank, scale) {
            sums.cosineTop1 += row.higherValues < 1 ? 1 : 0
            sums.cosineTop10 += row.higherValues < 10 ? 1 : 0
            sums.top1 += row.higherScores < 1 ? 1 : 0
            sums.top10 += row.higherScores < 10 ? 1 : 0
            sums.logProbability += row.logProbability
        }
    }

    /// What `rank` or `moments` gives for some positions, block by block.
    private func forEachBlock<Result>(
        _ known: ArraySlice<Known>, _ body: (_ rows: Matrix, _ targets: [Int], _ scale: Float) -> [Result], _ scale: Double
    ) -> [Result] {
        let block = FloatBuffer(count: min(known.count, Self.blockRows) * rows.columns)
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

    /// The scale that makes positions most probable, of which a sample spread over all is looked at: Newton's method on a
    /// concave function of one variable.
    ///
    /// With p(j) proportional to exp(s cos(j) + log u(j)), the gradient of the log-likelihood is cos(target) - E[cos] and
    /// its second derivative -Var[cos].
    /// - Parameter near: a scale that is about right; `nil` if none is known.
    private func fitScale(_ known: ArraySlice<Known>, near: Double?) -> Double {
        guard !known.isEmpty else { return 0 }
        let count = min(known.count, Self.fitRows)
        let sample = (0..<count).map { known[known.startIndex + $0 * known.count / count] }
        var scale = near ?? 5
        // The first steps are made on fewer positions, spread over all as the sample is; from where they end, few are left.
        if near == nil { improve(&scale, stride(from: 0, to: count, by: 8).map { sample[$0] }) }
        improve(&scale, sample)
        return scale
    }

    /// Makes positions more probable, until what is left to gain is nothing beside the error of a sample.
    private func improve(_ scale: inout Double, _ sample: [Known]) {
        for _ in 0..<20 {
            var gradient = 0.0, curvature = 0.0
            for row in forEachBlock(sample[...], moments, scale) {
                gradient += row.excess
                curvature += row.variance
            }
            guard curvature > 0 else { break }
            // Steps are bounded: far from the optimum the curvature says little.
            let step = max(-5, min(5, gradient / curvature))
            scale = max(0, scale + step)
            // In standard deviations of the cosines, the error after a step is about the square of that before it, and what is
            // left to gain the square of that.
            if abs(step) * (curvature / Double(sample.count)).squareRoot() < 0.1 { break }
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

/// The words among which a prediction is ranked: the N most frequent ones, as unit vectors with their probabilities.
public struct Candidates: Sendable {
    /// Unit vectors, shape (count, dimension).
    let vectors: FloatBuffer
    public let count: Int
    /// The rows of the table, or the classes, that they are.
    public let rows: [UInt32]
    public let dimension: Int
    /// log p of the unigram model, which these words share among them.
    let logUnigram: [Float]
    /// The candidate that each row of the table is, -1 for none.
    private let candidateOfRow: [Int32]

    /// - Parameters:
    ///   - rows: the rows of the table to rank, most frequent first.
    ///   - counts: their counts in the training text; 0 counts as 1.
    ///   - tableRows: how many rows the table has.
    ///   - vector: writes the unit target vector of a row; what it throws is passed on.
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
        let total = counts.reduce(0.0) { $0 + Double(max(1, $1)) }
        logUnigram = counts.map { Float(naturalLogarithm(Double(max(1, $0)) / total)) }
    }

    /// The candidate that a row of the table is, `nil` for a word that is not ranked (rows made later included).
    func index(ofRow row: UInt32) -> Int? {
        guard Int(row) < candidateOfRow.count, candidateOfRow[Int(row)] >= 0 else { return nil }
        return Int(candidateOfRow[Int(row)])
    }

    var matrix: Matrix { Matrix(vectors, rows: count, columns: dimension) }
}

/// How well predictions find the right word among the candidates. Shares are of the positions whose target is one.
public struct RankingScores: Sendable, Equatable {
    /// Positions ranked, and the share of all positions that they are.
    public var positions = 0
    public var coverage = 0.0
    /// By cosine alone: of the continuous output.
    public var cosineTop1: Double?
    public var cosineTop10: Double?
    /// By the model's probability: of the continuous output, scale x cosine + log unigram probability; of a softmax, its own.
    public var top1 = 0.0
    public var top10 = 0.0
    /// Of the continuous output, among the candidates; of a softmax, among its vocabulary, and all positions count.
    public var perplexity = 0.0
    /// Among the candidates and over the positions ranked, whatever the output: comparable where they are the same. `nil` for
    /// units of words, of which not every candidate is scored.
    public var candidatePerplexity: Double?
    /// The scale of the continuous output: the mean of two, each fitted on the positions that the other ranks.
    public var scale: Double?
    /// The unigram model alone.
    public var unigramTop1 = 0.0
    public var unigramTop10 = 0.0
    public var unigramPerplexity = 0.0

    public init() {}
}

extension RankingScores: Encodable {
    private enum CodingKeys: CodingKey {
        case positions, coverage, cosineTop1, cosineTop10, top1, top10, perplexity, candidatePerplexity, scale
        case unigramTop1, unigramTop10, unigramPerplexity
    }

    /// What there is none of is left out: ranks where nothing was ranked, a perplexity beyond all numbers.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(positions, forKey: .positions)
        try container.encode(coverage, forKey: .coverage)
        if perplexity.isFinite && perplexity > 0 { try container.encode(perplexity, forKey: .perplexity) }
        guard positions > 0 else { return }
        if let candidatePerplexity, candidatePerplexity.isFinite {
            try container.encode(candidatePerplexity, forKey: .candidatePerplexity)
        }
        try container.encodeIfPresent(cosineTop1, forKey: .cosineTop1)
        try container.encodeIfPresent(cosineTop10, forKey: .cosineTop10)
        try container.encode(top1, forKey: .top1)
        try container.encode(top10, forKey: .top10)
        try container.encodeIfPresent(scale, forKey: .scale)
        try container.encode(unigramTop1, forKey: .unigramTop1)
        try container.encode(unigramTop10, forKey: .unigramTop10)
        if unigramPerplexity.isFinite { try container.encode(unigramPerplexity, forKey: .unigramPerplexity) }
    }
}
