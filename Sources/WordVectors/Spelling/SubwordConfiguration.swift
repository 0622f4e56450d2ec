/// Settings of a `SubwordFit`.
public struct SubwordConfiguration: Sendable, Equatable {
    /// Known words are used for fitting from the most frequent on, up to this many.
    public var words = 200_000
    /// Known words kept out of the fit to report on, at most; a twentieth of few.
    public var heldOut = 1000
    /// Characters of an n-gram, with the marks `<` and `>` of a word's ends counted.
    public var minimum = 2
    public var maximum = 6
    /// N-grams that fewer of the words fitted to have get no vector.
    public var fewestWords = 2
    /// The penalty on the n-grams' squared norms, beside the mean squared error over words: ridge regression.
    public var ridge: Float = 0.005
    /// The penalty grows by this factor with each character that an n-gram is shorter than the longest.
    public var lengthPenalty: Float = 1.5
    /// Steps of conjugate gradients, at most; they end when the residual is `tolerance` of what it was.
    public var steps = 50
    public var tolerance = 3e-2
    /// A word of count c weighs c to this power (0: all the same), with a mean weight of 1.
    public var frequencyPower: Float = 0
    public var seed: UInt64 = 1

    public init() {}
}
