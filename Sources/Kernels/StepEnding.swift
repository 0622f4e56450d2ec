/// The operations that end a step of a recurrent layer and turn its values v [rows, columns] into its output:
///
///     output = factors * layerNorm(clip(v))
///
/// ```swift
/// var ending = StepEnding()
/// ending.clip = 3
/// backend.endStep(values, ending, into: output)
/// ```
public struct StepEnding {
    /// Bound of ±v; infinity means no clipping.
    public var clip = Float.infinity
    /// The layer norm, if there is one.
    public var norm: StepNorm?
    /// Dropout factors, the same at each step, [rows or more, columns].
    public var factors: Matrix?
    /// On a device, a product in parts [parts x rows, columns]: their sum is v, or is added to the output's gradient in the
    /// backward pass.
    public var parts: Matrix?
    /// True if the output does not overwrite the values.
    public var copies = false

    /// Creates an ending that changes nothing.
    public init() {}
}

/// The layer norm at the end of a recurrent step.
///
/// ```swift
/// ending.norm = StepNorm(gain: gain, bias: bias, epsilon: 1e-6, statistics: statistics)
/// ```
public struct StepNorm {
    /// Gain and bias, [1, columns].
    public let gain, bias: Matrix
    /// Added to the variance.
    public let epsilon: Double
    /// Mean and inverse standard deviation of each row, for the backward pass, [rows, 2].
    public let statistics: Matrix
    /// Gradients of gain and bias for a backward pass, [1, columns].
    public var gainGradient, biasGradient: Matrix?
    /// On a device, partial sums of the gradients of gain and bias over all steps, [normSumRows, 2 columns].
    public var sums: Matrix?

    /// Creates a layer norm without gradients.
    public init(gain: Matrix, bias: Matrix, epsilon: Double, statistics: Matrix) {
        (self.gain, self.bias, self.epsilon, self.statistics) = (gain, bias, epsilon, statistics)
    }
}
