public import Kernels
public import Layers

/// An affine map y = x W + b on a tape.
public struct AffineMap: Sendable {
    /// W, [inputs, outputs].
    public let weight: Parameter
    /// b, [outputs].
    public let bias: Parameter
    /// Width of the input.
    public var inputs: Int { weight.shape[0] }
    /// Width of the output.
    public var outputs: Int { weight.shape[1] }

    /// Declares weight and bias.
    public init(_ name: String, inputs: Int, outputs: Int, in plan: inout Plan) {
        weight = plan.parameter("\(name).weight", [inputs, outputs])
        bias = plan.parameter("\(name).bias", [outputs])
    }

    /// Initialises the weights as Glorot and the bias with zeros.
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        parameters.fillGlorot(weight, inputs: inputs, outputs: outputs, random: &random)
        parameters.fill(bias, with: 0)
    }

    /// Initialises weights and bias uniformly in ±1 / sqrt(inputs), as PyTorch does.
    public func initializeUniformly(_ parameters: ParameterStore, random: inout Random) {
        for parameter in [weight, bias] { parameters.fillUniform(parameter, inputs: inputs, random: &random) }
    }

    /// Computes [n, outputs] from [n, inputs].
    public func forward(_ input: Node, on tape: Tape) -> Node { tape.multiply(input, by: weight, bias: bias) }
}
