public import Kernels

/// y = gain * (x - mean) / sqrt(variance + epsilon) + bias, over each row (Ba, Kiros and Hinton 2016).
///
/// ```swift
/// let norm = LayerNorm("norm", size: 512, rows: 320, in: &plan)
/// ```
public struct LayerNorm: Sendable {
    /// Gain, [size].
    public let gain: Parameter
    /// Bias, [size].
    public let bias: Parameter
    /// Width of a row.
    public let size: Int
    /// Added to the variance.
    public static let epsilon = 1e-5
    /// Mean and inverse standard deviation of each row, for the backward pass, [rows, 2].
    private let statistics: MatrixSlot

    /// Declares gain and bias.
    /// - `rows`: rows of a window.
    public init(_ name: String, size: Int, rows: Int, in plan: inout Plan) {
        self.size = size
        gain = plan.parameter("\(name).gain", [size])
        bias = plan.parameter("\(name).bias", [size])
        statistics = plan.matrix(rows: rows, columns: 2)
    }

    /// Sets the gain to 1 and the bias to 0.
    public func initialize(_ parameters: ParameterStore) {
        parameters.fill(gain, with: 1)
        parameters.fill(bias, with: 0)
    }

    /// Normalises `input` [n, size] into `output` [n, size], which may be the same memory.
    /// - `rows`: the rows of the window that `input` holds.
    public func forward(_ input: Matrix, into output: Matrix, rows: Range<Int>, _ run: Run) {
        run.backend.layerNorm(
            input, gain: run.value(gain), bias: run.value(bias), epsilon: Self.epsilon, into: output,
            statistics: statistics(rows, run))
    }

    /// Adds to the gradients of gain and bias, and replaces the gradient of the output by that of the input.
    /// - `residual`: the gradient of a connection around the norm. If given, the gradient of the input is added to it, and
    ///   `gradient` becomes scratch memory.
    public func backward(_ input: Matrix, gradient: Matrix, residual: Matrix? = nil, rows: Range<Int>, _ run: Run) {
        run.backend.layerNormBackward(
            input, gain: run.value(gain), statistics: statistics(rows, run), gradient: gradient, residual: residual,
            gainGradient: run.gradient(gain), biasGradient: run.gradient(bias))
    }

    /// Returns the norm as the end of a recurrent step.
    func step(_ rows: Range<Int>, _ run: Run) -> StepNorm {
        StepNorm(gain: run.value(gain), bias: run.value(bias), epsilon: Self.epsilon, statistics: statistics(rows, run))
    }

    private func statistics(_ rows: Range<Int>, _ run: Run) -> Matrix { run.matrix(statistics, rows: rows.upperBound).rows(rows) }
}
