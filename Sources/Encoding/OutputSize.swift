public import Shards

/// Bytes that an output will take, and how well they are known.
public struct OutputSize: Sendable, Equatable {
    /// From the best known to the least.
    public enum Accuracy: Int, Sendable, Comparable {
        case exact, atMost, about

        public static func < (a: Accuracy, b: Accuracy) -> Bool { a.rawValue < b.rawValue }
    }

    public var bytes: Int
    public var accuracy: Accuracy

    public init(bytes: Double, _ accuracy: Accuracy) {
        self.bytes = Int(min(bytes.rounded(.up), 9e18))
        self.accuracy = accuracy
    }

    public static func + (a: OutputSize, b: OutputSize) -> OutputSize {
        OutputSize(bytes: Double(a.bytes) + Double(b.bytes), max(a.accuracy, b.accuracy))
    }
}

/// What a form is to write: sentences of tokens, each token with its vectors.
public struct OutputExtent: Sendable {
    /// As the form gets them: pooled sentences have one token each, their text.
    let input: InputSize
    let layers, width: Int
    let storage: RowStorage
    let isPooled: Bool

    public init(_ input: InputSize, layers: Int, width: Int, storage: RowStorage, isPooled: Bool) {
        var input = input
        if isPooled {
            input.wordBytes += input.tokens - (input.sentences - input.emptySentences)
            input.tokens = input.sentences
            input.emptySentences = 0
        }
        self.input = input
        self.layers = layers
        self.width = width
        self.storage = storage
        self.isPooled = isPooled
    }

    /// Of sizes that follow from the counts alone.
    var accuracy: OutputSize.Accuracy { input.isCounted ? .exact : .about }
    var values: Double { input.tokens * Double(layers * width) }
    var valueBytes: Double { values * (storage == .float32 ? 4 : 2) }
}
