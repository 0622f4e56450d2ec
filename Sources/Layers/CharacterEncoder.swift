public import Kernels

/// Words of one length as sequences of letters, so that a group is a dense block without padding or masks.
///
/// Few characters make up many words, so each character occurs once here, and work that depends only on a character is done once.
///
/// ```swift
/// let group = CharacterGroup(embeddings: embeddings, letters: letters, words: 3)
/// ```
public struct CharacterGroup {
    /// Embeddings of the group's characters, [characters, inputs].
    public let embeddings: Matrix
    /// Row of `embeddings` for each letter, [length * words], time-major: letter `step * words + word`.
    public let letters: Numbers
    /// Number of words.
    public let words: Int

    /// Creates a group of `words` words, all of `letters.count / words` letters.
    public init(embeddings: Matrix, letters: Numbers, words: Int) {
        precondition(words > 0 && letters.count % words == 0)
        self.embeddings = embeddings
        self.letters = letters
        self.words = words
    }

    /// Letters in each word.
    public var length: Int { letters.count / words }
    /// The group as a window: letters are steps, words are sequences.
    public var shape: WindowShape { WindowShape(steps: length, batch: words) }
}

/// A layer that reads words letter by letter: from the embeddings of their characters to one row of features for each word, [words,
/// outputs]. The gradient of its input is that of the embeddings, [characters, inputs].
///
/// ```swift
/// let encoder: any CharacterEncoder = CharacterLSTM("word", inputs: 20, hidden: 50, outputs: 300, in: &plan)
/// ```
public protocol CharacterEncoder: Layer<CharacterGroup> {
    /// Size of a character's embedding.
    var inputs: Int { get }
    /// Number of features of a word.
    var outputs: Int { get }
}

/// A `CharacterConvolution` over words of one length. Letters past a word's end are zeros, so that a word shorter than a filter has
/// one place for it.
///
/// ```swift
/// let encoder = ConvolutionEncoder("word", inputs: 20, filters: [.init(width: 3, count: 50)], highways: 1, in: &plan)
/// ```
public struct ConvolutionEncoder: CharacterEncoder {
    private let convolution: CharacterConvolution
    /// Size of a character's embedding.
    public var inputs: Int { convolution.inputs }
    /// Number of features of a word.
    public var outputs: Int { convolution.outputs }

    /// Declares the convolution. A group has at most `plan.capacity.batch` words and `plan.capacity.rows` letters.
    public init(
        _ name: String, inputs: Int, filters: [CharacterConvolution.Filters], highways: Int, in plan: inout Plan
    ) {
        let words = plan.capacity.batch
        convolution = CharacterConvolution(
            name, inputs: inputs, filters: filters, activation: .relu, highways: highways, firstHighway: 0,
            words: words, letters: plan.capacity.rows, longest: plan.capacity.rows / max(1, words), padding: .zeros, in: &plan)
    }

    public var factors: [Parameter] { convolution.factors }

    /// Filter weights, which files store as [width * inputs, count].
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
