public import Kernels

/// A highway layer (Srivastava, Greff and Schmidhuber 2015), which mixes its input with a transformation of it:
///
///     t = relu(x W + b),  g = sigmoid(x V + c),  y = g * t + (1 - g) * x
public struct Highway: Layer {
    public let size: Int
    let transform, gate: Linear
    private let output: MatrixSlot
    private let transformedGradient, gateGradient, carried: MatrixSlot

    /// - Parameter other: a highway of the same size, whose memory for gradients this one uses too: one of them at a time is at
    ///   work.
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

    /// The gate's bias is -2: at first most of the input is carried on (as in ELMo's encoder).
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        transform.initialize(parameters, random: &random)
        gate.initialize(parameters, random: &random)
        if let bias = gate.bias { parameters.fill(bias, with: -2) }
    }

    /// The output of the last forward pass: [rows, size].
    func output(rows: Int, _ run: Run) -> Matrix { run.matrix(output, rows: rows) }

    public func forward(_ input: Matrix, _ shape: WindowShape, _ run: Run) -> Matrix {
        let transformed = transform.forward(input, run), gates = gate.forward(input, run)
        let output = output(rows: input.rows, run)
        run.backend.highway(input, transformed: transformed, gates: gates, into: output)
        return output
    }

    /// The gradient of the input may not be in the memory of `outputGradient`.
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
