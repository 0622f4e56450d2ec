/// A generator that was fitted to known words, and the known words that it has not seen.
public struct SpellingFit {
    public let generator: any OutOfVocabularyGenerator
    /// What kind of generator it is, for reports.
    public let name: String
    /// Ids of the words fitted to, and of those held out, most frequent first.
    public let fitted: [Int]
    public let heldOut: [Int]
    /// For a model fitted in epochs, the one it was taken from.
    public let bestEpoch: Int?

    public init(
        generator: any OutOfVocabularyGenerator, name: String, fitted: [Int], heldOut: [Int], bestEpoch: Int? = nil
    ) {
        self.generator = generator
        self.name = name
        self.fitted = fitted
        self.heldOut = heldOut
        self.bestEpoch = bestEpoch
    }
}
