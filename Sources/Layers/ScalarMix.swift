public import Kernels

/// The mix of an encoder's layers that a task learns (Peters et al. 2018, equation 1):
///
///     y = gamma x sum over layers l of p_l h_l,  p = softmax(s)
///
/// The input is [n, layers x width], with the layers of a token one after another; the output is [n, width].
///
/// ```swift
/// let mix = ScalarMix("mix", layers: 3, width: 1024, rows: 320, in: &plan)
/// ```
public struct ScalarMix: Layer {
    /// s, [layers].
    public let weight: Parameter
    /// gamma, [1].
    public let gain: Parameter
    /// Number and width of the layers.
    public let layers, width: Int
    private let output: MatrixSlot
    private let partials: ScalarSlot

    /// Declares the weights.
    /// - `rows`: maximum number of rows in one pass.
    public init(_ name: String, layers: Int, width: Int, rows: Int, in plan: inout Plan) {
        self.layers = layers
        self.width = width
        weight = plan.parameter("\(name).weight", [layers])
        gain = plan.parameter("\(name).gain", [1])
        output = plan.matrix(rows: rows, columns: width)
        partials = plan.scalars(mixBlocks * layers)
    }

    public var factors: [Parameter] { [] }

    /// Initialises the mix as the mean of the layers.
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        parameters.fill(weight, with: 0)
        parameters.fill(gain, with: 1)
    }

    /// Returns the weight of each layer in the mix, p, [layers].
    public func layerShares(_ run: Run) -> [Double] {
        softmaxShares(of: run.backend.read(run.value(weight)).map(Double.init))
    }

    public func forward(_ input: Matrix, _ shape: WindowShape, _ run: Run) -> Matrix {
        let output = run.matrix(output, rows: input.rows)
        run.backend.mixLayers(input, weights: run.value(weight), gain: run.value(gain), into: output)
        return output
    }

    public func backward(
        _ input: Matrix, outputGradient: Matrix, inputGradient: Matrix?, adding: Bool, _ shape: WindowShape, _ run: Run
    ) {
        precondition(!adding)
        run.backend.mixLayersBackward(
            input, weights: run.value(weight), gain: run.value(gain), outputGradient: outputGradient,
            inputGradient: inputGradient, partials: run.scalars(partials), weightGradient: run.gradient(weight),
            gainGradient: run.gradient(gain))
    }
}
