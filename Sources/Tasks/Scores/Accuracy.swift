/// The fraction of correct answers.
public struct Accuracy: Sendable, Equatable {
    /// The number of correct answers.
    public var correct = 0
    /// The number of answers.
    public var total = 0

    /// Makes an accuracy without answers.
    public init() {}

    /// Makes an accuracy from counts.
    public init(correct: Int, total: Int) {
        (self.correct, self.total) = (correct, total)
    }

    /// Adds an answer.
    public mutating func add(_ isCorrect: Bool) {
        correct += isCorrect ? 1 : 0
        total += 1
    }

    /// The fraction of correct answers from 0 to 1; 0 if there are none.
    public var value: Double { total > 0 ? Double(correct) / Double(total) : 0 }
}

/// The score of finding the names to which pronouns refer. Each name is a decision of its own, as in the GAP scorer (Webster et al.
/// 2018).
public struct PronounScore: Sendable, Equatable {
    /// Counts of decisions, by the truth and the prediction.
    public struct Counts: Sendable, Equatable {
        /// The counts of decisions.
        public var truePositives = 0, falsePositives = 0, falseNegatives = 0, trueNegatives = 0

        /// Makes counts of 0.
        public init() {}

        fileprivate mutating func add(predicted: Bool, expected: Bool) {
            switch (predicted, expected) {
            case (true, true): truePositives += 1
            case (true, false): falsePositives += 1
            case (false, true): falseNegatives += 1
            case (false, false): trueNegatives += 1
            }
        }

        /// The fraction of positive predictions that are correct, from 0 to 1; 0 if there are none.
        public var precision: Double { Self.share(truePositives, truePositives + falsePositives) }
        /// The fraction of true names that were predicted, from 0 to 1; 0 if there are none.
        public var recall: Double { Self.share(truePositives, truePositives + falseNegatives) }
        /// The harmonic mean of precision and recall.
        public var f1: Double { Self.share(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives) }

        private static func share(_ part: Int, _ all: Int) -> Double { all > 0 ? Double(part) / Double(all) : 0 }
    }

    /// The decisions on masculine pronouns.
    public private(set) var masculine = Counts()
    /// The decisions on feminine pronouns.
    public private(set) var feminine = Counts()
    /// All decisions.
    public private(set) var overall = Counts()
    /// The passages in which both decisions are correct.
    public private(set) var passages = Accuracy()

    /// The F1 of feminine pronouns divided by that of masculine ones; `nil` if one of them is 0.
    public var bias: Double? { masculine.f1 > 0 && feminine.f1 > 0 ? feminine.f1 / masculine.f1 : nil }

    /// Makes a score without passages.
    public init() {}

    /// Adds a passage.
    /// - `a`, `b`: whether the prediction is that the pronoun refers to name A, and to name B.
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
