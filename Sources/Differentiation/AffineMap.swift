public import Kernels
public import Layers

/// y = x W + b, on a tape.
public struct AffineMap: Sendable {
    /// [inputs, outputs]
    public let weight: Parameter
    /// [outputs]
    public let bias: Parameter
    public var inputs: Int { weight.shape[0] }
    public var outputs: Int { weight.shape[1] }

    public init(_ name: String, inputs: Int, outputs: Int, in plan: inout Plan) {
        weight = plan.parameter("\(name).weight", [inputs, outputs])
        bias = plan.parameter("\(name).bias", [outputs])
    }

    /// Glorot's weights, and zeros as bias.
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        parameters.fillGlorot(weight, inputs: inputs, outputs: outputs, random: &random)
        parameters.fill(bias, with: 0)
    }

    /// Weights and bias uniform in ±1 / sqrt(inputs), as PyTorch begins.
    public func initializeUniformly(_ parameters: ParameterStore, random: inout Random) {
        for parameter in [weight, bias] { parameters.fillUniform(parameter, inputs: inputs, random: &random) }
    }

    /// [n, inputs] to [n, outputs]
    public func forward(_ input: Node, on tape: Tape) -> Node { tape.multiply(input, by: weight, bias: bias) }
}
