public import Kernels

/// A linear layer, y = x W + b.
///
/// ```swift
/// let layer = Linear("projection", inputs: 300, outputs: 512, rows: 320, in: &plan)
/// ```
public struct Linear: Layer {
    /// W, [inputs, outputs].
    public let weight: Parameter
    /// b, [outputs]; `nil` if there is none.
    public let bias: Parameter?
    /// Width of the input.
    public let inputs: Int
    /// Width of the output.
    public let outputs: Int
    private let output: MatrixSlot

    /// Declares the layer.
    /// - `rows`: maximum number of rows in one pass.
    public init(_ name: String, inputs: Int, outputs: Int, bias: Bool = true, rows: Int, in plan: inout Plan) {
        self.inputs = inputs
        self.outputs = outputs
        weight = plan.parameter("\(name).weight", [inputs, outputs])
        self.bias = bias ? plan.parameter("\(name).bias", [outputs]) : nil
        output = plan.matrix(rows: rows, columns: outputs)
    }

    public var factors: [Parameter] { [weight] }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        parameters.fillGlorot(weight, inputs: inputs, outputs: outputs, random: &random)
        if let bias { parameters.fill(bias, with: 0) }
    }

    /// Returns the output of the last forward pass, [rows, outputs].
    public func output(rows: Int, _ run: Run) -> Matrix { run.matrix(output, rows: rows) }

    /// Computes [n, outputs] from `input` [n, inputs].
    public func forward(_ input: Matrix, _ shape: WindowShape, _ run: Run) -> Matrix {
        let output = output(rows: input.rows, run)
        run.multiply(input, by: weight, bias: bias, into: output)
        return output
    }

    /// The backward pass:
    ///
    ///      dW += x^T dy,  db += sum over rows of dy,  dx = dy W^T
    public func backward(
        _ input: Matrix, outputGradient: Matrix, inputGradient: Matrix?, adding: Bool, _ shape: WindowShape, _ run: Run
    ) {
        run.backend.multiply(input.transposed, outputGradient, into: run.gradient(weight), adding: true)
        if let bias { run.backend.addColumnSums(of: outputGradient, to: run.gradient(bias)) }
        if let inputGradient { run.multiply(outputGradient, byTransposed: weight, into: inputGradient, adding: adding) }
    }
}
