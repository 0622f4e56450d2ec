import Glibc

/// The quality of predictions, as ranks of the correct word among the candidates. Shares refer to the positions whose target is a
/// candidate.
public struct RankingScores: Sendable, Equatable {
    /// Number of positions ranked.
    public var positions = 0
    /// Share of all positions that are ranked.
    public var coverage = 0.0
    /// Share of positions at which the correct word ranks first by cosine alone, for the continuous output.
    public var cosineTop1: Double?
    /// Share of positions at which it ranks within the first ten by cosine alone, for the continuous output.
    public var cosineTop10: Double?
    /// Share of positions at which the correct word ranks first by the model's probability; for the continuous output by scale x
    /// cosine + log unigram probability.
    public var top1 = 0.0
    /// Share of positions at which it ranks within the first ten by the model's probability.
    public var top10 = 0.0
    /// Perplexity of the continuous output among the candidates, or of a softmax among its vocabulary, at all positions.
    public var perplexity = 0.0
    /// Perplexity among the candidates over the positions ranked, for any output: comparable if these are the same. `nil` for
    /// subword units, for which not every candidate is scored.
    public var candidatePerplexity: Double?
    /// Scale of the continuous output: the mean of two, each fitted on the positions that the other ranks.
    public var scale: Double?
    /// Share of positions at which the unigram model alone ranks the correct word first.
    public var unigramTop1 = 0.0
    /// Share of positions at which the unigram model alone ranks it within the first ten.
    public var unigramTop10 = 0.0
    /// Perplexity of the unigram model alone.
    public var unigramPerplexity = 0.0

    /// Creates scores of no positions.
    public init() {}
}

/// Counts of the ranks of correct words among candidates, of which the most frequent is the first, position by position.
struct RankTally {
    /// The greatest rank that counts.
    static let most = 10

    private var positions = 0
    private var top1 = 0, top10 = 0, unigramTop1 = 0, unigramTop10 = 0
    private var logUnigram = 0.0

    /// Counts a position, given the correct candidate, the number of more probable candidates, and log p of the correct one in the
    /// unigram model.
    mutating func add(target: Int, better: Int, logUnigram: Double) {
        positions += 1
        top1 += better < 1 ? 1 : 0
        top10 += better < Self.most ? 1 : 0
        unigramTop1 += target < 1 ? 1 : 0
        unigramTop10 += target < Self.most ? 1 : 0
        self.logUnigram += logUnigram
    }

    /// Returns the scores of the positions counted.
    /// - Parameter total: number of positions of the text.
    func scores(of total: Int) -> RankingScores {
        var scores = RankingScores()
        let count = Double(max(1, positions))
        scores.positions = positions
        scores.coverage = Double(positions) / Double(max(1, total))
        scores.top1 = Double(top1) / count
        scores.top10 = Double(top10) / count
        scores.unigramTop1 = Double(unigramTop1) / count
        scores.unigramTop10 = Double(unigramTop10) / count
        scores.unigramPerplexity = exp(-logUnigram / count)
        return scores
    }

    /// Returns log p of each word in the unigram model over these words. A count of 0 counts as 1.
    static func logUnigram(_ counts: [UInt64]) -> [Double] {
        let total = counts.reduce(0.0) { $0 + Double(max(1, $1)) }
        return counts.map { log(Double(max(1, $0)) / total) }
    }
}
