public import Kernels
public import Layers

/// One direction of the contextual encoder, a language model of its own that reads words and predicts the next word in its
/// direction; or the only network of a masked-word model, which sees whole windows and predicts some of their words.
///
///     input layer   `InputKind`, layer norm      [rows, projection]
///     encoder       LSTM layers                  [rows, projection]
///     output layer  `OutputKind`: the continuous output of Li et al. 2019, or a softmax
///
/// Masked words have a trained vector in place of the input layer's output, and only predicted words go through the output layer.
/// The backward direction is the same network; its caller reverses the text. Only one thread at a time may use a model; its backend
/// has threads of its own.
public final class DirectionModel {
    /// Direction of reading.
    public var direction: Direction { network.direction }
    /// Sizes and options of the network.
    public var configuration: EncoderConfiguration { network.configuration }
    /// Weights that belong to this direction only.
    public let parameters: ParameterStore
    /// Weights of layers shared by the directions; `nil` if there are none.
    public let sharedParameters: ParameterStore?
    /// Backend that computes the passes.
    public let backend: any Backend
    /// The largest window that it can process.
    public let capacity: WindowCapacity
    let network: DirectionNetwork
    let memory: PassMemory
    private let optimizer: (any Optimizer)?
    /// True if this direction initialises the shared layers.
    private let isFirst: Bool
    /// Output of the input layer in the last pass.
    private var words: Matrix?
    /// Outputs of the encoder in passes that a device replays.
    private var recordedStates: [RecordKey: Matrix] = [:]

    /// Allocates the model.
    /// - `capacity`: the largest window it will process.
    /// - `training`: the rule that will update the weights, which takes three or four times the memory for parameters; `nil` if the
    ///   model will not be trained.
    /// - `hasOutput`: whether it will predict; encoding needs no output layer, which may be most of a model.
    /// - `other`: the direction to share layers with, if the configuration says so; `nil` for the first direction.
    public init(
        _ direction: Direction, _ configuration: EncoderConfiguration, capacity: WindowCapacity,
        training: (any Optimizer)?, hasOutput: Bool = true, backend: any Backend, sharing other: DirectionModel? = nil
    ) {
        self.capacity = capacity
        self.backend = backend
        network = DirectionNetwork(
            direction, configuration, capacity: capacity, isTraining: training != nil, hasOutput: hasOutput,
            backend: backend)
        parameters = ParameterStore(network.plan.own, training: training, backend: backend)
        // Both directions declare the same layers at the same places of the layout.
        sharedParameters = configuration.sharesLayers
            ? other?.sharedParameters ?? ParameterStore(network.plan.shared, training: training, backend: backend) : nil
        memory = PassMemory(network.plan)
        optimizer = training
        isFirst = other == nil
    }

    /// Planned bytes of weights and passes, by part.
    public var memoryBill: [(name: String, bytes: Int)] { network.bill(training: optimizer, isFirst: isFirst) }
    /// Allocated bytes of weights and passes.
    public var bytes: Int { parameters.bytes + memory.bytes + (isFirst ? sharedParameters?.bytes ?? 0 : 0) }

    /// Sets random weights, different for the two directions.
    public func initialize(seed: UInt64) {
        var random = Random(seed: seed, stream: "weights", number: direction.number)
        if sharedParameters == nil { network.input.initialize(parameters, random: &random) }
        network.inputNorm?.initialize(parameters)
        network.encoder.initialize(parameters, random: &random)
        if sharedParameters == nil { network.output?.initialize(parameters, random: &random) }
        network.mask?.initialize(parameters, random: &random)
        guard let sharedParameters, isFirst else { return }
        random = Random(seed: seed, stream: "weights", number: 2)
        network.input.initialize(sharedParameters, random: &random)
        network.output?.initialize(sharedParameters, random: &random)
    }

    private var output: any OutputLayer {
        guard let output = network.output else { preconditionFailure("this model was made without its output layer") }
        return output
    }

    func run(_ mode: PassMode = .inference) -> Run {
        Run(parameters, shared: sharedParameters, memory: memory, backend: backend, mode: mode)
    }

    // MARK: - Training

    /// Runs the forward and backward passes of one window, and adds to the loss and the gradients.
    ///
    /// - `input`: words of [rows], time-major, in the form of the configuration's input layer.
    /// - `targets`: targets of [rows], in the form of its output layer; in a masked-word model targets and weights of the predicted
    ///   words only.
    /// - `weights`: weight of each position, [1, rows]; `nil` means 1.
    /// - `masking`: the rows of predicted words; `nil` means all. On a device, pass the same `Numbers` in every pass.
    /// - `carry`: whether the next window continues from the last state of this one, or starts from the zero state.
    /// - `seed`, `step`: determine the dropout, which differs between directions, and the sampled classes.
    /// - `begin`: called before the weights of some parameters are read; see `Run.begin`.
    /// - `finish`: called as soon as the gradients of some parameters are complete; see `Run.finish`.
    public func accumulate(
        _ input: InputWords, targets: Targets, weights: Matrix? = nil, masking: Masking? = nil, shape: WindowShape, carry: Bool,
        seed: UInt64, step: Int, begin: ((ParameterRange) -> Void)? = nil, finish: ((ParameterRange) -> Void)? = nil
    ) {
        var run = run(.training(seed: direction.dropoutSeed(seed), step: step))
        (run.begin, run.finish) = (begin, finish)
        let states = forward(input, masking, shape, run, recordsStep: step)
        let upper = run.matrix(network.upperGradient, rows: shape.rows)
        let lower = run.matrix(network.lowerGradient, rows: shape.rows)
        run.enter(.other, of: .output)
        let predicted = gatherPredicted(states, masking, shape, run)
        begin?(network.outputRange)
        let predictedGradient = network.predictedGradient.map { run.matrix($0, rows: predicted.rows) }
        output.accumulate(
            predicted, targets, weights: weights, draw: draw(seed, step), statesGradient: predictedGradient ?? upper,
            loss: run.scalars(network.loss)[0..<1], run)
        if let masking, let predictedGradient {
            run.enter(.other)
            backend.gather(masking.places, of: predictedGradient, into: upper)
        }
        finish?(network.outputRange)
        run.enter(.other, of: .recurrence)
        backend.repeating(finish == nil ? recordKey(.backward, shape, step) : nil) {
            network.encoder.backward(
                features(shape, run), outputGradient: upper, inputGradient: lower, adding: false, shape, run)
            run.enter(.layerNorm, of: .input)
            if let inputNorm = network.inputNorm, let words {
                inputNorm.backward(words, gradient: lower, rows: 0..<shape.rows, run)
                finish?(network.normRange)
            }
        }
        if parameters.hasStaleGradients { parameters.gradientsAreWritten(except: network.inputRange) }
        if let mask = network.mask, let masking {
            mask.backward(lower, at: masking.masked, run)
            finish?(network.maskRange)
        }
        run.enter(.inputProducts)
        network.input.backward(input, outputGradient: lower, inputGradient: nil, adding: false, shape, run)
        finish?(network.inputRange)
        run.enter(.other, of: .other)
        end(shape, carry: carry, run)
    }

    /// Starts computing the norm for the next update; see `ParameterStore`.
    public func beginNorm() { parameters.beginSquaredNorm() }

    /// Returns the sum of losses since the last call, and resets it.
    public func takeLoss() -> Double {
        backend.wait()
        let loss = run().scalars(network.loss)
        defer { loss[0] = 0 }
        return loss[0]
    }

    /// Returns the identity of a step's random draws. The two directions draw different classes.
    public func draw(_ seed: UInt64, _ step: Int) -> Draw {
        Draw(seed: seed, step: 2 * step + direction.number)
    }

    /// Initialises trained targets from number `first` on with the vectors of words, [words, outputSize] in the host's memory. Does
    /// nothing in a model without trained targets.
    public func initializeTargets(_ vectors: Matrix, from first: Int) {
        guard let table = (network.output as? ContrastiveOutput)?.table, let store = table.isShared ? sharedParameters : parameters
        else { return }
        backend.write(vectors.values, to: store.value(table).rows(first..<first + vectors.rows))
    }

    /// Replaces target vectors, [words, outputSize] in the host's memory, by the trained ones of the same words, if targets are
    /// trained.
    /// - `rows`: rows of the words in the table.
    public func replaceTargets(_ vectors: Matrix, of rows: [UInt32]) {
        guard let table = (network.output as? ContrastiveOutput)?.table else { return }
        let rows = rows.map(Int.init), weights = run().value(table)
        guard !backend.computesInHostMemory else { return backend.gather(rows, of: weights, into: vectors) }
        let memory = backend.allocate(vectors.rows * vectors.columns)
        let gathered = Matrix(memory, rows: vectors.rows, columns: vectors.columns)
        backend.gather(rows, of: weights, into: gathered)
        vectors.copy(from: backend.read(gathered))
        withExtendedLifetime(memory) {}
    }

    /// Clips the gradient, updates the weights, and clears the gradient. `ContextualEncoder` updates shared layers.
    /// - Returns: the norm of the gradient before clipping. If it is not finite, nothing was updated.
    public func update(_ update: ParameterStore.Update) -> Double { parameters.update(update) }

    /// Returns the mean loss of a window, without computing gradients.
    public func evaluate(
        _ input: InputWords, targets: Targets, weights: Matrix? = nil, masking: Masking? = nil, shape: WindowShape, carry: Bool
    ) -> Double {
        let run = run(), states = forward(input, masking, shape, run), loss = run.scalars(network.loss)[1..<2]
        let predicted = gatherPredicted(states, masking, shape, run)
        backend.wait()
        loss[0] = 0
        output.evaluate(predicted, targets, weights: weights, loss: loss, run)
        end(shape, carry: carry, run)
        backend.wait()
        return loss[0]
    }

    /// Returns the states of the predicted words, [predicted rows, projection]: all states, unless words are masked.
    private func gatherPredicted(_ states: Matrix, _ masking: Masking?, _ shape: WindowShape, _ run: Run) -> Matrix {
        guard let slot = network.predictedStates, let masking else { return states }
        let predicted = run.matrix(slot, rows: configuration.predictedRows(of: shape.rows))
        backend.gather(masking.rows, of: states, into: predicted)
        return predicted
    }

    /// Returns the vectors predicted in the last `evaluate`, [predicted rows, outputSize]. For the continuous output only.
    public func predictions(_ shape: WindowShape) -> Matrix {
        guard let output = output as? any VectorOutput else { preconditionFailure("a softmax predicts no vectors") }
        return output.predictions(rows: configuration.predictedRows(of: shape.rows), run())
    }

    /// Returns the states from which words were predicted in the last `evaluate`, [predicted rows, projection].
    public func predictedStates(_ shape: WindowShape) -> Matrix {
        guard let slot = network.predictedStates else { return states(shape) }
        return run().matrix(slot, rows: configuration.predictedRows(of: shape.rows))
    }

    /// Returns the vectors predicted from the encoder's output in the last pass, [rows, outputSize]. For the continuous output
    /// only.
    public func predictVectors(_ shape: WindowShape) -> Matrix {
        guard let output = output as? any VectorOutput else { preconditionFailure("a softmax predicts no vectors") }
        return output.predict(states(shape), run())
    }

    /// Returns the encoder's output in the last pass, [rows, projection].
    public func states(_ shape: WindowShape) -> Matrix { layerOutput(layerCount - 1, shape: shape) }

    /// Prepares ranking among some classes of a softmax with their current weights. The function returned ranks the target of
    /// each row of `states` [rows, projection], an index in `classes`, by probability.
    public func ranking(among classes: [Int32]) -> (_ states: Matrix, _ targets: [Int]) -> [CandidateScores] {
        func prepare(_ output: some ClassifyingOutput) -> (Matrix, [Int]) -> [CandidateScores] {
            let run = run(), subset = output.subset(classes, run)
            return { output.rank($0, among: subset, targets: $1, run) }
        }
        guard let output = output as? any ClassifyingOutput else { preconditionFailure("this output has no classes") }
        return prepare(output)
    }

    /// Prepares scoring of all classes of a softmax. The function returned gives log p of each class for each row of `states`
    /// [rows, projection], in row order.
    public func scoringOfClasses() -> (_ states: Matrix) -> [Float] {
        func prepare(_ output: some ClassifyingOutput) -> (Matrix) -> [Float] {
            let run = run(), all = output.subset(Array(0..<Int32(configuration.vocabularySize)), run)
            return { [configuration] states in
                let memory = run.backend.allocate(states.rows * configuration.vocabularySize)
                let logs = Matrix(memory, rows: states.rows, columns: configuration.vocabularySize)
                run.backend.write(output.logScores(states, of: all, run), to: logs)
                run.backend.logSoftmax(logs)
                return run.backend.read(logs)
            }
        }
        guard let output = output as? any ClassifyingOutput else { preconditionFailure("this output has no classes") }
        return prepare(output)
    }

    /// Prepares all classes of a softmax for `logProbabilities` with their current weights.
    public func allClasses() -> ClassSubset {
        softmax.subset(Array(0..<Int32(configuration.vocabularySize)), run())
    }

    /// Writes log p of every class for `states` [rows, projection] to `logs` [rows, classes].
    public func logProbabilities(_ states: Matrix, of all: ClassSubset, into logs: Matrix) {
        precondition(all.count == configuration.vocabularySize)
        softmax.logits(states, of: all, into: logs, run())
        backend.logSoftmax(logs)
    }

    private var softmax: any SoftmaxClasses {
        guard let output = output as? any SoftmaxClasses else { preconditionFailure("this output is no softmax") }
        return output
    }

    // MARK: - Inference

    /// Packs the weights that every pass multiplies by. For a model that is not trained: its weights must not change any more.
    func packWeights(_ precision: WeightPrecision) {
        let own = network.encoder.factors.map { ($0, precision) }
        let outer = network.input.factors.map { ($0, WeightPrecision.float32) }
        parameters.packConstants(sharedParameters == nil ? outer + own : own)
        if isFirst { sharedParameters?.packConstants(outer) }
    }

    /// Writes the input layer's output for single words, before its norm, to `output` [rows, projection], which can be passed in
    /// again as `InputWords.outputs`.
    public func readWords(_ words: InputWords, into output: Matrix) {
        precondition(output.rows <= capacity.rows)
        let run = run()
        run.enter(.inputProducts, of: .input)
        backend.copy(network.input.forward(words, WindowShape(steps: 1, batch: output.rows), run), to: output)
        run.enter(.other, of: .other)
    }

    /// Runs sequences from the zero state. `layerOutput` then returns the layers' outputs.
    public func encode(_ input: InputWords, shape: WindowShape) {
        resetState()
        _ = forward(input, nil, shape, run())
    }

    /// Number of layers: the input layer and the encoder's.
    public var layerCount: Int { network.encoder.layerCount + 1 }

    /// Returns the output of a layer, [rows, projection]; layer 0 is the input layer. Rows past the end of a sequence are
    /// undefined.
    public func layerOutput(_ index: Int, shape: WindowShape) -> Matrix {
        index == 0 ? features(shape, run()) : network.encoder.layerOutput(index - 1, shape, run())
    }

    /// Continues from the current state, without predicting. `states` then returns the encoder's output.
    public func advance(_ input: InputWords, shape: WindowShape) {
        let run = run()
        _ = forward(input, nil, shape, run)
        end(shape, carry: true, run)
    }

    /// The parts of a pass that a device records separately.
    private enum Recorded: Int {
        case forward, backward
    }

    private func recordKey(_ part: Recorded, _ shape: WindowShape, _ step: Int) -> RecordKey? {
        guard shape.active == nil else { return nil }
        // Several networks may compute on one backend.
        return RecordKey(
            part: part.rawValue, memory: ObjectIdentifier(memory), steps: shape.steps, batch: shape.batch,
            startsAtZero: memory.startsAtZero, overwrites: part == .backward && parameters.hasStaleGradients, trainingStep: step)
    }

    /// - Parameter step: the training step, for passes that a device records and replays; `nil` for others.
    private func forward(
        _ input: InputWords, _ masking: Masking?, _ shape: WindowShape, _ run: Run, recordsStep step: Int? = nil
    ) -> Matrix {
        precondition(capacity.holds(shape))
        run.begin?(network.inputRange)
        run.enter(.inputProducts, of: .input)
        let words: Matrix
        if case .outputs(let outputs) = input { words = outputs } else { words = network.input.forward(input, shape, run) }
        self.words = words
        if let mask = network.mask, let masking {
            run.begin?(network.maskRange)
            mask.forward(words, at: masking.masked, run)
        }
        let key = step.flatMap { recordKey(.forward, shape, $0) }
        var states: Matrix?
        backend.repeating(key) {
            run.begin?(network.normRange)
            run.enter(.layerNorm)
            network.inputNorm?.forward(words, into: features(shape, run), rows: 0..<shape.rows, run)
            run.enter(.other, of: .recurrence)
            states = network.encoder.forward(features(shape, run), shape, run)
        }
        guard let key else { return states ?? words }
        // A replay does not call the layers.
        if let states { recordedStates[key] = states }
        return recordedStates[key] ?? words
    }

    /// Returns the input of the encoder.
    private func features(_ shape: WindowShape, _ run: Run) -> Matrix {
        if let features = network.features { return run.matrix(features, rows: shape.rows) }
        guard let words else { preconditionFailure("there was no pass yet") }
        return words
    }

    private func end(_ shape: WindowShape, carry: Bool, _ run: Run) {
        if carry, let state = network.state { state.carryState(from: shape, run) } else { resetState() }
    }
}
