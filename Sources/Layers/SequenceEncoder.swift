public import Kernels

/// A network over sequences: what stands between the input vectors and the output layer.
///
/// An encoder plans its memory when it is made; `forward` and `backward` allocate nothing.
public protocol SequenceEncoder: AnyObject {
    var inputSize: Int { get }
    var outputSize: Int { get }
    /// Layers whose outputs can be asked for.
    var layerCount: Int { get }

    func initialize(_ parameters: ParameterStore, random: inout Random)

    /// `input` [rows, inputSize] of the shape given; the result, [rows, outputSize], is valid until the next pass.
    func forward(
        _ input: Matrix, shape: WindowShape, mode: PassMode, _ parameters: ParameterStore, _ compute: Compute
    ) -> Matrix

    /// The way back of the last forward pass: adds to the gradients of its parameters, overwrites `outputGradient`, and
    /// writes `inputGradient` [rows, inputSize].
    func backward(
        _ input: Matrix, shape: WindowShape, outputGradient: Matrix, inputGradient: Matrix,
        _ parameters: ParameterStore, _ compute: Compute)

    /// What layer `index`, from 0, gave in the last forward pass: [rows, outputSize]. Rows of sequences that had ended
    /// mean nothing.
    func layerOutput(_ index: Int, shape: WindowShape) -> Matrix

    /// Makes the next window begin where the last one ended (truncated BPTT).
    func carryState(from shape: WindowShape)
    /// Makes the next window begin with a zero state.
    func resetState()
    /// Floats of state that a window takes over from the one before it, for `batch` sequences.
    func stateCount(batch: Int) -> Int
    /// Copies that state out, for a checkpoint or to use the encoder for something else meanwhile.
    func saveState(batch: Int, into target: UnsafeMutablePointer<Float>)
    func restoreState(batch: Int, from source: UnsafePointer<Float>)

    /// Memory planned for activations.
    var activationBytes: Int { get }
}

/// The last layer of a network in training: from the encoder's output to a loss.
public protocol OutputLayer: AnyObject {
    func initialize(_ parameters: ParameterStore, random: inout Random)

    /// The mean loss of `states` [rows, size] against `targets` [rows, ...].
    /// - Parameter weights: [rows], how often each row counts; `nil`: once.
    func forward(
        _ states: Matrix, targets: Matrix, weights: UnsafePointer<Float>?, _ parameters: ParameterStore,
        _ compute: Compute
    ) -> Double

    /// The way back of the last forward pass: adds to its parameters' gradients and writes that of the states.
    func backward(_ states: Matrix, statesGradient: Matrix, _ parameters: ParameterStore, _ compute: Compute)

    var activationBytes: Int { get }
}

/// The continuous output: a linear layer to the embedding's size and a distance to the target's vector.
public final class ContinuousOutput: OutputLayer {
    public let linear: Linear
    private let loss: any EmbeddingLoss
    private let predictions: FloatBuffer
    private let gradients: FloatBuffer

    public init(
        _ name: String, inputs: Int, outputs: Int, loss: any EmbeddingLoss, rows: Int, in layout: inout ParameterLayout
    ) {
        linear = Linear(name, inputs: inputs, outputs: outputs, in: &layout)
        self.loss = loss
        predictions = FloatBuffer(count: rows * outputs)
        gradients = FloatBuffer(count: rows * outputs)
    }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        linear.initialize(parameters, random: &random)
    }

    public func forward(
        _ states: Matrix, targets: Matrix, weights: UnsafePointer<Float>?, _ parameters: ParameterStore,
        _ compute: Compute
    ) -> Double {
        let predictions = predictions(rows: states.rows)
        linear.forward(states, into: predictions, parameters, compute)
        return loss.evaluate(
            prediction: predictions, target: targets, weights: weights,
            gradient: Matrix(gradients, rows: states.rows, columns: linear.outputs))
    }

    public func backward(_ states: Matrix, statesGradient: Matrix, _ parameters: ParameterStore, _ compute: Compute) {
        linear.backward(
            states, outputGradient: Matrix(gradients, rows: states.rows, columns: linear.outputs),
            inputGradient: statesGradient, parameters, compute)
    }

    /// The predicted vectors of the last forward pass: [rows, outputs].
    public func predictions(rows: Int) -> Matrix { Matrix(predictions, rows: rows, columns: linear.outputs) }

    public var activationBytes: Int { predictions.bytes + gradients.bytes }
}
