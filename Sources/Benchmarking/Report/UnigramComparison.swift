internal import Glibc

/// Whether a system's scores on held-out text differ from those of the unigram model, which knows nothing but how frequent words
/// are. A model that has been trained too briefly ranks words as that model does, and its scores then say nothing of it.
///
/// Both rank the same positions. docs/comparing.md has the formulas and where they come from.
package struct UnigramComparison: Sendable {
    /// How a score stands to the unigram model's.
    package enum Verdict: Sendable {
        case better, within, worse
    }

    /// The bound of a normal distribution that is exceeded, on either side, 5% of the time.
    private static let deviations = 1.96
    /// Standard deviation, in nats, that the difference of two models' log p is taken to have from position to position. Logs do
    /// not record it; models near the unigram model differ from it by less.
    private static let spreadOfLogs = 2.0

    /// `nil`: the scores or the number of positions were not recorded.
    package private(set) var top1, top10, perplexity: Verdict?

    /// - Parameters:
    ///   - top1, top10: shares of a system, a value for each seed.
    ///   - perplexity: among the candidates, over the same positions; a value for each seed.
    ///   - unigram: the same of the unigram model.
    ///   - positions: how many were ranked.
    package init(
        top1: [Double], top10: [Double], perplexity: [Double], unigram: (top1: Double?, top10: Double?, perplexity: Double?),
        positions: Int?
    ) {
        guard let positions, positions > 0 else { return }
        self.top1 = unigram.top1.flatMap { Self.compare(shares: top1, to: $0, positions) }
        self.top10 = unigram.top10.flatMap { Self.compare(shares: top10, to: $0, positions) }
        self.perplexity = unigram.perplexity.flatMap { Self.compare(perplexities: perplexity, to: $0, positions) }
    }

    /// Of the system as a whole, by its top-1 and its perplexity: better if either is; else worse if its top-1 is.
    package var verdict: Verdict? {
        guard let top1 else { return nil }
        return top1 == .better || perplexity == .better ? .better : top1
    }

    /// What a difference of two shares must exceed: 1.96 standard errors of the difference, at most, of shares p and q of the
    /// same `positions`.
    package static func noise(_ p: Double, _ q: Double, positions: Int) -> Double {
        deviations * (max(0, p + q - (p - q) * (p - q)) / Double(positions)).squareRoot()
    }

    private static func compare(shares: [Double], to unigram: Double, _ positions: Int) -> Verdict? {
        guard !shares.isEmpty else { return nil }
        let spread = Spread(shares)
        return verdict(spread.median - unigram, spread, noise: noise(spread.median, unigram, positions: positions))
    }

    /// In logarithms, of which the lower is the better.
    private static func compare(perplexities: [Double], to unigram: Double, _ positions: Int) -> Verdict? {
        let logs = perplexities.filter { $0 > 0 }.map { -log($0) }
        guard !logs.isEmpty, unigram > 0 else { return nil }
        let spread = Spread(logs)
        return verdict(
            spread.median + log(unigram), spread, noise: deviations * spreadOfLogs / Double(positions).squareRoot())
    }

    /// To the noise of the positions comes that of the seeds, half of their range.
    private static func verdict(_ gain: Double, _ spread: Spread, noise: Double) -> Verdict? {
        let bound = noise + (spread.highest - spread.lowest) / 2
        guard gain.isFinite, bound.isFinite else { return nil }
        return gain > bound ? .better : gain < -bound ? .worse : .within
    }
}

extension UnigramComparison.Verdict {
    /// Stands behind a figure, and behind the name of a system.
    var mark: String {
        switch self {
        case .better: ""
        case .within: "†"
        case .worse: "‡"
        }
    }

    /// What the mark means; empty where there is none.
    var footnote: String {
        switch self {
        case .better: ""
        case .within:
            "† within the noise of the unigram model: this system has learned no more than how frequent words are (yet). Behind a "
                + "single figure: this figure alone does not tell the system from the unigram model."
        case .worse: "‡ worse than the unigram model, by more than noise: counting words predicts better than this (yet)."
        }
    }
}
