internal import Glibc

/// A comparison of a system's scores on held-out text with those of the unigram model, which knows only the frequency of words. A
/// model that was trained too briefly ranks words like the unigram model, and its scores then say nothing about it.
///
/// Both rank the same positions. docs/comparing.md gives the formulas and their sources.
package struct UnigramComparison: Sendable {
    /// The result of comparing a score with the unigram model's.
    package enum Verdict: Sendable {
        case better, within, worse
    }

    /// Below this number of held-out positions, scores are called small: the error of a share is then above half a point (with 95%
    /// probability, at most a whole point).
    package static let fewPositions = 10_000

    /// The bound that a standard normal variable exceeds in magnitude with probability 5%.
    private static let deviations = 1.96
    /// Assumed standard deviation, in nats, of the difference of two models' log p from position to position. Logs do not record
    /// it; models close to the unigram model differ from it by less.
    private static let spreadOfLogs = 2.0

    /// `nil` if the scores or the number of positions were not recorded.
    package private(set) var top1, top10, perplexity: Verdict?

    /// - Parameters:
    ///   - top1, top10: shares of a system, one value for each seed.
    ///   - perplexity: its perplexity among the candidates over the same positions, one value for each seed.
    ///   - unigram: scores of the unigram model.
    ///   - positions: number of positions ranked.
    package init(
        top1: [Double], top10: [Double], perplexity: [Double], unigram: (top1: Double?, top10: Double?, perplexity: Double?),
        positions: Int?
    ) {
        guard let positions, positions > 0 else { return }
        self.top1 = unigram.top1.flatMap { Self.compare(top1, to: $0) { Self.noise($0, $1, positions: positions) } }
        self.top10 = unigram.top10.flatMap { Self.compare(top10, to: $0) { Self.noise($0, $1, positions: positions) } }
        // Compared by logarithms; lower is better.
        let logs = perplexity.filter { $0 > 0 }.map { -log($0) }
        self.perplexity = unigram.perplexity.flatMap { unigram in
            guard unigram > 0 else { return nil }
            return Self.compare(logs, to: -log(unigram)) { _, _ in
                Self.deviations * Self.spreadOfLogs / Double(positions).squareRoot()
            }
        }
    }

    /// The verdict on the system as a whole, by top-1 and perplexity: better if either is better, otherwise worse if top-1 is
    /// worse.
    package var verdict: Verdict? {
        guard let top1 else { return nil }
        return top1 == .better || perplexity == .better ? .better : top1
    }

    /// Returns the bound that a difference of two shares p and q of the same `positions` must exceed: at most 1.96 standard errors
    /// of the difference.
    package static func noise(_ p: Double, _ q: Double, positions: Int) -> Double {
        deviations * (max(0, p + q - (p - q) * (p - q)) / Double(positions)).squareRoot()
    }

    /// Compares the median of a system's values, where higher is better. The noise of seeds, half their range, is added to that of
    /// positions.
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
    /// The verdict on these scores compared with the unigram model's over the same positions; `nil` if nothing was ranked.
    package var verdict: UnigramComparison.Verdict? {
        UnigramComparison(
            top1: [top1], top10: [top10], perplexity: candidatePerplexity.map { [$0] } ?? [],
            unigram: (unigramTop1, unigramTop10, unigramPerplexity), positions: positions
        ).verdict
    }
}
