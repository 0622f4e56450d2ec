public import Differentiation
@_spi(HostMemory) public import Kernels
public import Layers

/// The enhanced sequential inference model (ESIM) of Chen et al. (2017), with the settings of AllenNLP's configuration for ELMo:
///
///     words        mix of frozen layers, and the word's own vector if there is one
///     encoder X    bidirectional LSTM with 300 cells per direction, shared by premise and hypothesis
///     attention    C = softmax(X Y^T) Y for each of the two sentences X, where Y are the words of the other one
///     projection   a layer of 300 units over [X, C, X - C, X * C]
///     composition  bidirectional LSTM with 300 cells per direction
///     pooling      mean and maximum over the words of the premise, then of the hypothesis
///     classes      a layer of 300 units, and the classes
///
/// Dropout is 0.5: before both LSTM layers with one mask for all words of a sentence, and before and after the last hidden layer.
public struct InferenceNetwork: TaskNetwork {
    /// A premise, a hypothesis, and the class of the pair.
    public struct Example: Sendable {
        /// The numbers of the two sentences among the vectors.
        public let premise, hypothesis: Int
        /// The numbers of words in the two sentences.
        public let premiseWords, hypothesisWords: Int
        /// The class of the pair.
        public let label: Int32

        /// Makes an example.
        public init(premise: Int, premiseWords: Int, hypothesis: Int, hypothesisWords: Int, label: Int32) {
            (self.premise, self.premiseWords) = (premise, premiseWords)
            (self.hypothesis, self.hypothesisWords, self.label) = (hypothesis, hypothesisWords, label)
        }
    }

    /// The widths of the layers.
    public struct Widths: Sendable {
        /// The number of units in a layer, and of cells per direction.
        public var cells: Int
        /// True if training uses dropout. Comparisons with other implementations turn it off.
        public var drops = true

        /// Makes the sizes of a network.
        public init(cells: Int) { self.cells = cells }

        /// Makes the sizes for a task size.
        public init(_ size: TaskSize) { self.init(cells: size == .paper ? 300 : 75) }
    }

    /// The layer that reads the vectors.
    public let input: VectorInput
    /// The number of classes.
    public let classes: Int
    private let encoder, composition: BidirectionalLSTM
    private let projection, hidden, output: AffineMap
    private let dropout: Float

    /// Declares a network of a task size.
    public init(_ form: VectorForm, classes: Int = 3, size: TaskSize, in plan: inout Plan) {
        self.init(form, classes: classes, Widths(size), in: &plan)
    }

    /// Declares a network.
    public init(_ form: VectorForm, classes: Int = 3, _ widths: Widths, in plan: inout Plan) {
        let cells = widths.cells
        (self.classes, dropout) = (classes, widths.drops ? 0.5 : 0)
        input = VectorInput(form, in: &plan)
        encoder = BidirectionalLSTM("encoder", inputs: input.size, size: cells, in: &plan)
        projection = AffineMap("projection", inputs: 4 * encoder.width, outputs: cells, in: &plan)
        composition = BidirectionalLSTM("composition", inputs: cells, size: cells, in: &plan)
        hidden = AffineMap("hidden", inputs: 4 * composition.width, outputs: cells, in: &plan)
        output = AffineMap("classes", inputs: cells, outputs: classes, in: &plan)
    }

    /// Returns the schedule for a task size.
    public static func schedule(_ size: TaskSize) -> TaskSchedule {
        var schedule = TaskSchedule(rate: 0.0004, batch: 32, epochs: 75, patience: 5)
        if size == .small { (schedule.epochs, schedule.patience) = (15, 3) }
        schedule.greatestNorm = 10
        schedule.halvingPatience = 0
        return schedule
    }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        input.initialize(parameters)
        for layer in [encoder, composition] { layer.initializeGatesTogether(parameters, random: &random) }
        for map in [projection, hidden, output] { map.initialize(parameters, random: &random) }
    }

    public func length(of example: Example) -> Int { example.premiseWords + example.hypothesisWords }
    public func sentences(of example: Example) -> [Int] { [example.premise, example.hypothesis] }

    /// Adds the mean cross-entropy of the pairs.
    public func addLoss(_ batch: [Example], _ vectors: some FrozenVectors, on tape: Tape) {
        precondition(batch.allSatisfy { $0.label >= 0 && $0.label < classes })
        tape.addCrossEntropy(scores(batch, vectors, on: tape), batch.map(\.label), scale: 1 / Double(batch.count))
    }

    public func predict(_ batch: [Example], _ vectors: some FrozenVectors, on tape: Tape) -> [ClassPrediction] {
        ClassPrediction.all(scores(batch, vectors, on: tape).value)
    }

    /// Returns the scores of the classes, [pairs, classes].
    private func scores(_ batch: [Example], _ vectors: some FrozenVectors, on tape: Tape) -> Node {
        // All premises come first, then all hypotheses: they go through the same layers together.
        let pairs = batch.count, premises = 0..<pairs, hypotheses = pairs..<2 * pairs
        let sentences = Sequences(batch.map(\.premiseWords) + batch.map(\.hypothesisWords), on: tape)
        let numbers = batch.map(\.premise) + batch.map(\.hypothesis)
        let words = input.forward(numbers.map { vectors.rows(of: $0) }, on: tape)
        let encoded = encoder.forward(tape.drop(words, sentences, rate: dropout), sentences, on: tape)
        let attended = tape.attend(encoded, sentences, to: Array(hypotheses) + Array(premises))
        let compared = tape.compare(encoded, attended, keepsOther: true)
        let projected = tape.activate(projection.forward(compared, on: tape), .relu)
        let composed = composition.forward(tape.drop(projected, sentences, rate: dropout), sentences, on: tape)
        let means = tape.means(composed, sentences), maxima = tape.maxima(composed, sentences)
        let pooled = tape.concatenate([
            tape.rows(premises, of: means), tape.rows(premises, of: maxima), tape.rows(hypotheses, of: means),
            tape.rows(hypotheses, of: maxima),
        ])
        let units = tape.activate(hidden.forward(tape.drop(pooled, rate: dropout), on: tape), .relu)
        return output.forward(tape.drop(units, rate: dropout), on: tape)
    }
}
