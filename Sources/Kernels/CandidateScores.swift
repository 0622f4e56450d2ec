internal import CKernels
internal import Glibc

/// Where a target stands among candidates at one position, and what the softmax over their scores is.
public struct CandidateScores: Sendable, Equatable {
    /// Candidates whose value is above the target's.
    public let higherValues: Int
    /// Candidates whose score is above the target's.
    public let higherScores: Int
    /// log p(target) under the softmax over the scores.
    public let logProbability: Double
    /// Mean and variance of the values under the softmax.
    public let mean, variance: Double
}

extension ProcessorKernels {
    /// Scores one position: score(n) = scale x value(n) + prior(n), in one pass over memory.
    ///
    /// A target whose value is NaN is below all candidates.
    /// - Parameters:
    ///   - values, prior: [count]
    ///   - target: the index of the right candidate.
    public func scores(
        _ values: UnsafePointer<Float>, prior: UnsafePointer<Float>, count: Int, scale: Float, target: Int
    ) -> CandidateScores {
        precondition(target >= 0 && target < count)
        var row = ContourScores()
        scoresOfRow(values, prior, count, scale, target, &row)
        let isNumber = row.score == row.score
        return CandidateScores(
            higherValues: isNumber ? row.higher_values : count, higherScores: isNumber ? row.higher_scores : count,
            logProbability: Double(row.score) - Double(row.highest) - log(row.total), mean: row.mean, variance: row.variance)
    }
}
