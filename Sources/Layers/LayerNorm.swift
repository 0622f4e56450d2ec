public import Kernels

/// y = gain * (x - mean) / sqrt(variance + epsilon) + bias, over each row (Ba, Kiros and Hinton 2016).
public struct LayerNorm: Sendable {
    /// [size]
    public let gain: Parameter
    /// [size]
    public let bias: Parameter
    public let size: Int
    public static let epsilon = 1e-5
    /// [rows, 2]: the mean and the inverse deviation of each row, for the backward pass.
    private let statistics: MatrixSlot

    /// - Parameter rows: of a window.
    public init(_ name: String, size: Int, rows: Int, in plan: inout Plan) {
        self.size = size
        gain = plan.parameter("\(name).gain", [size])
        bias = plan.parameter("\(name).bias", [size])
        statistics = plan.matrix(rows: rows, columns: 2)
    }

    public func initialize(_ parameters: ParameterStore) {
        parameters.fill(gain, with: 1)
        parameters.fill(bias, with: 0)
    }

    /// `input` [n, size] to `output` [n, size], which may be the same memory.
    /// - Parameter rows: which rows of the window these are.
    public func forward(_ input: Matrix, into output: Matrix, rows: Range<Int>, _ run: Run) {
        run.backend.layerNorm(
            input, gain: run.value(gain), bias: run.value(bias), epsilon: Self.epsilon, into: output,
            statistics: statistics(rows, run))
    }

    /// Adds to the gradients of gain and bias, and makes `gradient`, that of the output, that of the input.
    /// - Parameter residual: the gradient of a connection around the norm; that of the input is then added to it, and `gradient` is lost.
    public func backward(_ input: Matrix, gradient: Matrix, residual: Matrix? = nil, rows: Range<Int>, _ run: Run) {
        run.backend.layerNormBackward(
            input, gain: run.value(gain), statistics: statistics(rows, run), gradient: gradient, residual: residual,
            gainGradient: run.gradient(gain), biasGradient: run.gradient(bias))
    }

    /// The norm as the end of a recurrent step.
    func step(_ rows: Range<Int>, _ run: Run) -> StepNorm {
        StepNorm(gain: run.value(gain), bias: run.value(bias), epsilon: Self.epsilon, statistics: statistics(rows, run))
    }

    private func statistics(_ rows: Range<Int>, _ run: Run) -> Matrix { run.matrix(statistics, rows: rows.upperBound).rows(rows) }
}
