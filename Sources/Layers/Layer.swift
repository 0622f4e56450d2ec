public import Kernels

/// A layer of a network: a value that declared its parameters, its memory for a pass and its dropout places in a `Plan` when it was
/// created. It owns nothing: weights, memory and backend come with each pass (`Run`). No pass allocates memory.
///
/// ```swift
/// var plan = Plan(backend, capacity: WindowCapacity(batch: 16, rows: 320), isTraining: true)
/// let layer = Linear("projection", inputs: 300, outputs: 512, rows: 320, in: &plan)
/// let store = ParameterStore(plan.own, training: Adam(), backend: backend)
/// layer.initialize(store, random: &random)
/// let run = Run(store, memory: PassMemory(plan), backend: backend, mode: .training(seed: 1, step: 1))
/// let output = layer.forward(input, run)
/// ```
public protocol Layer<Input>: Sendable {
    /// Type of the input: a matrix, or words in the form that the layer reads.
    associatedtype Input

    /// Matrices that every pass multiplies by, which are worth packing once if they do not change.
    var factors: [Parameter] { get }

    /// Sets the initial weights.
    func initialize(_ parameters: ParameterStore, random: inout Random)

    /// Returns the output of the layer, [rows, width], valid until its next pass.
    func forward(_ input: Input, _ shape: WindowShape, _ run: Run) -> Matrix

    /// The backward pass of the last forward pass, with the same input: adds to the gradients of the parameters, and may overwrite
    /// `outputGradient` [rows, width].
    /// - `inputGradient`: set to the gradient of the input if given, or increased by it with `adding`. Layers that read
    ///   words write none. Layers that compute their own gradients in this memory (`Highway`, `RecurrentStack`) require it and do
    ///   not add.
    func backward(
        _ input: Input, outputGradient: Matrix, inputGradient: Matrix?, adding: Bool, _ shape: WindowShape, _ run: Run)
}

extension Layer<Matrix> {
    /// Runs a layer to which the order of the rows does not matter, from `input` [n, inputs] to [n, width].
    func forward(_ input: Matrix, _ run: Run) -> Matrix { forward(input, WindowShape(steps: 1, batch: input.rows), run) }

    func backward(_ input: Matrix, outputGradient: Matrix, inputGradient: Matrix?, adding: Bool = false, _ run: Run) {
        backward(
            input, outputGradient: outputGradient, inputGradient: inputGradient, adding: adding,
            WindowShape(steps: 1, batch: input.rows), run)
    }
}

/// The first layer of a network, from words to the encoder's input.
///
/// ```swift
/// let input: any InputLayer = EmbeddingInput("input", inputs: 300, outputs: 512, in: &plan)
/// ```
public typealias InputLayer = Layer<InputWords>

/// A network over sequences, between the input layer and the output layer.
///
/// ```swift
/// let encoder: any SequenceEncoder = LSTMStack(
///     "forward", inputs: 512, options: ProjectedLSTM.Options(cell: 4096, projection: 512), layers: 2, residual: true, in: &plan)
/// ```
public protocol SequenceEncoder: Layer<Matrix> {
    /// Width of the output.
    var outputSize: Int { get }
    /// Number of layers whose outputs can be requested.
    var layerCount: Int { get }

    /// Returns the output of layer `index`, from 0, in the last forward pass, [rows, outputSize]. Rows past the end of a sequence
    /// are undefined.
    func layerOutput(_ index: Int, _ shape: WindowShape, _ run: Run) -> Matrix
}

/// A sequence encoder that carries a state of constant size from one window to the next (truncated BPTT).
///
/// ```swift
/// encoder.carryState(from: shape, run)
/// ```
public protocol StatefulEncoder: SequenceEncoder {
    /// Widths of the state's matrices, which have one row for each sequence.
    var stateWidths: [Int] { get }

    /// Calls `body` with each matrix of the state in which the next window starts, [batch, width], in the order of `stateWidths`.
    func forEachState(batch: Int, _ run: Run, _ body: (Matrix) -> Void)

    /// Makes the state at the end of a window the initial state of the next. All sequences must be as long as the window.
    func carryState(from shape: WindowShape, _ run: Run)
}

/// The words at each row of a network's input, in the form that its input layer reads.
///
/// ```swift
/// let words = InputWords.vectors(matrix)
/// ```
public enum InputWords {
    /// Vectors of the words, [rows, size].
    case vectors(Matrix)
    /// Rows of the words in the input layer's table, [rows].
    case numbers(Numbers)
    /// Spellings of the words.
    case spellings(Spellings)
    /// Outputs of the input layer for the words, from an earlier pass, [rows, width]; the input layer is skipped.
    case outputs(Matrix)
}

/// The words of a window letter by letter, each distinct word once.
///
/// ```swift
/// let words = InputWords.spellings(Spellings(letters: letters, ends: ends, words: 2, places: places))
/// ```
public struct Spellings {
    /// Characters of all distinct words, one word after another, as numbers of an alphabet.
    public let letters: Numbers
    /// End of each distinct word in `letters`, [words].
    public let ends: Numbers
    /// Number of distinct words.
    public let words: Int
    /// The distinct word at each row, [rows].
    public let places: Numbers

    /// Creates the words of a window; see the properties for shapes.
    public init(letters: Numbers, ends: Numbers, words: Int, places: Numbers) {
        self.letters = letters
        self.ends = ends
        self.words = words
        self.places = places
    }

    /// Returns the range of a word's letters.
    func range(_ word: Int) -> Range<Int> { Int(word == 0 ? 0 : ends[word - 1])..<Int(ends[word]) }
}

/// The targets at each row of a network's states, in the form that its output layer needs.
///
/// ```swift
/// let targets = Targets.classes(classes)
/// ```
public enum Targets {
    /// Vectors of words, [rows, size].
    case vectors(Matrix)
    /// Numbers of words in the output layer's vocabulary, [rows].
    case classes(Numbers)
    /// The words of a window with their vectors, and the words they are compared with.
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

/// The last layer of a network, from the encoder's states to a loss. It is a value like a `Layer`, but its forward and backward
/// passes are one, because what lies between them may be too large to keep.
///
/// ```swift
/// output.accumulate(
///     states, .vectors(matrix), weights: nil, draw: Draw(seed: 1, step: 1), statesGradient: gradient, loss: loss, run)
/// ```
public protocol OutputLayer: Sendable {
    /// Sets the initial weights.
    func initialize(_ parameters: ParameterStore, random: inout Random)

    /// Adds the mean loss of `states` [rows, size] to `loss`, which stays in the backend's memory. Adds to the gradients of the
    /// parameters, and writes that of the states, [rows, size].
    ///
    /// - `weights`: weight of each row, [1, rows]; `nil` means 1.
    /// - `draw`: identifies this pass for layers that draw words at random; it must be unique within a training run.
    func accumulate(
        _ states: Matrix, _ targets: Targets, weights: Matrix?, draw: Draw, statesGradient: Matrix, loss: Scalars, _ run: Run)

    /// Adds only the mean loss. A softmax that approximates its loss in training computes the exact one here. May allocate memory.
    func evaluate(_ states: Matrix, _ targets: Targets, weights: Matrix?, loss: Scalars, _ run: Run)
}

/// Identifies the random draws of one training pass.
///
/// ```swift
/// let draw = Draw(seed: 1, step: 100)
/// ```
public struct Draw: Sendable {
    /// Seed of the training run.
    public let seed: UInt64
    /// Number of the pass.
    public let step: Int

    /// Creates the identity of a pass.
    public init(seed: UInt64, step: Int) {
        self.seed = seed
        self.step = step
    }
}
