@_spi(HostMemory) public import Kernels

/// The parts of a word's vector: the layers of an encoder, and the word's own vector.
public struct VectorForm: Sendable, Equatable {
    /// Layers of the encoder, and the numbers of each; no layers if there is no encoder.
    public let layers, width: Int
    /// Numbers of the word's own vector; 0 if there is none.
    public let wordWidth: Int

    public init(layers: Int, width: Int, wordWidth: Int) { (self.layers, self.width, self.wordWidth) = (layers, width, wordWidth) }

    /// Numbers of a word: the layers one after the other, then its own vector.
    public var columns: Int { layers * width + wordWidth }
}

/// The vectors of the words of many sentences, which no task changes.
public protocol FrozenVectors: Sendable {
    var form: VectorForm { get }
    /// Gets the vectors of these sentences ready; until it is called again, `rows` is asked for no others. Throws `ToolError` as the
    /// source of the vectors does.
    func prepare(_ sentences: [Int]) throws
    /// The vectors of a sentence, by its number: [words, form.columns]. Valid until `prepare` is called again.
    func rows(of sentence: Int) -> Matrix
}

extension FrozenVectors {
    /// Does nothing: all vectors are there.
    public func prepare(_ sentences: [Int]) {}
}

extension VectorForm: CustomStringConvertible {
    public var description: String {
        let layers = layers > 0 ? "\(self.layers) x \(width) numbers" : ""
        let words = wordWidth > 0 ? "\(wordWidth) of the word" : ""
        return [layers, words].filter { !$0.isEmpty }.joined(separator: " and ")
    }
}
