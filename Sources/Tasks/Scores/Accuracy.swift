/// The number of right answers among all.
public struct Accuracy: Sendable, Equatable {
    public var correct = 0
    public var total = 0

    public init() {}

    public init(correct: Int, total: Int) {
        (self.correct, self.total) = (correct, total)
    }

    public mutating func add(_ isCorrect: Bool) {
        correct += isCorrect ? 1 : 0
        total += 1
    }

    /// A share from 0 to 1; 0 of nothing.
    public var value: Double { total > 0 ? Double(correct) / Double(total) : 0 }
}

/// The score of finding the names that pronouns mean, each name a decision of its own, as the scorer of GAP counts (Webster et al. 2018).
public struct PronounScore: Sendable, Equatable {
    /// Decisions, by what is true and what was said.
    public struct Counts: Sendable, Equatable {
        public var truePositives = 0, falsePositives = 0, falseNegatives = 0, trueNegatives = 0

        public init() {}

        fileprivate mutating func add(predicted: Bool, expected: Bool) {
            switch (predicted, expected) {
            case (true, true): truePositives += 1
            case (true, false): falsePositives += 1
            case (false, true): falseNegatives += 1
            case (false, false): trueNegatives += 1
            }
        }

        /// Shares from 0 to 1; 0 of nothing.
        public var precision: Double { Self.share(truePositives, truePositives + falsePositives) }
        public var recall: Double { Self.share(truePositives, truePositives + falseNegatives) }
        public var f1: Double { Self.share(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives) }

        private static func share(_ part: Int, _ all: Int) -> Double { all > 0 ? Double(part) / Double(all) : 0 }
    }

    public private(set) var masculine = Counts()
    public private(set) var feminine = Counts()
    /// All decisions.
    public private(set) var overall = Counts()
    /// Passages with both decisions right.
    public private(set) var passages = Accuracy()

    /// The F1 of feminine pronouns by that of masculine ones; `nil` if one of them is 0.
    public var bias: Double? { masculine.f1 > 0 && feminine.f1 > 0 ? feminine.f1 / masculine.f1 : nil }

    public init() {}

    /// Takes a passage: whether the pronoun was said to mean name A, and name B.
    public mutating func add(a: Bool, b: Bool, for passage: PronounText.Passage) {
        for (predicted, expected) in [(a, passage.aIsMeant), (b, passage.bIsMeant)] {
            overall.add(predicted: predicted, expected: expected)
            if passage.isFeminine {
                feminine.add(predicted: predicted, expected: expected)
            } else {
                masculine.add(predicted: predicted, expected: expected)
            }
        }
        passages.add(a == passage.aIsMeant && b == passage.bIsMeant)
    }
}
