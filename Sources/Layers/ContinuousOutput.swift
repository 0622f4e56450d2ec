public import Kernels

/// The continuous output (Li et al. 2019): a linear layer to the embedding's size and a distance to the target's
/// vector.
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
        compute.enter(.outputProducts)
        linear.forward(states, into: predictions, parameters, compute)
        compute.enter(.loss)
        defer { compute.enter(.other) }
        return loss.evaluate(
            prediction: predictions, target: targets, weights: weights,
            gradient: Matrix(gradients, rows: states.rows, columns: linear.outputs), compute)
    }

    public func backward(_ states: Matrix, statesGradient: Matrix, _ parameters: ParameterStore, _ compute: Compute) {
        compute.enter(.outputProducts)
        linear.backward(
            states, outputGradient: Matrix(gradients, rows: states.rows, columns: linear.outputs),
            inputGradient: statesGradient, parameters, compute)
    }

    /// The predicted vectors of the last forward pass: [rows, outputs].
    public func predictions(rows: Int) -> Matrix { Matrix(predictions, rows: rows, columns: linear.outputs) }

    public var activationBytes: Int { predictions.bytes + gradients.bytes + loss.activationBytes }
}
