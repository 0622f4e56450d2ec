public import Kernels

/// y = gain * (x - mean) / sqrt(variance + epsilon) + bias, over each row (Ba, Kiros and Hinton 2016).
public struct LayerNorm: Sendable {
    /// [size]
    public let gain: Parameter
    /// [size]
    public let bias: Parameter
    public let size: Int
    public static let epsilon = 1e-5

    public init(_ name: String, size: Int, in layout: inout ParameterLayout) {
        self.size = size
        gain = layout.declare("\(name).gain", [size])
        bias = layout.declare("\(name).bias", [size])
    }

    public func initialize(_ parameters: ParameterStore) {
        parameters.fill(gain, with: 1)
        parameters.fill(bias, with: 0)
    }

    /// `input` [n, size] to `output` [n, size], which may be the same memory.
    /// - Parameter statistics: [n, 2], the mean and the inverse deviation of each row, for the way back.
    public func forward(
        _ input: Matrix, into output: Matrix, statistics: UnsafeMutablePointer<Float>, _ parameters: ParameterStore
    ) {
        let gain = parameters.value(gain).start
        let bias = parameters.value(bias).start
        for row in 0..<input.rows {
            let x = input.row(row)
            let y = output.row(row)
            let mean = Float(Vector.sum(x, count: size) / Double(size))
            for index in 0..<size { y[index] = x[index] - mean }
            let variance = Vector.dot(y, y, count: size) / Double(size)
            let inverse = Float(1 / (variance + Self.epsilon).squareRoot())
            for index in 0..<size { y[index] = y[index] * inverse * gain[index] + bias[index] }
            statistics[2 * row] = mean
            statistics[2 * row + 1] = inverse
        }
    }

    /// Adds to the gradients of gain and bias; `inputGradient` may be the memory of `outputGradient`.
    ///
    /// With z = (x - mean) * inverse deviation and u = gain * dy: dx = inverse * (u - mean(u) - z * mean(u z)).
    public func backward(
        _ input: Matrix, statistics: UnsafePointer<Float>, outputGradient: Matrix, inputGradient: Matrix,
        _ parameters: ParameterStore
    ) {
        let gain = parameters.value(gain).start
        let gainGradient = parameters.gradient(self.gain).start
        let biasGradient = parameters.gradient(bias).start
        for row in 0..<input.rows {
            let x = input.row(row)
            let dy = outputGradient.row(row)
            let dx = inputGradient.row(row)
            let mean = statistics[2 * row]
            let inverse = statistics[2 * row + 1]
            for index in 0..<size {
                gainGradient[index] += dy[index] * (x[index] - mean) * inverse
                biasGradient[index] += dy[index]
                dx[index] = dy[index] * gain[index]
            }
            let meanGradient = Float(Vector.sum(dx, count: size) / Double(size))
            // sum(u x) - mean * sum(u) is sum(u (x - mean)).
            let slope = Float(
                (Vector.dot(dx, x, count: size) / Double(size) - Double(mean) * Double(meanGradient)) * Double(inverse))
            for index in 0..<size {
                dx[index] = inverse * (dx[index] - meanGradient - (x[index] - mean) * inverse * slope)
            }
        }
    }
}
