public import Shards

/// Where the vectors of a table come from.
public struct TableSummary: Sendable {
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
    /// Words a character model was fitted to, and its best epoch; `nil` if none was fitted.
    public let fit: (words: Int, bestEpoch: Int)?
    /// `nil` if no character model was fitted.
    public let evaluation: SpellingEvaluation?

    init(
        _ sources: [VectorSource], counts: [UInt64], lookup: VectorLookup.Counts, fit: (words: Int, bestEpoch: Int)?,
        evaluation: SpellingEvaluation?
    ) {
        self.lookup = lookup
        self.fit = fit
        self.evaluation = evaluation
        for (id, source) in sources.enumerated() {
            shares[Int(source.rawValue)].words += 1
            shares[Int(source.rawValue)].tokens += counts[id]
        }
    }

    public subscript(source: VectorSource) -> Share { shares[Int(source.rawValue)] }
}
