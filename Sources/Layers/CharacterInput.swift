public import Kernels

/// ELMo's input layer (Kim et al. 2016; bilm-tf): characters of a word, convolutions, highway layers, and a projection. Each
/// distinct word of a window is computed once.
///
///     output = CharacterConvolution(characters) P + p
///
/// The original pads every word to fifty characters, and the padding takes part in pooling. Here a word ends at the first place
/// that holds only padding for every filter; all later places are equal, so the results are the same.
///
/// ```swift
/// let input = CharacterInput("input", shape: .elmo, outputs: 512, in: &plan)
/// ```
public struct CharacterInput: Layer {
    /// Sizes of the network.
    ///
    /// ```swift
    /// var shape = CharacterInput.Shape.elmo
    /// shape.highways = 1
    /// ```
    public struct Shape: Sendable, Equatable {
        /// Number of characters, including the padding, which comes last.
        public var alphabet: Int
        /// Size of a character's vector.
        public var characterSize: Int
        /// The convolution's filters.
        public var filters: [CharacterConvolution.Filters]
        /// Activation of the filters.
        public var activation: CharacterConvolution.Activation
        /// Number of highway layers.
        public var highways: Int
        /// Maximum number of characters in a word, including the marks at both ends.
        public var longest: Int

        /// Creates a shape from its sizes.
        public init(
            alphabet: Int, characterSize: Int, filters: [CharacterConvolution.Filters],
            activation: CharacterConvolution.Activation = .relu, highways: Int, longest: Int
        ) {
            self.alphabet = alphabet
            self.characterSize = characterSize
            self.filters = filters
            self.activation = activation
            self.highways = highways
            self.longest = longest
        }

        /// The shape of ELMo (bilm-tf).
        public static let elmo = Shape(
            alphabet: 261, characterSize: 16,
            filters: zip([1, 2, 3, 4, 5, 6, 7], [32, 32, 64, 128, 256, 512, 1024]).map { .init(width: $0, count: $1) },
            highways: 2, longest: 50)
    }

    /// Sizes of the network.
    public let shape: Shape
    /// Table of characters, [alphabet, characterSize].
    private let characters: Parameter
    private let convolution: CharacterConvolution
    private let projection: Linear
    /// Gradients [words, features] and [words, outputs]; the output [rows, outputs].
    private let featureGradient, projectedGradient, output: MatrixSlot

    /// Declares the layer.
    /// - `words`: maximum number of distinct words in a window; `nil` means as many as it has rows.
    public init(_ name: String, shape: Shape, outputs: Int, words: Int? = nil, in plan: inout Plan) {
        self.shape = shape
        let words = words ?? plan.capacity.rows
        characters = plan.parameter("\(name).characters", [shape.alphabet, shape.characterSize])
        convolution = CharacterConvolution(
            name, inputs: shape.characterSize, filters: shape.filters, activation: shape.activation,
            highways: shape.highways, firstHighway: 1, words: words, letters: words * shape.longest, longest: shape.longest,
            padding: .letter(Int32(shape.alphabet - 1), longest: shape.longest), in: &plan)
        projection = Linear("\(name).projection", inputs: convolution.outputs, outputs: outputs, rows: words, in: &plan)
        featureGradient = plan.gradient(rows: words, columns: convolution.outputs)
        projectedGradient = plan.gradient(rows: words, columns: outputs)
        output = plan.matrix(rows: plan.capacity.rows, columns: outputs)
    }

    public var factors: [Parameter] { convolution.factors + projection.factors }

    /// Initialises like bilm-tf: characters uniform in ±1, filters uniform in ±0.05.
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        parameters.fill(characters) { random.uniform(in: -1..<1) }
        convolution.initialize(parameters, bound: 0.05, random: &random)
        projection.initialize(parameters, random: &random)
    }

    public func forward(_ words: InputWords, _ shape: WindowShape, _ run: Run) -> Matrix {
        let spellings = spellings(words)
        run.enter(.characters)
        let features = convolution.forward(
            spellings.words, of: run.value(characters), length: { spellings.range($0).count },
            letter: { spellings.letters[spellings.range($0).lowerBound + $1] }, run)
        let output = run.matrix(output, rows: shape.rows)
        run.backend.gather(spellings.places, of: projection.forward(features, run), into: output)
        return output
    }

    public func backward(
        _ words: InputWords, outputGradient: Matrix, inputGradient: Matrix?, adding: Bool, _ shape: WindowShape, _ run: Run
    ) {
        let words = spellings(words), count = words.words
        guard count > 0 else { return }
        let projectedGradient = run.matrix(projectedGradient, rows: count)
        run.backend.fill(projectedGradient, with: 0)
        run.backend.scatterAdd(outputGradient, to: projectedGradient, at: words.places)
        run.enter(.inputProducts)
        let featureGradient = run.matrix(featureGradient, rows: count)
        projection.backward(
            convolution.output(words: count, run), outputGradient: projectedGradient, inputGradient: featureGradient, run)
        convolution.backward(
            count, outputGradient: featureGradient, tableGradient: run.gradient(characters), run)
    }

    private func spellings(_ words: InputWords) -> Spellings {
        guard case .spellings(let spellings) = words else { preconditionFailure("the words of this input are spellings") }
        return spellings
    }
}
