@_spi(HostMemory) public import Kernels

/// The parts of a word's vector: the layers of an encoder, and the word's own vector.
public struct VectorForm: Sendable, Equatable {
    /// The number of layers of the encoder, and the number of values in each; no layers if there is no encoder.
    public let layers, width: Int
    /// The number of values in the word's own vector; 0 if there is none.
    public let wordWidth: Int

    /// Makes a form.
    public init(layers: Int, width: Int, wordWidth: Int) { (self.layers, self.width, self.wordWidth) = (layers, width, wordWidth) }

    /// The number of values for a word: the layers one after the other, then its own vector.
    public var columns: Int { layers * width + wordWidth }
}

/// The vectors of the words of many sentences. Training does not change them.
public protocol FrozenVectors: Sendable {
    /// The form of the vectors.
    var form: VectorForm { get }
    /// Prepares the vectors of these sentences. Until the next call, `rows` may be called only for these. Throws `ToolError` as the
    /// source of the vectors does.
    func prepare(_ sentences: [Int]) throws
    /// Returns the vectors of a sentence, [words, form.columns]. They are valid until the next call of `prepare`.
    func rows(of sentence: Int) -> Matrix
}

extension FrozenVectors {
    /// Does nothing, because all vectors are already in memory.
    public func prepare(_ sentences: [Int]) {}
}

extension VectorForm: CustomStringConvertible {
    /// The form in words, for messages.
    public var description: String {
        let layers = layers > 0 ? "\(self.layers) x \(width) numbers" : ""
        let words = wordWidth > 0 ? "\(wordWidth) of the word" : ""
        return [layers, words].filter { !$0.isEmpty }.joined(separator: " and ")
    }
}
