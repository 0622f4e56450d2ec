public import Differentiation
@_spi(HostMemory) public import Kernels
public import Layers

/// The named entity network of Peters et al. (2018), after Lample et al. (2016) and Ma and Hovy (2016), with the settings of
/// AllenNLP's configuration for ELMo:
///
///     words     mix of frozen layers, the word's own vector, 128 filters over 3 characters
///     encoder   two bidirectional LSTM layers with 200 cells per direction
///     labels    conditional random field over BIOUL labels
///
/// Dropout of 0.5 is applied before, between and after the LSTM layers.
public struct EntityNetwork: TaskNetwork {
    /// A sentence, with the label of each word.
    public struct Example: Sendable {
        /// The number of the sentence among the vectors.
        public let sentence: Int
        /// The characters of each word, as rows of the character table.
        public let letters: [[Int32]]
        /// The label of each word.
        public let labels: [Int32]

        /// Makes an example.
        public init(sentence: Int, letters: [[Int32]], labels: [Int32]) {
            (self.sentence, self.letters, self.labels) = (sentence, letters, labels)
        }
    }

    /// The sizes of a network.
    public struct Widths: Sendable {
        /// The number of cells per direction in an LSTM layer, and the number of LSTM layers.
        public var cells, layers: Int
        /// The number of values in a character's vector, and the number of filters over characters.
        public var letters, filters: Int
        /// True if training uses dropout.
        public var drops = true

        /// Makes the sizes of a network.
        public init(cells: Int, layers: Int, letters: Int, filters: Int) {
            (self.cells, self.layers, self.letters, self.filters) = (cells, layers, letters, filters)
        }

        /// Makes the sizes for a task size.
        public init(_ size: TaskSize) {
            switch size {
            case .paper: self.init(cells: 200, layers: 2, letters: 16, filters: 128)
            case .small: self.init(cells: 100, layers: 1, letters: 16, filters: 32)
            }
        }
    }

    /// The layer that reads the vectors.
    public let input: VectorInput
    private let filters: CharacterFilters
    private let layers: [BidirectionalLSTM]
    private let weight, bias: Parameter
    private let field: ConditionalRandomField
    private let constraints: ConditionalRandomField.Constraints
    private let dropout: Float

    /// Declares the network.
    /// - `letters`: the number of rows in the character table.
    /// - `constraints`: the pairs of labels that may follow each other.
    public init(
        _ form: VectorForm, letters: Int, constraints: ConditionalRandomField.Constraints, _ widths: Widths, in plan: inout Plan
    ) {
        let labels = constraints.starts.count
        input = VectorInput(form, in: &plan)
        filters = CharacterFilters("words", alphabet: letters, size: widths.letters, width: 3, count: widths.filters, in: &plan)
        var inputs = input.size + filters.count, layers: [BidirectionalLSTM] = []
        for number in 1...widths.layers {
            layers.append(BidirectionalLSTM("encoder.layer\(number)", inputs: inputs, size: widths.cells, in: &plan))
            inputs = 2 * widths.cells
        }
        dropout = widths.drops ? 0.5 : 0
        self.layers = layers
        weight = plan.parameter("labels.weight", [inputs, labels])
        bias = plan.parameter("labels.bias", [labels])
        field = ConditionalRandomField("labels", labels: labels, in: &plan)
        self.constraints = constraints
    }

    /// Returns the schedule for a task size.
    public static func schedule(_ size: TaskSize) -> TaskSchedule {
        var schedule = TaskSchedule(rate: 0.001, batch: 64, epochs: 75, patience: 25)
        if size == .small { (schedule.epochs, schedule.patience) = (20, 5) }
        schedule.greatestNorm = 5
        schedule.mixPenalty = 0.1
        return schedule
    }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        input.initialize(parameters)
        filters.initialize(parameters, random: &random)
        for layer in layers { layer.initialize(parameters, random: &random) }
        parameters.fillGlorot(weight, inputs: weight.shape[0], outputs: weight.shape[1], random: &random)
        parameters.fill(bias, with: 0)
        field.initialize(parameters, random: &random)
    }

    public func length(of example: Example) -> Int { example.labels.count }
    public func sentences(of example: Example) -> [Int] { [example.sentence] }

    public func addLoss(_ batch: [Example], _ vectors: some FrozenVectors, on tape: Tape) {
        let sentences = Sequences(batch.map(\.labels.count), on: tape)
        field.addLoss(scores(batch, sentences, vectors, on: tape), labels: batch.flatMap(\.labels), sentences, on: tape)
    }

    /// Returns the labels of each sentence.
    public func predict(_ batch: [Example], _ vectors: some FrozenVectors, on tape: Tape) -> [[Int32]] {
        let sentences = Sequences(batch.map(\.labels.count), on: tape)
        let scores = scores(batch, sentences, vectors, on: tape)
        let labels = field.decode(scores.value, sentences, constraints, tape.parameters, pool: tape.backend.pool)
        return batch.indices.map { Array(labels[sentences.rows(of: $0)]) }
    }

    /// Returns the scores of the labels at each word, [rows, labels].
    private func scores(_ batch: [Example], _ sentences: Sequences, _ vectors: some FrozenVectors, on tape: Tape) -> Node {
        let frozen = input.forward(batch.map { vectors.rows(of: $0.sentence) }, on: tape)
        var states = tape.concatenate([frozen, lettersOfWords(batch, on: tape)])
        states = tape.drop(states, rate: dropout)
        for layer in layers { states = tape.drop(layer.forward(states, sentences, on: tape), rate: dropout) }
        return tape.multiply(states, by: weight, bias: bias)
    }

    /// Returns the character features of the words. Words with the same spelling share one computation.
    private func lettersOfWords(_ batch: [Example], on tape: Tape) -> Node {
        var places: [[Int32]: Int] = [:], words: [[Int32]] = [], rows: [Int] = []
        for word in batch.lazy.flatMap(\.letters) {
            let place = places[word] ?? words.count
            if place == words.count {
                places[word] = place
                words.append(word)
            }
            rows.append(place)
        }
        return tape.gather(tape.numbers(rows), of: filters.forward(words, on: tape))
    }
}
