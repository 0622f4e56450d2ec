import Glibc
import Parallel
public import Kernels

func naturalLogarithm(_ value: Double) -> Double { log(value) }

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

/// Ranks predictions among candidates. Of the continuous output by cosine and by scale x cosine + log unigram probability;
/// of a softmax by its probabilities.
///
/// Cosine alone ignores how frequent a word is; with the unigram prior the continuous output is a language model with a
/// true perplexity over the candidates.
public struct Ranking {
    /// Positions multiplied with all candidates at once.
    private static let blockRows = 128
    /// Positions on which the scale is fitted, at most.
    private static let fitRows = 2048

    private let candidates: Candidates
    private let compute: Compute
    private let cosines: FloatBuffer
    /// Writes what the candidates score at some positions: cosines, or logarithms of probabilities.
    private let fill: (_ positions: [Int], _ scores: Matrix) -> Void
    /// Whether scores are cosines.
    private let isCosine: Bool
    /// [candidates]: added to scores.
    private let prior: [Float]

    /// - Parameters:
    ///   - predictions: unit vectors, [positions, dimension], of positions that `score` will be asked for.
    public init(candidates: Candidates, predictions: FloatBuffer, compute: Compute) {
        let dimension = candidates.dimension
        let packed = FloatBuffer(count: Self.blockRows * dimension)
        self.init(candidates, compute, isCosine: true) { positions, scores in
            for (index, row) in positions.enumerated() {
                (packed.start + index * dimension).update(from: predictions.start + row * dimension, count: dimension)
            }
            compute.multiply(
                Matrix(packed, rows: positions.count, columns: dimension), candidates.matrix.transposed, into: scores)
        }
    }

    /// - Parameter fill: writes log p of each candidate, but for a number that is the same for all, at some positions:
    ///   [positions, candidates].
    public init(
        candidates: Candidates, compute: Compute, fill: @escaping (_ positions: [Int], _ scores: Matrix) -> Void
    ) {
        self.init(candidates, compute, isCosine: false, fill: fill)
    }

    private init(
        _ candidates: Candidates, _ compute: Compute, isCosine: Bool,
        fill: @escaping (_ positions: [Int], _ scores: Matrix) -> Void
    ) {
        self.isCosine = isCosine
        self.fill = fill
        prior = isCosine ? candidates.logUnigram : Array(repeating: 0, count: candidates.count)
        self.candidates = candidates
        self.compute = compute
        cosines = FloatBuffer(count: Self.blockRows * candidates.count)
    }

    /// Scores positions by their targets. A scale is never fitted on the positions it ranks: that of the first half ranks the
    /// second, and the other way round.
    public func score(targets: [UInt32]) -> RankingScores {
        let known = targets.indices.filter { candidates.index(ofRow: targets[$0]) != nil }
        let halves = isCosine
            ? [Array(known.prefix(known.count / 2)), Array(known.dropFirst(known.count / 2))] : [known, []]
        guard !known.isEmpty, !isCosine || known.count > 1 else { return RankingScores() }
        var scores = RankingScores()
        scores.positions = known.count
        scores.coverage = Double(known.count) / Double(targets.count)
        var scales: [Double] = []
        var sums = Tally()
        for (ranked, other) in zip(halves, halves.reversed()) where !ranked.isEmpty {
            let scale = isCosine ? fitScale(targets, Array(other.prefix(Self.fitRows))) : 1
            scales.append(scale)
            forEachBlock(of: ranked) { rows in
                sums.add(tally(rows.map { candidates.index(ofRow: targets[$0]) ?? 0 }, scale: Float(scale)))
            }
        }
        let count = Double(known.count)
        if isCosine {
            scores.scale = scales.reduce(0, +) / Double(scales.count)
            scores.cosineTop1 = Double(sums.cosineTop1) / count
            scores.cosineTop10 = Double(sums.cosineTop10) / count
        }
        scores.top1 = Double(sums.top1) / count
        scores.top10 = Double(sums.top10) / count
        scores.perplexity = exp(-sums.logProbability / count)
        scores.candidatePerplexity = scores.perplexity
        unigram(known.map { candidates.index(ofRow: targets[$0]) ?? 0 }, into: &scores)
        return scores
    }

    private struct Tally {
        var cosineTop1 = 0, cosineTop10 = 0, top1 = 0, top10 = 0
        var logProbability = 0.0

        mutating func add(_ other: Tally) {
            cosineTop1 += other.cosineTop1
            cosineTop10 += other.cosineTop10
            top1 += other.top1
            top10 += other.top10
            logProbability += other.logProbability
        }
    }

    /// Fills `cosines` for a block of positions and calls `body` with them.
    private func forEachBlock(of positions: [Int], _ body: ([Int]) -> Void) {
        for start in stride(from: 0, to: positions.count, by: Self.blockRows) {
            let rows = Array(positions[start..<min(positions.count, start + Self.blockRows)])
            fill(rows, Matrix(cosines, rows: rows.count, columns: candidates.count))
            body(rows)
        }
    }

    /// Ranks the block in `cosines` against its targets.
    private func tally(_ targets: [Int], scale: Float) -> Tally {
        var results = [Tally](repeating: Tally(), count: targets.count)
        let count = candidates.count
        results.withUnsafeMutableBufferPointer { results in
            let base = UnsafeMutablePointer(results.baseAddress!)
            prior.withUnsafeBufferPointer { logUnigram in
                compute.pool.forEach(targets.count) { index in
                    base[index] = Self.rank(
                        UnsafeBufferPointer(start: cosines.start + index * count, count: count), logUnigram,
                        target: targets[index], scale: scale)
                }
            }
        }
        return results.reduce(into: Tally()) { $0.add($1) }
    }

    /// One position: the candidates that score better than the target, and the log of the softmax at the target.
    private static func rank(
        _ cosines: UnsafeBufferPointer<Float>, _ logUnigram: UnsafeBufferPointer<Float>, target: Int, scale: Float
    ) -> Tally {
        let own = cosines[target]
        let ownScore = scale * own + logUnigram[target]
        var betterCosines = 0, betterScores = 0
        var highest = -Float.infinity
        for index in 0..<cosines.count {
            let score = scale * cosines[index] + logUnigram[index]
            betterCosines += cosines[index] > own ? 1 : 0
            betterScores += score > ownScore ? 1 : 0
            highest = max(highest, score)
        }
        var sum = 0.0
        for index in 0..<cosines.count {
            sum += Double(expf(scale * cosines[index] + logUnigram[index] - highest))
        }
        var tally = Tally()
        tally.cosineTop1 = betterCosines < 1 ? 1 : 0
        tally.cosineTop10 = betterCosines < 10 ? 1 : 0
        tally.top1 = betterScores < 1 ? 1 : 0
        tally.top10 = betterScores < 10 ? 1 : 0
        tally.logProbability = Double(ownScore - highest) - log(sum)
        return tally
    }

    /// The scale that makes the fitting positions most probable: Newton's method on a concave function of one variable.
    ///
    /// With p(j) proportional to exp(s cos(j) + log u(j)), the gradient of the log-likelihood is cos(target) - E[cos] and
    /// its second derivative -Var[cos].
    private func fitScale(_ targets: [UInt32], _ positions: [Int]) -> Double {
        guard !positions.isEmpty else { return 0 }
        var scale = 5.0
        for _ in 0..<20 {
            var gradient = 0.0, curvature = 0.0
            forEachBlock(of: positions) { rows in
                var terms = [(Double, Double)](repeating: (0, 0), count: rows.count)
                terms.withUnsafeMutableBufferPointer { terms in
                    let base = UnsafeMutablePointer(terms.baseAddress!)
                    compute.pool.forEach(rows.count) { index in
                        let target = candidates.index(ofRow: targets[rows[index]]) ?? 0
                        let cosines = cosines.start + index * candidates.count
                        let (mean, variance) = moments(cosines, scale: Float(scale))
                        base[index] = (Double(cosines[target]) - mean, variance)
                    }
                }
                for term in terms {
                    gradient += term.0
                    curvature += term.1
                }
            }
            guard curvature > 0 else { break }
            // Steps are bounded: far from the optimum the curvature says little.
            let step = max(-5, min(5, gradient / curvature))
            scale = max(0, scale + step)
            if abs(step) < 1e-3 { break }
        }
        return scale
    }

    /// Mean and variance of the cosines under the model's distribution.
    private func moments(_ cosines: UnsafePointer<Float>, scale: Float) -> (mean: Double, variance: Double) {
        candidates.logUnigram.withUnsafeBufferPointer { logUnigram in
            var highest = -Float.infinity
            for index in 0..<candidates.count { highest = max(highest, scale * cosines[index] + logUnigram[index]) }
            var total = 0.0, first = 0.0, second = 0.0
            for index in 0..<candidates.count {
                let cosine = Double(cosines[index])
                let weight = Double(expf(scale * cosines[index] + logUnigram[index] - highest))
                total += weight
                first += weight * cosine
                second += weight * cosine * cosine
            }
            let mean = first / total
            return (mean, second / total - mean * mean)
        }
    }

    private func unigram(_ targets: [Int], into scores: inout RankingScores) {
        let order = candidates.logUnigram.indices.sorted {
            (candidates.logUnigram[$0], $1) > (candidates.logUnigram[$1], $0)
        }
        let best = Set(order.prefix(10))
        let count = Double(targets.count)
        scores.unigramTop1 = Double(targets.filter { $0 == order[0] }.count) / count
        scores.unigramTop10 = Double(targets.filter { best.contains($0) }.count) / count
        scores.unigramPerplexity = exp(-targets.reduce(0.0) { $0 + Double(candidates.logUnigram[$1]) } / count)
    }
}
