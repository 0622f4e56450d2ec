internal import Glibc

/// A comparison of a system's scores on held-out text with those of the unigram model, which knows nothing but the frequency of
/// words. A model that has been trained too briefly ranks words as that model does, and its scores then say nothing of it.
///
/// Both rank the same positions. docs/comparing.md has the formulas and where they come from.
package struct UnigramComparison: Sendable {
    /// The standing of a score beside the unigram model's.
    package enum Verdict: Sendable {
        case better, within, worse
    }

    /// Scores over fewer held-out positions than these are called small: the error of a share is then above half a point (95% of
    /// the time up to a whole one).
    package static let fewPositions = 10_000

    /// The bound of a normal distribution that is exceeded, on either side, 5% of the time.
    private static let deviations = 1.96
    /// Standard deviation, in nats, that the difference of two models' log p is taken to have from position to position. Logs do
    /// not record it; models near the unigram model differ from it by less.
    private static let spreadOfLogs = 2.0

    /// `nil`: the scores or the number of positions were not recorded.
    package private(set) var top1, top10, perplexity: Verdict?

    /// - Parameters:
    ///   - top1, top10: the shares of a system, a value for each seed.
    ///   - perplexity: its perplexity among the candidates, over the same positions; a value for each seed.
    ///   - unigram: the scores of the unigram model.
    ///   - positions: the number of positions ranked.
    package init(
        top1: [Double], top10: [Double], perplexity: [Double], unigram: (top1: Double?, top10: Double?, perplexity: Double?),
        positions: Int?
    ) {
        guard let positions, positions > 0 else { return }
        self.top1 = unigram.top1.flatMap { Self.compare(top1, to: $0) { Self.noise($0, $1, positions: positions) } }
        self.top10 = unigram.top10.flatMap { Self.compare(top10, to: $0) { Self.noise($0, $1, positions: positions) } }
        // By logarithms, of which the lower is the better.
        let logs = perplexity.filter { $0 > 0 }.map { -log($0) }
        self.perplexity = unigram.perplexity.flatMap { unigram in
            guard unigram > 0 else { return nil }
            return Self.compare(logs, to: -log(unigram)) { _, _ in
                Self.deviations * Self.spreadOfLogs / Double(positions).squareRoot()
            }
        }
    }

    /// The verdict on the system as a whole, by its top-1 and its perplexity: better if either is; else worse if its top-1 is.
    package var verdict: Verdict? {
        guard let top1 else { return nil }
        return top1 == .better || perplexity == .better ? .better : top1
    }

    /// The bound that a difference of two shares must exceed: 1.96 standard errors of the difference, at most, of shares p and q
    /// of the same `positions`.
    package static func noise(_ p: Double, _ q: Double, positions: Int) -> Double {
        deviations * (max(0, p + q - (p - q) * (p - q)) / Double(positions)).squareRoot()
    }

    /// Compares the median of a system's values, of which the higher is the better. The noise of the seeds, half of their
    /// range, is added to that of the positions.
    private static func compare(_ values: [Double], to unigram: Double, noise: (Double, Double) -> Double) -> Verdict? {
        guard let middle = median(values) else { return nil }
        let gain = middle - unigram, bound = noise(middle, unigram) + ((values.max() ?? 0) - (values.min() ?? 0)) / 2
        guard gain.isFinite, bound.isFinite else { return nil }
        return gain > bound ? .better : gain < -bound ? .worse : .within
    }

    private static func median(_ values: [Double]) -> Double? {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }
}

extension RankingScores {
    /// The verdict on these scores beside the unigram model's over the same positions; `nil` if nothing was ranked.
    package var verdict: UnigramComparison.Verdict? {
        UnigramComparison(
            top1: [top1], top10: [top10], perplexity: candidatePerplexity.map { [$0] } ?? [],
            unigram: (unigramTop1, unigramTop10, unigramPerplexity), positions: positions
        ).verdict
    }
}
