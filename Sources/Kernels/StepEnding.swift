/// The operations at the end of a recurrent step, which make its output from its values v, [rows, columns]:
///
///     output = factors * layerNorm(clip(v))
public struct StepEnding {
    /// The bound of ±v; infinite for none.
    public var clip = Float.infinity
    public var norm: StepNorm?
    /// The factors of dropout, the same at each step: [rows or more, columns].
    public var factors: Matrix?
    /// A product in parts, [parts x rows, columns], on a device: their sum is v, or is added to the output's gradient on the way back.
    public var parts: Matrix?
    /// True if the output is not in the memory of the values.
    public var copies = false

    public init() {}
}

/// The layer norm at the end of a step.
public struct StepNorm {
    /// [1, columns]
    public let gain, bias: Matrix
    public let epsilon: Double
    /// [rows, 2]: the mean and the inverse deviation of each row, for the backward pass.
    public let statistics: Matrix
    /// [1, columns]: for a backward pass.
    public var gainGradient, biasGradient: Matrix?
    /// Partial sums of the gradients of gain and bias over all steps, on a device: [normSumRows, 2 columns].
    public var sums: Matrix?

    public init(gain: Matrix, bias: Matrix, epsilon: Double, statistics: Matrix) {
        (self.gain, self.bias, self.epsilon, self.statistics) = (gain, bias, epsilon, statistics)
    }
}
