public import Kernels

/// A highway layer (Srivastava, Greff and Schmidhuber 2015), which mixes its input with a transformation of it:
///
///     t = relu(x W + b),  g = sigmoid(x V + c),  y = g * t + (1 - g) * x
public struct Highway: Sendable {
    public let size: Int
    let transform: Linear
    let gate: Linear
    var weights: [Parameter] { [transform.weight, gate.weight] }

    public init(_ name: String, size: Int, in layout: inout ParameterLayout) {
        self.size = size
        transform = Linear("\(name).transform", inputs: size, outputs: size, in: &layout)
        gate = Linear("\(name).gate", inputs: size, outputs: size, in: &layout)
    }

    /// The gate's bias is -2: at first most of the input is carried on (as in ELMo's encoder).
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        transform.initialize(parameters, random: &random)
        gate.initialize(parameters, random: &random)
        if let bias = gate.bias { parameters.fill(bias, with: -2) }
    }

    /// What the way back needs, for at most `rows` rows.
    public final class Memory {
        let transformed, gates, output: FloatBuffer
        let transformedGradient, gateGradient, scratch: FloatBuffer
        private let size: Int

        public init(_ layer: Highway, rows: Int, training: Bool) {
            size = layer.size
            transformed = FloatBuffer(count: rows * layer.size)
            gates = FloatBuffer(count: rows * layer.size)
            output = FloatBuffer(count: rows * layer.size)
            let gradients = training ? rows * layer.size : 0
            transformedGradient = FloatBuffer(count: gradients)
            gateGradient = FloatBuffer(count: gradients)
            scratch = FloatBuffer(count: gradients)
        }

        /// What the last forward pass gave: [rows, size].
        func result(rows: Int) -> Matrix { Matrix(output, rows: rows, columns: size) }

        var bytes: Int {
            [transformed, gates, output, transformedGradient, gateGradient, scratch].reduce(0) { $0 + $1.bytes }
        }
    }

    /// `input` [n, size]; the result, [n, size], is in `memory`.
    public func forward(
        _ input: Matrix, memory: Memory, _ parameters: ParameterStore, _ compute: Compute
    ) -> Matrix {
        let transformed = Matrix(memory.transformed, rows: input.rows, columns: size)
        let gates = Matrix(memory.gates, rows: input.rows, columns: size)
        let output = Matrix(memory.output, rows: input.rows, columns: size)
        transform.forward(input, into: transformed, parameters, compute)
        gate.forward(input, into: gates, parameters, compute)
        Vector.sigmoid(gates.start, into: gates.start, count: input.rows * size)
        for row in 0..<input.rows {
            let x = input.row(row), t = transformed.row(row), g = gates.row(row), y = output.row(row)
            for index in 0..<size {
                t[index] = max(0, t[index])
                y[index] = x[index] + g[index] * (t[index] - x[index])
            }
        }
        return output
    }

    /// Adds to the weights' gradients and writes the input's, [n, size], which may not be `outputGradient`.
    public func backward(
        _ input: Matrix, memory: Memory, outputGradient: Matrix, inputGradient: Matrix, _ parameters: ParameterStore,
        _ compute: Compute
    ) {
        let rows = input.rows
        let transformedGradient = Matrix(memory.transformedGradient, rows: rows, columns: size)
        let gateGradient = Matrix(memory.gateGradient, rows: rows, columns: size)
        let scratch = Matrix(memory.scratch, rows: rows, columns: size)
        for row in 0..<rows {
            let x = input.row(row), dy = outputGradient.row(row), scratch = scratch.row(row)
            let t = memory.transformed.start + row * size, g = memory.gates.start + row * size
            let dt = transformedGradient.row(row), dg = gateGradient.row(row)
            for index in 0..<size {
                dt[index] = t[index] > 0 ? dy[index] * g[index] : 0
                dg[index] = dy[index] * (t[index] - x[index]) * g[index] * (1 - g[index])
                scratch[index] = dy[index] * (1 - g[index])
            }
        }
        transform.backward(
            input, outputGradient: transformedGradient, inputGradient: inputGradient, parameters, compute)
        Vector.add(scratch.start, to: inputGradient.start, count: rows * size)
        gate.backward(input, outputGradient: gateGradient, inputGradient: scratch, parameters, compute)
        Vector.add(scratch.start, to: inputGradient.start, count: rows * size)
    }
}
