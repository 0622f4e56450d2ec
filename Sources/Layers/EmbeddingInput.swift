public import Kernels

/// Frozen vectors through a linear layer: the input of ELMo-C and ELMo-A (Li et al. 2019).
public final class EmbeddingInput: InputLayer {
    private let linear: Linear

    public init(_ name: String, inputs: Int, outputs: Int, in layout: inout ParameterLayout) {
        linear = Linear(name, inputs: inputs, outputs: outputs, in: &layout)
    }

    public var factors: [Parameter] { [linear.weight] }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        linear.initialize(parameters, random: &random)
    }

    public func forward(_ words: InputWords, into output: Matrix, _ parameters: ParameterStore, _ compute: Compute) {
        linear.forward(vectors(words), into: output, parameters, compute)
    }

    public func backward(
        _ words: InputWords, outputGradient: Matrix, _ parameters: ParameterStore, _ compute: Compute
    ) {
        linear.backward(
            vectors(words), outputGradient: outputGradient, inputGradient: nil, parameters, compute)
    }

    private func vectors(_ words: InputWords) -> Matrix {
        guard case .vectors(let matrix) = words else { preconditionFailure("the words of this input are vectors") }
        return matrix
    }

    public var activationBytes: Int { 0 }
}
