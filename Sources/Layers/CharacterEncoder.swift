public import Kernels

/// Words of one length, letter by letter, so that a group is a dense block without padding or masks.
///
/// Few characters make many words, so each is in here once: what depends on a character alone is computed once for it.
public struct CharacterGroup {
    /// The embeddings of the group's characters, [characters, inputs].
    public let embeddings: Matrix
    /// Which of them each letter is, [length * words], time-major: letter `step * words + word`.
    public let letters: UnsafeBufferPointer<Int32>
    public let words: Int

    public init(embeddings: Matrix, letters: UnsafeBufferPointer<Int32>, words: Int) {
        precondition(words > 0 && letters.count % words == 0)
        self.embeddings = embeddings
        self.letters = letters
        self.words = words
    }

    public var length: Int { letters.count / words }

    /// The row of `embeddings` for a letter.
    @inline(__always)
    func place(_ step: Int, _ word: Int) -> Int { Int(letters[step * words + word]) }
}

/// Reads words letter by letter: from the embeddings of their characters to one row of features a word.
public protocol CharacterEncoder: Sendable {
    /// Numbers in a character's embedding.
    var inputs: Int { get }
    /// Features of a word.
    var outputs: Int { get }

    /// Matrices that meet every group, and are worth packing once for all threads.
    var packedWeights: [Parameter] { get }

    func initialize(_ parameters: ParameterStore, random: inout Random)

    /// Memory for groups of at most `words` words of at most `longest` characters. Each thread needs its own.
    func makeWorkspace(words: Int, longest: Int, training: Bool) -> any CharacterWorkspace
}

/// An encoder's way forth and back, with the memory of one thread. Neither allocates.
public protocol CharacterWorkspace: AnyObject {
    /// The features, [words, outputs]; valid until the next pass.
    func forward(_ group: CharacterGroup, _ parameters: ParameterStore, _ compute: Compute) -> Matrix

    /// The way back of the last forward pass: adds to the gradients of the parameters, overwrites `outputGradient`
    /// [words, outputs], and writes `embeddingGradient` [characters, inputs].
    func backward(
        _ group: CharacterGroup, outputGradient: Matrix, embeddingGradient: Matrix, _ parameters: ParameterStore,
        _ compute: Compute)
}
