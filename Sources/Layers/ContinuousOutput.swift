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

    public func accumulate(
        _ states: Matrix, _ targets: Targets, weights: UnsafePointer<Float>?, draw: Draw, statesGradient: Matrix,
        _ parameters: ParameterStore, _ compute: Compute
    ) -> Double {
        let gradient = Matrix(gradients, rows: states.rows, columns: linear.outputs)
        let value = predict(states, targets, weights, gradient: gradient, parameters, compute)
        compute.enter(.outputProducts)
        linear.backward(states, outputGradient: gradient, inputGradient: statesGradient, parameters, compute)
        return value
    }

    public func evaluate(
        _ states: Matrix, _ targets: Targets, weights: UnsafePointer<Float>?, _ parameters: ParameterStore,
        _ compute: Compute
    ) -> Double {
        predict(states, targets, weights, gradient: nil, parameters, compute)
    }

    private func predict(
        _ states: Matrix, _ targets: Targets, _ weights: UnsafePointer<Float>?, gradient: Matrix?,
        _ parameters: ParameterStore, _ compute: Compute
    ) -> Double {
        guard case .vectors(let vectors) = targets else { preconditionFailure("the targets of this output are vectors") }
        let predictions = predictions(rows: states.rows)
        compute.enter(.outputProducts)
        linear.forward(states, into: predictions, parameters, compute)
        compute.enter(.loss)
        defer { compute.enter(.other) }
        return loss.evaluate(
            prediction: predictions, target: vectors, weights: weights, gradient: gradient, compute)
    }

    /// The predicted vectors of the last pass: [rows, outputs].
    public func predictions(rows: Int) -> Matrix { Matrix(predictions, rows: rows, columns: linear.outputs) }

    public var activationBytes: Int { predictions.bytes + gradients.bytes + loss.activationBytes }
}
