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

