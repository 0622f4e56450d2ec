public import Kernels

/// Reads words letter by letter: from the embeddings of their characters to one row of features a word.
///
/// Words go through in groups of one length, so that a group is a dense block without padding or masks.
public protocol CharacterEncoder: Sendable {
    /// Numbers in a character's embedding.
    var inputs: Int { get }
    /// Features of a word.
    var outputs: Int { get }

    func initialize(_ parameters: ParameterStore, random: inout Random)

    /// Memory for groups of at most `words` words of at most `longest` characters. Each thread needs its own.
    func makeWorkspace(words: Int, longest: Int, training: Bool) -> any CharacterWorkspace
}

/// An encoder's way forth and back, with the memory of one thread. Neither allocates.
public protocol CharacterWorkspace: AnyObject {
    /// `input` [length * words, inputs], time-major: row `step * words + word`. The result, [words, outputs], is valid
    /// until the next pass.
    func forward(_ input: Matrix, words: Int, _ parameters: ParameterStore, _ compute: Compute) -> Matrix

    /// The way back of the last forward pass: adds to the gradients of the parameters, overwrites `outputGradient`
    /// [words, outputs], and writes `inputGradient` [length * words, inputs].
    func backward(
        _ input: Matrix, words: Int, outputGradient: Matrix, inputGradient: Matrix, _ parameters: ParameterStore,
        _ compute: Compute)
}
