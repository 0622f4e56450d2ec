public import Kernels

/// Words of one length, letter by letter, so that a group is a dense block without padding or masks.
///
/// Few characters make many words, so each is in here once: what depends on a character alone is computed once for it.
public struct CharacterGroup {
    /// The embeddings of the group's characters, [characters, inputs].
    public let embeddings: Matrix
    /// Which of them each letter is, [length * words], time-major: letter `step * words + word`.
    public let letters: Numbers
    public let words: Int

    public init(embeddings: Matrix, letters: Numbers, words: Int) {
        precondition(words > 0 && letters.count % words == 0)
        self.embeddings = embeddings
        self.letters = letters
        self.words = words
    }

    public var length: Int { letters.count / words }
    public var shape: WindowShape { WindowShape(steps: length, batch: words) }
}

/// Reads words letter by letter: from the embeddings of their characters to one row of features a word, [words, outputs]. The
/// gradient of its input is that of the embeddings, [characters, inputs].
public protocol CharacterEncoder: Layer<CharacterGroup> {
    /// Numbers in a character's embedding.
    var inputs: Int { get }
    /// Features of a word.
    var outputs: Int { get }
}

/// A `CharacterConvolution` over words of one length. Beyond a word's end letters are zeros, so that words shorter than a
/// filter have one place for it.
public struct ConvolutionEncoder: CharacterEncoder {
    private let convolution: CharacterConvolution
    public var inputs: Int { convolution.inputs }
    public var outputs: Int { convolution.outputs }

    /// Groups have at most `plan.capacity.batch` words, and `plan.capacity.rows` letters.
    public init(
        _ name: String, inputs: Int, filters: [CharacterConvolution.Filters], highways: Int, in plan: inout Plan
    ) {
        let words = plan.capacity.batch
        convolution = CharacterConvolution(
            name, inputs: inputs, filters: filters, activation: .relu, highways: highways, firstHighway: 0,
            words: words, letters: plan.capacity.rows, longest: plan.capacity.rows / max(1, words), padding: .zeros, in: &plan)
    }

    public var factors: [Parameter] { convolution.factors }

    /// The filters, which files have as [width * inputs, count].
    public var filterWeights: [Parameter] { convolution.weights }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        convolution.initialize(parameters, random: &random)
    }

    public func forward(_ group: CharacterGroup, _ shape: WindowShape, _ run: Run) -> Matrix {
        convolution.forward(
            group.words, of: group.embeddings, length: { _ in group.length },
            letter: { group.letters[$1 * group.words + $0] }, run)
    }

    public func backward(
        _ group: CharacterGroup, outputGradient: Matrix, inputGradient: Matrix?, adding: Bool, _ shape: WindowShape, _ run: Run
    ) {
        guard let inputGradient else { preconditionFailure("the gradient of the letters is written") }
        if !adding { run.backend.fill(inputGradient, with: 0) }
        convolution.backward(group.words, outputGradient: outputGradient, tableGradient: inputGradient, run)
    }
}
