/// How far a training run has come in its data: enough to go on with the very next word.
public struct DataPosition: Sendable, Equatable {
    /// The pass over the text, from 0.
    public var epoch = 0
    /// Sentences of this pass that have been taken.
    public var sentences = 0
    /// For each stream, how many words its sentence has, and the position in it; the words, one stream after another.
    public var lengths: [UInt32] = []
    public var positions: [UInt32] = []
    public var words: [UInt32] = []

    public init() {}
}
