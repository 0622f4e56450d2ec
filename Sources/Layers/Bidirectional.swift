public import Kernels

/// Two recurrent layers over the same input, one reading each sequence from its start and one from its end (Graves and Schmidhuber
/// 2005):
///
///     h_t = [forward half of x_1 … x_t, backward half of x_n … x_t]     [batch, 2 width]
///
/// Every output depends on the whole sequence, so no state is carried from window to window.
///
/// ```swift
/// let layer = Bidirectional<GRU>("layer1", inputs: 64, in: &plan) { name, other, plan in
///     GRU(name, inputs: 64, cell: 32, sharing: other, in: &plan)
/// }
/// ```
public struct Bidirectional<Half: RecurrentLayer>: SequenceLayer {
    /// The half that reads sequences from their start, and the half that reads them from their end.
    public let forwardHalf, backwardHalf: Half
    /// [rows, 2 width]
    private let output: MatrixSlot
    /// The input as the backward half reads it, recomputed in the backward pass, and its gradient, [rows, inputs].
    private let reversed, reversedGradient: MatrixSlot
    /// Gradient of the output of one half, [rows, width].
    private let halfGradient: MatrixSlot

    /// Declares both halves.
    /// - `other`: a layer of the same size that never works at the same time; the two share memory that no pass keeps.
    /// - `makeHalf`: makes the half with the given name. It gets another half of the same size that never works at the same time,
    ///   if there is one.
    public init(
        _ name: String, inputs: Int, sharing other: Bidirectional? = nil, in plan: inout Plan,
        _ makeHalf: (_ name: String, _ other: Half?, _ plan: inout Plan) -> Half
    ) {
        let rows = plan.capacity.rows
        forwardHalf = makeHalf("\(name).forward", other?.forwardHalf, &plan)
        backwardHalf = makeHalf("\(name).backward", other?.forwardHalf ?? forwardHalf, &plan)
        output = plan.factor(rows: rows, columns: 2 * forwardHalf.width)
        reversed = other?.reversed ?? plan.features(rows: rows, columns: inputs)
        reversedGradient = other?.reversedGradient ?? plan.gradient(rows: rows, columns: inputs)
        halfGradient = other?.halfGradient ?? plan.gradient(rows: rows, columns: forwardHalf.width)
    }

    public var width: Int { 2 * forwardHalf.width }
    public var factors: [Parameter] { forwardHalf.factors + backwardHalf.factors }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        forwardHalf.initialize(parameters, random: &random)
        backwardHalf.initialize(parameters, random: &random)
    }

    public func outputs(_ shape: WindowShape, _ run: Run) -> Matrix { run.matrix(output, rows: shape.rows) }

    /// Returns the columns of the two halves in a matrix [rows, 2 width].
    private func halves(of matrix: Matrix) -> (forward: Matrix, backward: Matrix) {
        let half = forwardHalf.width
        return (matrix.columns(0..<half), matrix.columns(half..<2 * half))
    }

    private func reverse(_ source: Matrix, into target: Matrix, adding: Bool = false, _ shape: WindowShape, _ run: Run) {
        run.enter(.sums)
        run.backend.reverse(source, batch: shape.batch, lengths: shape.lengths, into: target, adding: adding)
    }

    /// Reads `input` [rows, inputs]. If sequences differ in length, the shape must hold the lengths as numbers.
    public func forward(_ input: Matrix, _ shape: WindowShape, _ run: Run) -> Matrix {
        precondition(shape.active == nil || shape.lengths != nil, "sequences are turned round by their lengths")
        precondition(run.memory.startsAtZero, "no state is carried where both ends are read")
        let outputs = outputs(shape, run), halves = halves(of: outputs), reversed = run.matrix(reversed, rows: shape.rows)
        run.backend.copy(forwardHalf.forward(input, shape, run), to: halves.forward)
        reverse(input, into: reversed, shape, run)
        reverse(backwardHalf.forward(reversed, shape, run), into: halves.backward, shape, run)
        run.enter(.other)
        return outputs
    }

    /// The backward pass of the last forward pass. `outputGradient` [rows, 2 width] is not changed.
    public func backward(
        _ input: Matrix, outputGradient: Matrix, inputGradient: Matrix?, adding: Bool, _ shape: WindowShape, _ run: Run
    ) {
        let halves = halves(of: outputGradient), gradient = run.matrix(halfGradient, rows: shape.rows)
        let reversed = run.matrix(reversed, rows: shape.rows)
        run.enter(.sums)
        run.backend.copy(halves.forward, to: gradient)
        forwardHalf.backward(input, outputGradient: gradient, inputGradient: inputGradient, adding: adding, shape, run)
        reverse(halves.backward, into: gradient, shape, run)
        reverse(input, into: reversed, shape, run)
        let below = inputGradient.map { _ in run.matrix(reversedGradient, rows: shape.rows) }
        backwardHalf.backward(reversed, outputGradient: gradient, inputGradient: below, adding: false, shape, run)
        if let inputGradient, let below { reverse(below, into: inputGradient, adding: true, shape, run) }
        run.enter(.other)
    }
}

extension RecurrentStack {
    /// Creates a stack of bidirectional layers, whose input and outputs are [rows, 2 width].
    /// - `makeHalf`: makes the half with the given name and input width. It gets another half of the same size that never
    ///   works at the same time, if there is one.
    public static func bidirectional<Half: RecurrentLayer>(
        _ name: String, width: Int, layers: Int, residual: Bool, dropout: Float, in plan: inout Plan,
        _ makeHalf: (_ name: String, _ inputs: Int, _ other: Half?, _ plan: inout Plan) -> Half
    ) -> RecurrentStack where Recurrent == Bidirectional<Half> {
        RecurrentStack(
            name, inputs: 2 * width, width: 2 * width, layers: layers, residual: residual, dropout: dropout, in: &plan
        ) { name, inputs, first, plan in
            Bidirectional(name, inputs: inputs, sharing: first, in: &plan) { makeHalf($0, inputs, $1, &$2) }
        }
    }
}
