public import Kernels
public import Layers

/// One direction of the contextual encoder, a language model of its own: it reads the vectors of words and predicts the
/// vector of the word that comes next in its direction (Li et al. 2019).
///
///     input layer   x W + b, layer norm     [rows, projection]
///     encoder       LSTM layers             [rows, projection]
///     output layer  y W + b                 [rows, outputSize], distance to the target's vector (`LossKind`)
///
/// The backward direction is the same network; its caller reverses the text. Not for several threads at once: the
/// threads are inside, in `Compute`.
public final class DirectionModel {
    public let direction: Direction
    public let configuration: EncoderConfiguration
    public let parameters: ParameterStore
    public let compute: Compute
    public let capacity: WindowCapacity
    private let inputLayer: Linear
    private let inputNorm: LayerNorm?
    private let encoder: any SequenceEncoder
    private let output: ContinuousOutput
    /// [rows, projection]: the input layer before and after its norm, and the gradients above and below the encoder.
    private let linearBuffer, inputBuffer, upperGradient, lowerGradient: FloatBuffer
    private let statistics: FloatBuffer

    /// - Parameters:
    ///   - capacity: the largest window it will see.
    ///   - training: how it will be trained, which takes three or four times the memory for parameters; `nil` if not.
    public init(
        _ direction: Direction, _ configuration: EncoderConfiguration, capacity: WindowCapacity,
        training: (any Optimizer)?, compute: Compute
    ) {
        self.direction = direction
        self.configuration = configuration
        self.capacity = capacity
        self.compute = compute
        let width = configuration.projection
        let name = direction.rawValue
        var layout = ParameterLayout()
        inputLayer = Linear("\(name).input", inputs: configuration.inputSize, outputs: width, in: &layout)
        inputNorm = configuration.layerNorm ? LayerNorm("\(name).input.norm", size: width, in: &layout) : nil
        encoder = configuration.makeEncoder(name, capacity: capacity, training: training != nil, in: &layout)
        output = ContinuousOutput(
            "\(name).output", inputs: width, outputs: configuration.outputSize,
            loss: configuration.makeLoss(rows: capacity.rows), rows: capacity.rows, in: &layout)
        parameters = ParameterStore(layout, training: training)
        linearBuffer = FloatBuffer(count: capacity.rows * width)
        inputBuffer = configuration.layerNorm ? FloatBuffer(count: capacity.rows * width) : linearBuffer
        statistics = FloatBuffer(count: configuration.layerNorm ? 2 * capacity.rows : 0)
        upperGradient = FloatBuffer(count: training != nil ? capacity.rows * width : 0)
        lowerGradient = FloatBuffer(count: training != nil ? capacity.rows * width : 0)
    }

    /// Random weights, different for the two directions.
    public func initialize(seed: UInt64) {
        var random = Random(seed: seed, stream: "weights", number: direction == .forward ? 0 : 1)
        inputLayer.initialize(parameters, random: &random)
        inputNorm?.initialize(parameters)
        encoder.initialize(parameters, random: &random)
        output.initialize(parameters, random: &random)
    }

    // MARK: - Training

    /// Loss and gradients of one window; the gradients are added to those there are.
    ///
    /// - Parameters:
    ///   - input: [rows, inputSize], time-major.
    ///   - targets: [rows, outputSize]
    ///   - weights: [rows], how often each position counts; `nil`: once.
    ///   - carry: whether the next window goes on from this one's last state, or from the zero state.
    ///   - seed, step: of the dropout.
    /// - Returns: the mean loss.
    public func accumulate(
        _ input: Matrix, targets: Matrix, weights: UnsafePointer<Float>? = nil, shape: WindowShape, carry: Bool,
        seed: UInt64, step: Int
    ) -> Double {
        let states = run(input, shape: shape, mode: .training(seed: seed, step: step))
        let upper = matrix(upperGradient, shape)
        let lower = matrix(lowerGradient, shape)
        let loss = output.accumulate(
            states, .vectors(targets), weights: weights, draw: Draw(seed: seed, step: step), statesGradient: upper,
            parameters, compute)
        encoder.backward(
            matrix(inputBuffer, shape), shape: shape, outputGradient: upper, inputGradient: lower, parameters, compute)
        compute.enter(.layerNorm)
        inputNorm?.backward(
            matrix(linearBuffer, shape), statistics: statistics.start, outputGradient: lower, inputGradient: lower,
            parameters)
        compute.enter(.inputProducts)
        inputLayer.backward(input, outputGradient: lower, inputGradient: nil, parameters, compute)
        compute.enter(.other)
        finish(shape, carry: carry)
        return loss
    }

    /// Clips the gradient, updates the weights, clears the gradient.
    /// - Returns: the gradient's norm before clipping; if it is not finite, nothing was updated.
    public func update(_ update: ParameterStore.Update) -> Double { parameters.update(update, compute: compute) }

    /// The mean loss of a window without learning from it.
    public func evaluate(
        _ input: Matrix, targets: Matrix, weights: UnsafePointer<Float>? = nil, shape: WindowShape, carry: Bool
    ) -> Double {
        let states = run(input, shape: shape, mode: .inference)
        let loss = output.evaluate(states, .vectors(targets), weights: weights, parameters, compute)
        finish(shape, carry: carry)
        return loss
    }

    /// The vectors predicted in the last `accumulate` or `evaluate`: [rows, outputSize].
    public func predictions(_ shape: WindowShape) -> Matrix { output.predictions(rows: shape.rows) }

    // MARK: - Inference

    /// Runs sequences from the zero state; the layers' outputs are then in `layerOutput`.
    public func encode(_ input: Matrix, shape: WindowShape) {
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

    /// The memory bill: what each part takes, in bytes. Parameters are those of the weights, and of everything training
    /// keeps beside them.
    public var memory: [(name: String, bytes: Int)] {
        let copies = parameters.bytes / max(1, parameters.values.bytes)
        var parts: [(name: String, bytes: Int)] = []
        for parameter in parameters.layout.parameters {
            let part = parameter.name.split(separator: ".").prefix(2).joined(separator: " ") + " parameters"
            if parts.last?.name != part { parts.append((part, 0)) }
            parts[parts.count - 1].bytes += parameter.count * 4 * copies
        }
        let own = [linearBuffer, upperGradient, lowerGradient, statistics]
            .reduce(inputNorm == nil ? 0 : inputBuffer.bytes) { $0 + $1.bytes }
        parts.append(("\(direction.rawValue) input activations", own))
        parts += encoder.activations.map { ("\(direction.rawValue) \($0.name)", $0.bytes) }
        return parts + [("\(direction.rawValue) output activations", output.activationBytes)]
    }

    private func run(_ input: Matrix, shape: WindowShape, mode: PassMode) -> Matrix {
        precondition(capacity.holds(shape) && input.rows == shape.rows)
        let linear = matrix(linearBuffer, shape)
        compute.enter(.inputProducts)
        inputLayer.forward(input, into: linear, parameters, compute)
        compute.enter(.layerNorm)
        inputNorm?.forward(linear, into: matrix(inputBuffer, shape), statistics: statistics.start, parameters)
        return encoder.forward(matrix(inputBuffer, shape), shape: shape, mode: mode, parameters, compute)
    }

    private func finish(_ shape: WindowShape, carry: Bool) {
        if carry { encoder.carryState(from: shape) } else { encoder.resetState() }
    }

    private func matrix(_ buffer: FloatBuffer, _ shape: WindowShape) -> Matrix {
        Matrix(buffer, rows: shape.rows, columns: configuration.projection)
    }
}
