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
    /// The letters of the group's words, padded: which character each is, -1 for none; vectors and gradients, [letters, inputs].
    private let letters: NumberSlot
    private let embedded, embeddedGradient: MatrixSlot
    /// [words]
    private let starts, lengths: NumberSlot

    /// Groups have at most `plan.capacity.batch` words, and `plan.capacity.rows` letters.
    public init(
        _ name: String, inputs: Int, filters: [CharacterConvolution.Filters], highways: Int, in plan: inout Plan
    ) {
        let words = plan.capacity.batch
        convolution = CharacterConvolution(
            name, inputs: inputs, filters: filters, activation: .relu, highways: highways, firstHighway: 0, padding: .zeros,
            words: words, longest: plan.capacity.rows / max(1, words), in: &plan)
        let count = plan.capacity.rows + words * convolution.widest
        letters = plan.numbers(count)
        embedded = plan.matrix(rows: count, columns: inputs)
        embeddedGradient = plan.gradient(rows: count, columns: inputs)
        starts = plan.numbers(words)
        lengths = plan.numbers(words)
    }

    public var factors: [Parameter] { convolution.factors }

    /// The filters, which files have as [width * inputs, count].
    public var filterWeights: [Parameter] { convolution.weights }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        convolution.initialize(parameters, random: &random)
    }

    public func forward(_ group: CharacterGroup, _ shape: WindowShape, _ run: Run) -> Matrix {
        let letters = run.numbers(letters), starts = run.numbers(starts), lengths = run.numbers(lengths)
        let length = group.length, extent = length + convolution.widest
        for word in 0..<group.words {
            starts[word] = Int32(word * extent)
            lengths[word] = Int32(length)
            for step in 0..<extent {
                letters[word * extent + step] = step < length ? group.letters[step * group.words + word] : -1
            }
        }
        run.backend.gather(letters, of: group.embeddings, into: run.matrix(embedded, rows: group.words * extent))
        return convolution.forward(words(group, run), shape, run)
    }

    public func backward(
        _ group: CharacterGroup, outputGradient: Matrix, inputGradient: Matrix?, adding: Bool, _ shape: WindowShape, _ run: Run
    ) {
        let gradient = run.matrix(embeddedGradient, rows: group.words * (group.length + convolution.widest))
        convolution.backward(
            words(group, run), outputGradient: outputGradient, inputGradient: gradient, adding: false, shape, run)
        guard let inputGradient else { return }
        if !adding { run.backend.fill(inputGradient, with: 0) }
        run.backend.scatterAdd(gradient, to: inputGradient, at: run.numbers(letters))
    }

    private func words(_ group: CharacterGroup, _ run: Run) -> CharacterConvolution.Words {
        CharacterConvolution.Words(
            letters: run.matrix(embedded, rows: group.words * (group.length + convolution.widest)),
            starts: run.numbers(starts)[0..<group.words], lengths: run.numbers(lengths)[0..<group.words])
    }
}
