public import Kernels

/// A layer of a network: a value that declared its parameters, its memory for a pass and its dropout sites in a `Plan` when it
/// was made. It owns nothing: weights, memory and backend come with each pass (`Run`). No pass allocates.
public protocol Layer<Input>: Sendable {
    /// The kind of input: a matrix, or words in the form that the layer reads.
    associatedtype Input

    /// Matrices that every pass multiplies by: worth packing once where they stay as they are.
    var factors: [Parameter] { get }

    func initialize(_ parameters: ParameterStore, random: inout Random)

    /// The output of the layer, [rows, width], valid until its next pass.
    func forward(_ input: Input, _ shape: WindowShape, _ run: Run) -> Matrix

    /// The backward pass of the last forward pass with the same input: adds to the gradients of the parameters, and may overwrite
    /// `outputGradient` [rows, width].
    /// - Parameter inputGradient: written where one is wanted, or added to with `adding`. A layer of words writes none. Layers that
    ///   make their own gradients in its memory (`Highway`, `RecurrentStack`) need one and do not add.
    func backward(
        _ input: Input, outputGradient: Matrix, inputGradient: Matrix?, adding: Bool, _ shape: WindowShape, _ run: Run)
}

extension Layer<Matrix> {
    /// The forward pass of a layer that does not look at the order of the rows: `input` [n, inputs] to [n, width].
    func forward(_ input: Matrix, _ run: Run) -> Matrix { forward(input, WindowShape(steps: 1, batch: input.rows), run) }

    func backward(_ input: Matrix, outputGradient: Matrix, inputGradient: Matrix?, adding: Bool = false, _ run: Run) {
        backward(
            input, outputGradient: outputGradient, inputGradient: inputGradient, adding: adding,
            WindowShape(steps: 1, batch: input.rows), run)
    }
}

/// The first layer of a network: from words to the encoder's input.
public typealias InputLayer = Layer<InputWords>

/// A network over sequences: what stands between the input vectors and the output layer.
public protocol SequenceEncoder: Layer<Matrix> {
    var outputSize: Int { get }
    /// Layers whose outputs can be asked for.
    var layerCount: Int { get }

    /// The output of layer `index`, from 0, in the last forward pass: [rows, outputSize]. Rows of sequences that had ended
    /// mean nothing.
    func layerOutput(_ index: Int, _ shape: WindowShape, _ run: Run) -> Matrix
}

/// A sequence encoder that carries a state of constant size from one window to the next (truncated BPTT).
public protocol StatefulEncoder: SequenceEncoder {
    /// Widths of the matrices that are the state: one row a sequence.
    var stateWidths: [Int] { get }

    /// Calls `body` with each matrix of the state that the next window begins in, [batch, width], in the order of
    /// `stateWidths`.
    func forEachState(batch: Int, _ run: Run, _ body: (Matrix) -> Void)

    /// Makes the state at the end of a window without shorter sequences the one that the next window begins in.
    func carryState(from shape: WindowShape, _ run: Run)
}

/// The words at each row of a network's input, in the form its input layer asks for.
public enum InputWords {
    /// Their vectors: [rows, size].
    case vectors(Matrix)
    /// Their numbers in the input layer's table: [rows].
    case numbers(Numbers)
    /// Their spellings.
    case spellings(Spellings)
    /// The output of the input layer for the words in an earlier pass: [rows, width]. No layer reads it.
    case outputs(Matrix)
}

/// The words of a window letter by letter, each distinct word once.
public struct Spellings {
    /// The characters of all distinct words, one word after the other: numbers of an alphabet.
    public let letters: Numbers
    /// Where each of them ends in `letters`: [words].
    public let ends: Numbers
    /// Distinct words.
    public let words: Int
    /// Which of them each row is: [rows].
    public let places: Numbers

    public init(letters: Numbers, ends: Numbers, words: Int, places: Numbers) {
        self.letters = letters
        self.ends = ends
        self.words = words
        self.places = places
    }

    /// The range of a word's letters.
    func range(_ word: Int) -> Range<Int> { Int(word == 0 ? 0 : ends[word - 1])..<Int(ends[word]) }
}

/// The targets of a network at each row of its states, in the form that its output layer asks for.
public enum Targets {
    /// The vectors of words: [rows, size].
    case vectors(Matrix)
    /// The numbers of words in the output layer's vocabulary: [rows].
    case classes(Numbers)
    /// The words of a window with their vectors, and those that each target is told from.
    case words(WordTargets)

    /// The targets of a softmax.
    var numbers: Numbers {
        guard case .classes(let classes) = self else { preconditionFailure("the targets of a softmax are classes") }
        return classes
    }

    /// The targets of the contrastive output.
    var words: WordTargets {
        guard case .words(let words) = self else { preconditionFailure("the targets of this output are words") }
        return words
    }
}

/// The last layer of a network: from the encoder's states to a loss. A value like a `Layer`, whose passes forward and backward
/// are one, because what lies between them may be too large to keep.
public protocol OutputLayer: Sendable {
    func initialize(_ parameters: ParameterStore, random: inout Random)

    /// Adds the mean loss of `states` [rows, size] to `loss`, which stays in the backend's memory, and the gradients: adds those
    /// of the parameters, writes that of the states, [rows, size].
    ///
    /// - Parameters:
    ///   - weights: [1, rows], how often each row counts; `nil`: once.
    ///   - draw: number of this pass, for layers that draw words at random; no two of a training run have the same.
    func accumulate(
        _ states: Matrix, _ targets: Targets, weights: Matrix?, draw: Draw, statesGradient: Matrix, loss: Scalars, _ run: Run)

    /// Adds the mean loss alone. A softmax that approximates its loss in training gives the exact one. May allocate.
    func evaluate(_ states: Matrix, _ targets: Targets, weights: Matrix?, loss: Scalars, _ run: Run)
}

/// Names the random draws of one training pass.
public struct Draw: Sendable {
    public let seed: UInt64
    public let step: Int

    public init(seed: UInt64, step: Int) {
        self.seed = seed
        self.step = step
    }
}
