/// A generator that was fitted to known words, and the known words that it has not seen.
public struct SpellingFit {
    public let generator: any OutOfVocabularyGenerator
    /// What kind of generator it is, for reports.
    public let name: String
    /// Ids of the words fitted to, and of those held out, most frequent first.
    public let fitted: [Int]
    public let heldOut: [Int]
    /// For a model fitted in epochs, how many there were, and the one it was taken from.
    public let epochs: Int?
    public let bestEpoch: Int?
    /// Whether it was fitted before, maybe to the very words that are called held out here.
    public let wasGiven: Bool
    /// What the fit took.
    public let seconds: Double

    public init(
        generator: any OutOfVocabularyGenerator, name: String, fitted: [Int], heldOut: [Int], epochs: Int? = nil,
        bestEpoch: Int? = nil, wasGiven: Bool = false, seconds: Double
    ) {
        self.generator = generator
        self.name = name
        self.fitted = fitted
        self.heldOut = heldOut
        self.epochs = epochs
        self.bestEpoch = bestEpoch
        self.wasGiven = wasGiven
        self.seconds = seconds
    }
}
