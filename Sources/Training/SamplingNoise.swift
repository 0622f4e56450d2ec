/// Whether a difference between scores says anything, by how many positions they are over.
public enum SamplingNoise {
    /// Fewer held-out positions than these are called small.
    public static let smallPositions = 10_000

    /// The greatest difference between two shares of the same `positions` that chance explains in 95% of all cases: 1.96 standard
    /// errors of the difference of paired shares p and q, if no position counts for both, which is an upper bound:
    ///
    ///     1.96 sqrt((p + q - (p - q)²) / positions)
    public static func difference(_ p: Double, _ q: Double, positions: Int) -> Double {
        1.96 * (max(0, p + q - (p - q) * (p - q)) / Double(max(1, positions))).squareRoot()
    }
}

extension RankingScores {
    /// Whether the model ranks words no better than the unigram model does, within the noise of the positions ranked: it has
    /// learned no more than how frequent words are.
    public var isWithinNoiseOfUnigram: Bool {
        [(top1, unigramTop1), (top10, unigramTop10)].allSatisfy { own, unigram in
            own - unigram <= SamplingNoise.difference(own, unigram, positions: positions)
        }
    }
}
