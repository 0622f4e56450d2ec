public import Kernels

/// y = x W + b.
public struct Linear: Layer {
    /// [inputs, outputs]
    public let weight: Parameter
    /// [outputs]
    public let bias: Parameter?
    public let inputs: Int
    public let outputs: Int
    private let output: MatrixSlot

    /// - Parameter rows: the most that come at once.
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

    /// The output of the last forward pass: [rows, outputs].
    public func output(rows: Int, _ run: Run) -> Matrix { run.matrix(output, rows: rows) }

    /// `input` [n, inputs] to [n, outputs].
    public func forward(_ input: Matrix, _ shape: WindowShape, _ run: Run) -> Matrix {
        let output = output(rows: input.rows, run)
        run.multiply(input, by: weight, bias: bias, into: output)
        return output
    }

    ///     dW += x^T dy,  db += sum over rows of dy,  dx = dy W^T
    public func backward(
        _ input: Matrix, outputGradient: Matrix, inputGradient: Matrix?, adding: Bool, _ shape: WindowShape, _ run: Run
    ) {
        run.backend.multiply(input.transposed, outputGradient, into: run.gradient(weight), adding: true)
        if let bias { run.backend.addColumnSums(of: outputGradient, to: run.gradient(bias)) }
        if let inputGradient { run.multiply(outputGradient, byTransposed: weight, into: inputGradient, adding: adding) }
    }
}
