public import Kernels
public import Layers
internal import Parallel

/// One direction of the contextual encoder, a language model of its own: it reads words and predicts the word that comes
/// next in its direction.
///
///     input layer   `InputKind`, layer norm      [rows, projection]
///     encoder       LSTM layers                  [rows, projection]
///     output layer  `OutputKind`: the continuous output of Li et al. 2019, or a softmax
///
/// The backward direction is the same network; its caller reverses the text. Not for several threads at once: the
/// threads are inside, in `Compute`.
public final class DirectionModel {
    public let direction: Direction
    public let configuration: EncoderConfiguration
    public let parameters: ParameterStore
    /// Of the layers that the directions have in common; `nil` if there are none.
    public let sharedParameters: ParameterStore?
    public let compute: Compute
    public let capacity: WindowCapacity
    private let inputLayer: any InputLayer
    private let inputNorm: LayerNorm?
    private let encoder: any SequenceEncoder
    /// `nil` in a model that only encodes, or was made for that.
    private let outputLayer: (any OutputLayer)?
    /// Whether the shared layers are this direction's to initialise.
    private let isFirst: Bool
    /// [rows, projection]: the input layer before and after its norm, and the gradients above and below the encoder.
    private let linearBuffer, inputBuffer, upperGradient, lowerGradient: FloatBuffer
    private let statistics: FloatBuffer

    /// - Parameters:
    ///   - capacity: the largest window it will see.
    ///   - training: how it will be trained, which takes three or four times the memory for parameters; `nil` if not.
    ///   - hasOutput: whether it will predict; encoding needs no output layer, which may be most of a model.
    ///   - other: the direction to share layers with, if the configuration says so; `nil` for the first.
    public init(
        _ direction: Direction, _ configuration: EncoderConfiguration, capacity: WindowCapacity,
        training: (any Optimizer)?, hasOutput: Bool = true, compute: Compute, sharing other: DirectionModel? = nil
    ) {
        self.direction = direction
        self.configuration = configuration
        self.capacity = capacity
        self.compute = compute
        let width = configuration.projection
        let name = direction.rawValue
        let rows = capacity.rows
        var layout = ParameterLayout(), shared = ParameterLayout()
        inputLayer = configuration.sharesLayers
            ? configuration.makeInput("input", rows: rows, training: training != nil, in: &shared)
            : configuration.makeInput("\(name).input", rows: rows, training: training != nil, in: &layout)
        inputNorm = configuration.layerNorm ? LayerNorm("\(name).input.norm", size: width, in: &layout) : nil
        encoder = configuration.makeEncoder(name, capacity: capacity, training: training != nil, in: &layout)
        let table = configuration.isTied ? (inputLayer as? TableInput)?.table : nil
        if !hasOutput {
            outputLayer = nil
        } else if configuration.sharesLayers {
            outputLayer = configuration.makeOutput("output", rows: rows, tiedTo: table, in: &shared)
        } else {
            outputLayer = configuration.makeOutput("\(name).output", rows: rows, tiedTo: table, in: &layout)
        }
        parameters = ParameterStore(layout, training: training)
        // Both directions declare the same layers, in the same places of the layout.
        sharedParameters = configuration.sharesLayers
            ? other?.sharedParameters ?? ParameterStore(shared, training: training) : nil
        isFirst = other == nil
        linearBuffer = FloatBuffer(count: capacity.rows * width)
        inputBuffer = configuration.layerNorm ? FloatBuffer(count: capacity.rows * width) : linearBuffer
        statistics = FloatBuffer(count: configuration.layerNorm ? 2 * capacity.rows : 0)
        upperGradient = FloatBuffer(count: training != nil ? capacity.rows * width : 0)
        lowerGradient = FloatBuffer(count: training != nil ? capacity.rows * width : 0)
    }

    /// Random weights, different for the two directions.
    public func initialize(seed: UInt64) {
        var random = Random(seed: seed, stream: "weights", number: direction == .forward ? 0 : 1)
        if sharedParameters == nil { inputLayer.initialize(parameters, random: &random) }
        inputNorm?.initialize(parameters)
        encoder.initialize(parameters, random: &random)
        if sharedParameters == nil && configuration.output != .none { output.initialize(parameters, random: &random) }
        guard let sharedParameters, isFirst else { return }
        random = Random(seed: seed, stream: "weights", number: 2)
        inputLayer.initialize(sharedParameters, random: &random)
        if configuration.output != .none { output.initialize(sharedParameters, random: &random) }
    }

    private var output: any OutputLayer {
        guard let outputLayer else { preconditionFailure("this model was made without its output layer") }
        return outputLayer
    }

    /// Where the weights of the input and the output layer are.
    private var outerParameters: ParameterStore { sharedParameters ?? parameters }

    // MARK: - Training

    /// Loss and gradients of one window; the gradients are added to those there are.
    ///
    /// - Parameters:
    ///   - input: of [rows], time-major, in the form of the configuration's input layer.
    ///   - targets: of [rows], in the form of its output layer.
    ///   - weights: [rows], how often each position counts; `nil`: once.
    ///   - carry: whether the next window goes on from this one's last state, or from the zero state.
    ///   - seed, step: of the dropout, which the directions draw apart, and of sampled classes.
    /// - Returns: the mean loss.
    public func accumulate(
        _ input: InputWords, targets: Targets, weights: UnsafePointer<Float>? = nil, shape: WindowShape, carry: Bool,
        seed: UInt64, step: Int
    ) -> Double {
        let states = run(input, shape: shape, mode: .training(seed: direction == .forward ? seed : ~seed, step: step))
        let upper = matrix(upperGradient, shape)
        let lower = matrix(lowerGradient, shape)
        compute.enter(.other, of: .output)
        let loss = output.accumulate(
            states, targets, weights: weights, draw: draw(seed, step), statesGradient: upper, outerParameters, compute)
        compute.enter(.other, of: .recurrence)
        encoder.backward(
            matrix(inputBuffer, shape), shape: shape, outputGradient: upper, inputGradient: lower, parameters, compute)
        compute.enter(.layerNorm, of: .input)
        inputNorm?.backward(
            matrix(linearBuffer, shape), statistics: statistics.start, outputGradient: lower, inputGradient: lower,
            parameters)
        compute.enter(.inputProducts)
        inputLayer.backward(input, outputGradient: lower, outerParameters, compute)
        compute.enter(.other, of: .other)
        finish(shape, carry: carry)
        return loss
    }

    /// The two directions draw different classes.
    private func draw(_ seed: UInt64, _ step: Int) -> Draw {
        Draw(seed: seed, step: 2 * step + (direction == .forward ? 0 : 1))
    }

    /// Clips the gradient, updates the weights, clears the gradient. Shared layers are `ContextualEncoder`'s to update.
    /// - Returns: the gradient's norm before clipping; if it is not finite, nothing was updated.
    public func update(_ update: ParameterStore.Update) -> Double { parameters.update(update, compute: compute) }

    /// The mean loss of a window without learning from it.
    public func evaluate(
        _ input: InputWords, targets: Targets, weights: UnsafePointer<Float>? = nil, shape: WindowShape, carry: Bool
    ) -> Double {
        let states = run(input, shape: shape, mode: .inference)
        let loss = output.evaluate(states, targets, weights: weights, outerParameters, compute)
        finish(shape, carry: carry)
        return loss
    }

    /// The vectors predicted in the last `accumulate` or `evaluate`, [rows, outputSize]: of the continuous output only.
    public func predictions(_ shape: WindowShape) -> Matrix {
        guard let output = output as? ContinuousOutput else { preconditionFailure("a softmax predicts no vectors") }
        return output.predictions(rows: shape.rows)
    }

    /// The encoder's output in the last pass: [rows, projection].
    public func states(_ shape: WindowShape) -> Matrix { layerOutput(layerCount - 1, shape: shape) }

    /// Prepares ranking among some classes of a softmax, with the weights that they have now. The result ranks the target of
    /// each row of `states` [rows, projection], which is a place among `classes`, by its probability.
    public func ranking(among classes: [Int32]) -> (_ states: Matrix, _ targets: [Int]) -> [CandidateScores] {
        func prepare(_ output: some ClassifyingOutput) -> (Matrix, [Int]) -> [CandidateScores] {
            let (subset, parameters, compute) = (output.subset(classes, outerParameters, compute), outerParameters, compute)
            return { output.rank($0, among: subset, targets: $1, parameters, compute) }
        }
        guard let output = output as? any ClassifyingOutput else { preconditionFailure("this output has no classes") }
        return prepare(output)
    }

    /// Prepares all classes of a softmax for `logProbabilities`, with the weights that they have now.
    public func allClasses() -> ClassSubset {
        softmax.subset(Array(0..<Int32(configuration.vocabularySize)), outerParameters, compute)
    }

    /// Writes log p of every class for `states` [rows, projection] to `logs` [rows, classes].
    public func logProbabilities(_ states: Matrix, of all: ClassSubset, into logs: Matrix) {
        precondition(all.count == configuration.vocabularySize)
        softmax.logits(states, of: all, into: logs, compute)
        compute.pool.forEach(logs.rows) { index in
            let row = logs.row(index)
            let normalizer = Float(Vector.logSumOfExponentials(row, count: logs.columns))
            for column in 0..<logs.columns { row[column] -= normalizer }
        }
    }

    private var softmax: any SoftmaxClasses {
        guard let output = output as? any SoftmaxClasses else { preconditionFailure("this output is no softmax") }
        return output
    }

    // MARK: - Inference

    /// Packs the weights that every pass multiplies by. For a model that is not trained: the weights stay as they are from
    /// now on.
    func packWeights(_ precision: WeightPrecision) {
        let own = encoder.factors.map { ($0, precision) }, outer = inputLayer.factors.map { ($0, WeightPrecision.float32) }
        parameters.packConstants(sharedParameters == nil ? outer + own : own, compute: compute)
        if isFirst { sharedParameters?.packConstants(outer, compute: compute) }
    }

    /// What the input layer gives for words alone, before its norm: `output` [rows, projection]. As `InputWords.outputs` it
    /// may come in again.
    public func readWords(_ words: InputWords, into output: Matrix) {
        precondition(output.rows <= capacity.rows)
        compute.enter(.inputProducts, of: .input)
        inputLayer.forward(words, into: output, outerParameters, compute)
        compute.enter(.other, of: .other)
    }

    /// Runs sequences from the zero state; the layers' outputs are then in `layerOutput`.
    public func encode(_ input: InputWords, shape: WindowShape) {
        encoder.resetState()
        _ = run(input, shape: shape, mode: .inference)
    }

    /// The input layer and the encoder's layers.
    public var layerCount: Int { encoder.layerCount + 1 }

    /// Layer 0 is the input layer; [rows, projection]. Rows of sequences that had ended mean nothing.
    public func layerOutput(_ index: Int, shape: WindowShape) -> Matrix {
        index == 0 ? matrix(inputBuffer, shape) : encoder.layerOutput(index - 1, shape: shape)
    }

    // MARK: - State

    public func resetState() { encoder.resetState() }

    /// The state the next window begins with, for `batch` sequences.
    public func savedState(batch: Int) -> FloatBuffer {
        let state = FloatBuffer(count: encoder.stateCount(batch: batch))
        encoder.saveState(batch: batch, into: state.start)
        return state
    }

    public func restoreState(_ state: FloatBuffer, batch: Int) {
        precondition(state.count == encoder.stateCount(batch: batch))
        encoder.restoreState(batch: batch, from: state.start)
    }

    /// A state that was saved for `batch` sequences, held by all who will go on from one of them.
    public final class SavedState {
        let state: FloatBuffer
        let batch: Int

        public init(_ model: DirectionModel, batch: Int) {
            state = model.savedState(batch: batch)
            self.batch = batch
        }
    }

    /// Goes on from sequences of states that were saved: each the row of one.
    public func restoreState(_ sequences: some Collection<(saved: SavedState, row: Int)>) {
        let result = FloatBuffer(count: encoder.stateCount(batch: sequences.count))
        var target = result.start, before = 0
        for width in encoder.stateWidths {
            for sequence in sequences {
                let source = sequence.saved.state.start + before * sequence.saved.batch + sequence.row * width
                target.update(from: source, count: width)
                target += width
            }
            before += width
        }
        restoreState(result, batch: sequences.count)
    }

    /// Reads on from the state there is, without predicting: the states are then in `states`.
    public func advance(_ input: InputWords, shape: WindowShape) {
        _ = run(input, shape: shape, mode: .inference)
        finish(shape, carry: true)
    }

    /// The memory bill: what each part takes, in bytes. Parameters are those of the weights, and of everything training
    /// keeps beside them.
    public var memory: [(name: String, bytes: Int)] {
        var parts: [(name: String, bytes: Int)] = []
        func add(_ store: ParameterStore, names: Int) {
            for parameter in store.layout.parameters {
                let part = parameter.name.split(separator: ".").prefix(names).joined(separator: " ") + " parameters"
                if parts.last?.name != part { parts.append((part, 0)) }
                parts[parts.count - 1].bytes += store.bytes(of: parameter)
            }
        }
        add(parameters, names: 2)
        if let sharedParameters, isFirst { add(sharedParameters, names: 1) }
        let own = [linearBuffer, upperGradient, lowerGradient, statistics]
            .reduce(inputNorm == nil ? 0 : inputBuffer.bytes) { $0 + $1.bytes }
        parts.append(("\(direction.rawValue) input activations", own + inputLayer.activationBytes))
        parts += encoder.activations.map { ("\(direction.rawValue) \($0.name)", $0.bytes) }
        return parts + [("\(direction.rawValue) output activations", outputLayer?.activationBytes ?? 0)]
    }

    private func run(_ input: InputWords, shape: WindowShape, mode: PassMode) -> Matrix {
        precondition(capacity.holds(shape))
        let linear = matrix(linearBuffer, shape)
        compute.enter(.inputProducts, of: .input)
        if case .outputs(let outputs) = input {
            linear.copy(from: outputs)
        } else {
            inputLayer.forward(input, into: linear, outerParameters, compute)
        }
        compute.enter(.layerNorm)
        inputNorm?.forward(linear, into: matrix(inputBuffer, shape), statistics: statistics.start, parameters)
        compute.enter(.other, of: .recurrence)
        return encoder.forward(matrix(inputBuffer, shape), shape: shape, mode: mode, parameters, compute)
    }

    private func finish(_ shape: WindowShape, carry: Bool) {
        if carry { encoder.carryState(from: shape) } else { encoder.resetState() }
    }

    private func matrix(_ buffer: FloatBuffer, _ shape: WindowShape) -> Matrix {
        Matrix(buffer, rows: shape.rows, columns: configuration.projection)
    }
}
