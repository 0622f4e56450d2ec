public import Differentiation
@_spi(HostMemory) public import Kernels
public import Layers

/// The semantic role network of He et al. (2017), with the settings of AllenNLP's configuration for ELMo:
///
///     words      mix of frozen layers, and the word's own vector if there is one; dropout 0.1
///     predicate  an embedding of 100 values that tells whether the word is the predicate
///     encoder    eight highway LSTM layers of 300 cells in alternating directions; recurrent dropout 0.1
///     labels     IOB2, found by the Viterbi algorithm with the constraint that I-X follows only B-X or I-X
///
/// The labels of a sentence have the highest sum of log probabilities; AllenNLP's decoder takes the sum of probabilities.
public struct RoleNetwork: TaskNetwork {
    /// A predicate of a sentence, with the label of each word.
    public struct Example: Sendable {
        /// The number of the sentence among the vectors.
        public let sentence: Int
        /// The number of words in the sentence.
        public let words: Int
        /// The position of the predicate in the sentence; a negative number means that there is none.
        public let predicate: Int
        /// The label of each word.
        public let labels: [Int32]

        /// Makes an example.
        public init(sentence: Int, words: Int, predicate: Int, labels: [Int32]) {
            (self.sentence, self.words, self.predicate, self.labels) = (sentence, words, predicate, labels)
        }
    }

    /// The widths of the layers.
    public struct Widths: Sendable {
        /// The number of LSTM layers, of cells in a layer, and of values in the predicate's embedding.
        public var layers, cells, features: Int
        /// True if training uses dropout. Comparisons with other implementations turn it off.
        public var drops = true

        /// Makes the sizes of a network.
        /// - `features`: the number of values in the predicate's embedding.
        public init(layers: Int, cells: Int, features: Int) { (self.layers, self.cells, self.features) = (layers, cells, features) }

        /// Makes the sizes for a task size.
        public init(_ size: TaskSize) {
            switch size {
            case .paper: self.init(layers: 8, cells: 300, features: 100)
            case .small: self.init(layers: 4, cells: 128, features: 50)
            }
        }
    }

    /// The layer that reads the vectors.
    public let input: VectorInput
    /// The embedding of words other than the predicate, and that of the predicate, [2, features].
    private let marks: Parameter
    private let layers: [LSTM]
    private let output: AffineMap
    private let constraints: ConditionalRandomField.Constraints
    private let dropout: Float

    /// Declares a network of a task size.
    /// - `labels`: the names of the labels, such as O, B-V, B-A0 and I-A0.
    public init(_ form: VectorForm, labels: [String], size: TaskSize, in plan: inout Plan) {
        self.init(form, labels: labels, Widths(size), in: &plan)
    }

    /// Declares a network.
    public init(_ form: VectorForm, labels: [String], _ widths: Widths, in plan: inout Plan) {
        input = VectorInput(form, in: &plan)
        dropout = widths.drops ? 0.1 : 0
        marks = plan.parameter("predicate.marks", [2, widths.features])
        var inputs = input.size + widths.features, layers: [LSTM] = []
        for index in 0..<widths.layers {
            layers.append(
                LSTM(
                    "encoder.layer\(index + 1)", inputs: inputs, size: widths.cells, readsFromEnd: index % 2 == 1, highway: true,
                    recurrentDropout: dropout, in: &plan))
            inputs = widths.cells
        }
        self.layers = layers
        output = AffineMap("labels", inputs: inputs, outputs: labels.count, in: &plan)
        constraints = .iob2(labels)
    }

    /// Returns the schedule for a task size.
    public static func schedule(_ size: TaskSize) -> TaskSchedule {
        var schedule = TaskSchedule(rate: 1, batch: 80, epochs: 500, patience: 200)
        if size == .small { (schedule.epochs, schedule.patience) = (60, 10) }
        schedule.rule = .adadelta
        schedule.greatestElement = 1
        schedule.mixPenalty = 0.001
        return schedule
    }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        input.initialize(parameters)
        parameters.fillGlorot(marks, inputs: 2, outputs: marks.shape[1], random: &random)
        for layer in layers {
            layer.initialize(parameters, random: &random)
            parameters.fillOrthogonal(layer.inputWeight, blocks: 6, random: &random)
        }
        output.initializeUniformly(parameters, random: &random)
        parameters.fillOrthogonal(output.weight, random: &random)
    }

    public func length(of example: Example) -> Int { example.words }
    public func sentences(of example: Example) -> [Int] { [example.sentence] }

    /// Adds the cross-entropy: the mean over the words of each sentence, then over the sentences.
    public func addLoss(_ batch: [Example], _ vectors: some FrozenVectors, on tape: Tape) {
        let sentences = Sequences(batch.map(\.words), on: tape)
        let scores = scores(batch, sentences, vectors, on: tape)
        for (index, example) in batch.enumerated() {
            tape.addCrossEntropy(
                tape.rows(sentences.rows(of: index), of: scores), example.labels, scale: 1 / Double(batch.count * example.words))
        }
    }

    /// Returns the labels of each sentence.
    public func predict(_ batch: [Example], _ vectors: some FrozenVectors, on tape: Tape) -> [[Int32]] {
        let sentences = Sequences(batch.map(\.words), on: tape)
        let labels = Viterbi.decode(scores(batch, sentences, vectors, on: tape).value, sentences, constraints, pool: tape.backend.pool)
        return batch.indices.map { Array(labels[sentences.rows(of: $0)]) }
    }

    /// Returns the scores of the labels at each word, [rows, labels].
    private func scores(_ batch: [Example], _ sentences: Sequences, _ vectors: some FrozenVectors, on tape: Tape) -> Node {
        let words = tape.drop(input.forward(batch.map { vectors.rows(of: $0.sentence) }, on: tape), rate: dropout)
        let isPredicate = tape.numbers(sentences.rows)
        isPredicate.fill(0)
        for (index, example) in batch.enumerated() where example.predicate >= 0 {
            precondition(example.predicate < example.words)
            isPredicate[sentences.starts[index] + example.predicate] = 1
        }
        var states = tape.concatenate([words, tape.gather(isPredicate, of: tape.value(marks))])
        for layer in layers { states = layer.forward(states, sentences, on: tape) }
        return output.forward(states, on: tape)
    }
}

extension ConditionalRandomField.Constraints {
    /// Returns the constraints of IOB2: I-X follows only B-X or I-X, and never begins a sentence.
    static func iob2(_ labels: [String]) -> Self {
        let pairs = labels.flatMap { before in labels.map { (before, $0) } }
        return Self(
            transitions: pairs.map { before, label in
                !label.hasPrefix("I-") || before == label || before == "B-" + label.dropFirst(2)
            },
            starts: labels.map { !$0.hasPrefix("I-") }, ends: labels.map { _ in true })
    }
}
