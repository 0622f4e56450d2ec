public import Shards

/// Where the vectors of a table come from.
public struct TableSummary {
    public struct Share: Sendable, Equatable {
        public var words = 0
        public var tokens: UInt64 = 0

        public init(words: Int = 0, tokens: UInt64 = 0) {
            self.words = words
            self.tokens = tokens
        }
    }

    /// Words and their tokens in the corpus, by `VectorSource.rawValue`.
    public private(set) var shares = [Share](repeating: Share(), count: VectorSource.allCases.count)
    /// What the reader of the vectors counted.
    public let lookup: VectorLookup.Counts
    /// Words, and their tokens, that have no vector among the pre-trained ones as they are, and have one in lower case.
    public let inLowerCase: Share
    /// The most frequent words that have no pre-trained vector, marks left out: three, or as many as there are.
    public let frequentMissing: [String]
    /// What was fitted to make vectors from spellings, `nil` if nothing was.
    public let fit: SpellingFit?
    /// How good it is.
    public let evaluation: SpellingEvaluation?

    init(
        _ sources: [VectorSource], counts: [UInt64], lookup: VectorLookup.Counts, inLowerCase: Share, frequentMissing: [String],
        fit: SpellingFit?, evaluation: SpellingEvaluation?
    ) {
        self.lookup = lookup
        self.inLowerCase = inLowerCase
        self.frequentMissing = frequentMissing
        self.fit = fit
        self.evaluation = evaluation
        for (id, source) in sources.enumerated() {
            shares[Int(source.rawValue)].words += 1
            shares[Int(source.rawValue)].tokens += counts[id]
        }
    }

    public subscript(source: VectorSource) -> Share { shares[Int(source.rawValue)] }
}
