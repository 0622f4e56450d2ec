public import Kernels

/// A highway layer (Srivastava, Greff and Schmidhuber 2015), which mixes its input with a transformation of it:
///
///     t = relu(x W + b),  g = sigmoid(x V + c),  y = g * t + (1 - g) * x
///
/// ```swift
/// let layer = Highway("highway1", size: 2048, rows: 320, in: &plan)
/// ```
public struct Highway: Layer {
    /// Width of input and output.
    public let size: Int
    let transform, gate: Linear
    private let output: MatrixSlot
    private let transformedGradient, gateGradient, carried: MatrixSlot

    /// Declares the layer.
    /// - `other`: a highway layer of the same size that never works at the same time; the two share memory for gradients.
    public init(_ name: String, size: Int, rows: Int, sharing other: Highway? = nil, in plan: inout Plan) {
        self.size = size
        transform = Linear("\(name).transform", inputs: size, outputs: size, rows: rows, in: &plan)
        gate = Linear("\(name).gate", inputs: size, outputs: size, rows: rows, in: &plan)
        output = plan.matrix(rows: rows, columns: size)
        transformedGradient = other?.transformedGradient ?? plan.gradient(rows: rows, columns: size)
        gateGradient = other?.gateGradient ?? plan.gradient(rows: rows, columns: size)
        carried = other?.carried ?? plan.gradient(rows: rows, columns: size)
    }

    public var factors: [Parameter] { transform.factors + gate.factors }

    /// Initialises the gate's bias with -2, so that at first most of the input is carried (as in ELMo's encoder).
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        transform.initialize(parameters, random: &random)
        gate.initialize(parameters, random: &random)
        if let bias = gate.bias { parameters.fill(bias, with: -2) }
    }

    /// Returns the output of the last forward pass, [rows, size].
    func output(rows: Int, _ run: Run) -> Matrix { run.matrix(output, rows: rows) }

    public func forward(_ input: Matrix, _ shape: WindowShape, _ run: Run) -> Matrix {
        let transformed = transform.forward(input, run), gates = gate.forward(input, run)
        let output = output(rows: input.rows, run)
        run.backend.highway(input, transformed: transformed, gates: gates, into: output)
        return output
    }

    /// The gradient of the input must not overlap `outputGradient`.
    public func backward(
        _ input: Matrix, outputGradient: Matrix, inputGradient: Matrix?, adding: Bool, _ shape: WindowShape, _ run: Run
    ) {
        guard let inputGradient, !adding else { preconditionFailure("a highway's gradients are made in that of its input") }
        let rows = input.rows, backend = run.backend
        let transformedGradient = run.matrix(transformedGradient, rows: rows)
        let gateGradient = run.matrix(gateGradient, rows: rows), carried = run.matrix(carried, rows: rows)
        backend.highwayBackward(
            input, transformed: transform.output(rows: rows, run), gates: gate.output(rows: rows, run),
            outputGradient: outputGradient, transformedGradient: transformedGradient, gateGradient: gateGradient,
            carried: carried)
        transform.backward(input, outputGradient: transformedGradient, inputGradient: inputGradient, run)
        backend.add(carried, to: inputGradient)
        gate.backward(input, outputGradient: gateGradient, inputGradient: carried, run)
        backend.add(carried, to: inputGradient)
    }
}
