import Glibc

/// The quality of predictions as ranks of the right word among the candidates. Shares are of the positions whose target is one.
public struct RankingScores: Sendable, Equatable {
    /// Positions ranked, and the share of all positions that they are.
    public var positions = 0
    public var coverage = 0.0
    /// Shares by cosine alone, of the continuous output.
    public var cosineTop1: Double?
    public var cosineTop10: Double?
    /// Shares by the model's probability, which of the continuous output is scale x cosine + log unigram probability.
    public var top1 = 0.0
    public var top10 = 0.0
    /// The perplexity of the continuous output among the candidates, or of a softmax among its vocabulary, at all positions.
    public var perplexity = 0.0
    /// The perplexity among the candidates and over the positions ranked, whatever the output: comparable where these are the
    /// same. `nil` for units of words, of which not every candidate is scored.
    public var candidatePerplexity: Double?
    /// The scale of the continuous output: the mean of two, each fitted on the positions that the other ranks.
    public var scale: Double?
    /// The shares and the perplexity of the unigram model alone.
    public var unigramTop1 = 0.0
    public var unigramTop10 = 0.0
    public var unigramPerplexity = 0.0

    public init() {}
}

/// The ranks of right words among candidates, of which the most frequent is the first, counted position by position.
struct RankTally {
    /// The greatest number of words that a rank counts among.
    static let most = 10

    private var positions = 0
    private var top1 = 0, top10 = 0, unigramTop1 = 0, unigramTop10 = 0
    private var logUnigram = 0.0

    /// Counts a position: the candidate that is right, the number of candidates that are more probable, and the right one's
    /// log p in the unigram model.
    mutating func add(target: Int, better: Int, logUnigram: Double) {
        positions += 1
        top1 += better < 1 ? 1 : 0
        top10 += better < Self.most ? 1 : 0
        unigramTop1 += target < 1 ? 1 : 0
        unigramTop10 += target < Self.most ? 1 : 0
        self.logUnigram += logUnigram
    }

    /// Returns the scores of the positions counted.
    /// - Parameter total: the number of positions of the text.
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

    /// Returns log p of each word in the unigram model of these words. A count of 0 counts as 1.
    static func logUnigram(_ counts: [UInt64]) -> [Double] {
        let total = counts.reduce(0.0) { $0 + Double(max(1, $1)) }
        return counts.map { log(Double(max(1, $0)) / total) }
    }
}
