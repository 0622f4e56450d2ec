/// Settings of a `SubwordFit`.
public struct SubwordConfiguration: Sendable, Equatable {
    /// Characters of an n-gram, with the marks `<` and `>` of a word's ends: fastText's defaults.
    public var minimum = 3
    public var maximum = 6
    /// N-grams that fewer of the words fitted to have get no vector.
    public var fewestWords = 2
    /// The penalty on the n-grams' squared norms, beside the mean squared error over words: ridge regression.
    public var ridge: Float = 0.02
    /// Steps of conjugate gradients, at most; they end when the residual is `tolerance` of what it was.
    public var steps = 50
    public var tolerance = 1e-3

    public init() {}
}
