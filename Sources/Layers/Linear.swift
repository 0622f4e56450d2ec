public import Kernels

/// y = x W + b.
public struct Linear: Sendable {
    /// [inputs, outputs]
    public let weight: Parameter
    /// [outputs]
    public let bias: Parameter?
    public let inputs: Int
    public let outputs: Int

    public init(_ name: String, inputs: Int, outputs: Int, bias: Bool = true, in layout: inout ParameterLayout) {
        self.inputs = inputs
        self.outputs = outputs
        weight = layout.declare("\(name).weight", [inputs, outputs])
        self.bias = bias ? layout.declare("\(name).bias", [outputs]) : nil
    }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        parameters.fillGlorot(weight, inputs: inputs, outputs: outputs, random: &random)
        if let bias { parameters.fill(bias, with: 0) }
    }

    /// `input` [n, inputs] to `output` [n, outputs].
    public func forward(_ input: Matrix, into output: Matrix, _ parameters: ParameterStore, _ compute: Compute) {
        if let bias {
            let bias = parameters.value(bias).start
            for row in 0..<output.rows { output.row(row).update(from: bias, count: outputs) }
        }
        if let packed = parameters.packed(weight) {
            compute.multiply(input, packed, into: output, adding: bias != nil)
        } else {
            compute.multiply(input, parameters.value(weight), into: output, adding: bias != nil)
        }
    }

    /// Adds to the gradients of the weight and the bias; writes that of the input, [n, inputs], where one is wanted.
    ///
    ///     dW += x^T dy,  db += sum over rows of dy,  dx = dy W^T
    public func backward(
        _ input: Matrix, outputGradient: Matrix, inputGradient: Matrix?, _ parameters: ParameterStore,
        _ compute: Compute
    ) {
        compute.multiply(input.transposed, outputGradient, into: parameters.gradient(weight), adding: true)
        if let bias { compute.addColumnSums(of: outputGradient, to: parameters.gradient(bias).start) }
        guard let inputGradient else { return }
        if let packed = parameters.packedTranspose(weight) {
            compute.multiply(outputGradient, packed, into: inputGradient)
        } else {
            compute.multiply(outputGradient, parameters.value(weight).transposed, into: inputGradient)
        }
    }
}
