public import Differentiation
@_spi(HostMemory) public import Kernels
public import Layers

/// The biattentive classification network of McCann et al. (2017), for a sentence that attends to itself, with the settings of
/// AllenNLP's configuration for ELMo:
///
///     words        mix of frozen layers, the word's own vector; a layer of 300 units
///     encoder X    bidirectional LSTM with 300 cells per direction
///     attention    C = softmax(X X^T) X
///     integrator   bidirectional LSTM over [X, X - C, X * C] with 300 cells per direction
///     pooling      maximum, minimum and mean over the words, and a mean weighted by a softmax of a score of each word
///     classes      maxout layers of 1200 and 600 units and of the classes, with 4 linear maps per unit
///
/// There is no batch normalisation, as in AllenNLP and unlike McCann et al.
public struct SentimentNetwork: TaskNetwork {
    /// A sentence or phrase, and its class.
    public struct Example: Sendable {
        /// The number of the sentence among the vectors.
        public let sentence: Int
        /// The number of words.
        public let words: Int
        /// The class of the sentence.
        public let label: Int32

        /// Makes an example.
        public init(sentence: Int, words: Int, label: Int32) { (self.sentence, self.words, self.label) = (sentence, words, label) }
    }

    /// The widths of the layers.
    public struct Widths: Sendable {
        /// The number of units before the encoder, and of cells per direction.
        public var cells: Int
        /// The number of units in each maxout layer before the classes.
        public var hidden: [Int]
        /// True if training uses dropout. Comparisons with other implementations turn it off.
        public var drops = true

        /// Makes the sizes of a network.
        public init(cells: Int, hidden: [Int]) { (self.cells, self.hidden) = (cells, hidden) }

        /// Makes the sizes for a task size.
        public init(_ size: TaskSize) {
            switch size {
            case .paper: self.init(cells: 300, hidden: [1200, 600])
            case .small: self.init(cells: 75, hidden: [300, 150])
            }
        }
    }

    /// The layer that reads the vectors.
    public let input: VectorInput
    /// The number of classes.
    public let classes: Int
    private let reduction: AffineMap
    private let encoder, integrator: BidirectionalLSTM
    /// The weights of the word scores in pooling, [2 cells, 1]. There is no bias, because a softmax does not depend on it.
    private let attention: Parameter
    private let output: Maxout
    private let drops: Bool

    /// Declares a network of a task size.
    public init(_ form: VectorForm, classes: Int, size: TaskSize, in plan: inout Plan) {
        self.init(form, classes: classes, Widths(size), in: &plan)
    }

    /// Declares a network.
    public init(_ form: VectorForm, classes: Int, _ widths: Widths, in plan: inout Plan) {
        let cells = widths.cells
        (self.classes, drops) = (classes, widths.drops)
        input = VectorInput(form, in: &plan)
        reduction = AffineMap("reduction", inputs: input.size, outputs: cells, in: &plan)
        encoder = BidirectionalLSTM("encoder", inputs: cells, size: cells, in: &plan)
        integrator = BidirectionalLSTM("integrator", inputs: 3 * encoder.width, size: cells, in: &plan)
        attention = plan.parameter("pooling.weight", [integrator.width, 1])
        let dropout: [Float] = widths.hidden.indices.map { $0 == 0 ? 0.2 : 0.3 }
        output = Maxout(
            "classes", inputs: 4 * integrator.width, sizes: widths.hidden + [classes], pieces: 4,
            dropout: dropout.map { widths.drops ? $0 : 0 } + [0], in: &plan)
    }

    /// Returns the schedule for a task size.
    public static func schedule(_ size: TaskSize) -> TaskSchedule {
        var schedule = TaskSchedule(rate: 0.001, batch: 100, epochs: 40, patience: 5)
        if size == .small { (schedule.epochs, schedule.patience) = (20, 3) }
        schedule.greatestNorm = 5
        return schedule
    }

    /// Initialises the weights as PyTorch's layers do.
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        input.initialize(parameters)
        reduction.initializeUniformly(parameters, random: &random)
        for layer in [encoder, integrator] { layer.initializeUniformly(parameters, random: &random) }
        parameters.fillUniform(attention, inputs: integrator.width, random: &random)
        output.initializeUniformly(parameters, random: &random)
    }

    public func length(of example: Example) -> Int { example.words }
    public func sentences(of example: Example) -> [Int] { [example.sentence] }

    /// Adds the mean cross-entropy of the sentences.
    public func addLoss(_ batch: [Example], _ vectors: some FrozenVectors, on tape: Tape) {
        precondition(batch.allSatisfy { $0.label >= 0 && $0.label < classes })
        tape.addCrossEntropy(scores(batch, vectors, on: tape), batch.map(\.label), scale: 1 / Double(batch.count))
    }

    public func predict(_ batch: [Example], _ vectors: some FrozenVectors, on tape: Tape) -> [ClassPrediction] {
        ClassPrediction.all(scores(batch, vectors, on: tape).value)
    }

    /// Returns the scores of the classes, [sentences, classes].
    private func scores(_ batch: [Example], _ vectors: some FrozenVectors, on tape: Tape) -> Node {
        let sentences = Sequences(batch.map(\.words), on: tape)
        func drop(_ node: Node, _ rate: Float) -> Node { tape.drop(node, rate: drops ? rate : 0) }
        let words = drop(input.forward(batch.map { vectors.rows(of: $0.sentence) }, on: tape), 0.5)
        let reduced = drop(tape.activate(reduction.forward(words, on: tape), .relu), 0.25)
        let encoded = encoder.forward(reduced, sentences, on: tape)
        let attended = tape.attend(encoded, sentences, to: Array(batch.indices))
        let integrated = integrator.forward(tape.compare(encoded, attended, keepsOther: false), sentences, on: tape)
        let pooled = tape.concatenate([
            tape.maxima(integrated, sentences), tape.minima(integrated, sentences), tape.means(integrated, sentences),
            tape.means(integrated, weightedBy: tape.multiply(integrated, by: attention), sentences),
        ])
        return output.forward(drop(pooled, 0.1), on: tape)
    }
}
