public import Kernels

/// Frozen vectors followed by a linear layer: the input of ELMo-C and ELMo-A (Li et al. 2019).
///
/// ```swift
/// let input = EmbeddingInput("input", inputs: 300, outputs: 512, in: &plan)
/// ```
public struct EmbeddingInput: Layer {
    private let linear: Linear

    /// Declares the linear layer.
    public init(_ name: String, inputs: Int, outputs: Int, in plan: inout Plan) {
        linear = Linear(name, inputs: inputs, outputs: outputs, rows: plan.capacity.rows, in: &plan)
    }

    public var factors: [Parameter] { linear.factors }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        linear.initialize(parameters, random: &random)
    }

    public func forward(_ words: InputWords, _ shape: WindowShape, _ run: Run) -> Matrix {
        linear.forward(vectors(words), run)
    }

    public func backward(
        _ words: InputWords, outputGradient: Matrix, inputGradient: Matrix?, adding: Bool, _ shape: WindowShape, _ run: Run
    ) {
        linear.backward(vectors(words), outputGradient: outputGradient, inputGradient: inputGradient, adding: adding, run)
    }

    private func vectors(_ words: InputWords) -> Matrix {
        guard case .vectors(let matrix) = words else { preconditionFailure("the words of this input are vectors") }
        return matrix
    }
}
