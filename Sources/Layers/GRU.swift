public import Kernels

/// A layer of gated recurrent units (Cho et al. 2014) with the reset gate after the product, as in cuDNN and PyTorch:
///
///     a_t = x_t Wx + b,  s_t = h_{t-1} Wh + d            [batch, 3 cell]: reset, update, candidate
///     r_t = sigmoid(a_r + s_r),  z_t = sigmoid(a_z + s_z)
///     n_t = tanh(a_n + r_t s_n)
///     h_t = (1 - z_t) n_t + z_t h_{t-1}                  [batch, cell]
///
/// Only the candidate's part of d is a parameter, because the parts of the gates would be added to those of b.
///
/// ```swift
/// let layer = GRU("forward.layer1", inputs: 64, cell: 128, in: &plan)
/// ```
public struct GRU: RecurrentLayer {
    /// Number of units.
    public let cell: Int
    /// Weights of the input [inputs, 3 cell] and of the state [cell, 3 cell].
    public let inputWeight, recurrentWeight: Parameter
    /// Biases b [3 cell] and d [cell].
    public let bias, candidateBias: Parameter
    /// a, then the activations; in the backward pass the gradient of a, [rows, 3 cell].
    private let gates: MatrixSlot
    /// s including d; in the backward pass its gradient, [rows, 3 cell].
    private let products: MatrixSlot
    /// States, [rows + batch, cell]; block 0 is the state at the start of the window.
    private let states: MatrixSlot
    /// The recurrent weight, packed for all steps of a window.
    private let recurrentFactor: MatrixSlot

    /// Declares the layer.
    /// - `other`: a layer of the same size that never works at the same time; the two share memory.
    public init(_ name: String, inputs: Int, cell: Int, sharing other: GRU? = nil, in plan: inout Plan) {
        self.cell = cell
        let (rows, batch) = (plan.capacity.rows, plan.capacity.batch)
        inputWeight = plan.parameter("\(name).input.weight", [inputs, 3 * cell])
        recurrentWeight = plan.parameter("\(name).recurrent.weight", [cell, 3 * cell])
        bias = plan.parameter("\(name).bias", [3 * cell])
        candidateBias = plan.parameter("\(name).candidate.bias", [cell])
        let working = plan.isTraining ? nil : other
        gates = working?.gates ?? plan.matrix(rows: rows, columns: 3 * cell)
        products = working?.products ?? plan.matrix(rows: rows, columns: 3 * cell)
        states = plan.matrix(rows: rows + batch, columns: cell)
        recurrentFactor = other?.recurrentFactor ?? plan.packedWeight(rows: cell, columns: 3 * cell)
    }

    public var width: Int { cell }
    public var stateWidths: [Int] { [cell] }
    public var factors: [Parameter] { [inputWeight, recurrentWeight] }

    /// Initialises weights as Glorot and biases with 0.
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        parameters.fillGlorot(inputWeight, inputs: inputWeight.shape[0], outputs: cell, random: &random)
        parameters.fillGlorot(recurrentWeight, inputs: cell, outputs: cell, random: &random)
        parameters.fill(bias, with: 0)
        parameters.fill(candidateBias, with: 0)
    }

    public func outputs(_ shape: WindowShape, _ run: Run) -> Matrix {
        states(shape, run).rows(shape.batch..<shape.batch + shape.rows)
    }

    private func states(_ shape: WindowShape, _ run: Run) -> Matrix { run.matrix(states, rows: shape.rows + shape.batch) }

    public func forEachState(batch: Int, _ run: Run, _ body: (Matrix) -> Void) { body(run.matrix(states, rows: batch)) }

    public func carryState(from shape: WindowShape, _ run: Run) {
        let states = states(shape, run)
        run.backend.copy(states.rows(shape.rows..<shape.rows + shape.batch), to: states.rows(0..<shape.batch))
    }

    public func forward(_ input: Matrix, _ shape: WindowShape, _ run: Run) -> Matrix {
        run.check(shape)
        let backend = run.backend, states = states(shape, run), outputs = outputs(shape, run)
        let gates = run.matrix(gates, rows: shape.rows), products = run.matrix(products, rows: shape.rows)
        run.enter(.inputProducts, of: .recurrence)
        shape.forEachRun { run.multiply(input.rows($0), by: inputWeight, into: gates.rows($0)) }
        if run.memory.startsAtZero { backend.fill(states.rows(0..<shape.batch), with: 0) }
        run.enter(.recurrentProducts)
        let recurrent = run.packed(recurrentWeight) ?? backend.pack(run.value(recurrentWeight), into: run.vector(recurrentFactor))
        for step in 0..<shape.steps {
            let block = shape.activeBlock(step)
            guard !block.isEmpty else { break }
            run.enter(.recurrentProducts)
            backend.multiply(states.rows(block), recurrent, into: products.rows(block))
            run.enter(.gates)
            backend.gruStep(
                gates: gates.rows(block), products: products.rows(block), bias: run.value(bias),
                candidateBias: run.value(candidateBias), previous: states.rows(block), outputs: outputs.rows(block))
        }
        // Products of the backward pass multiply these rows by zero gradients, so they must be finite.
        if run.memory.isTraining { shape.forEachEnded { backend.fill(outputs.rows($0), with: 0) } }
        run.enter(.other)
        return outputs
    }

    /// The backward pass of the last forward pass. Call it once: it is truncated (BPTT), so no gradient flows into the initial
    /// state. `outputGradient` [rows, cell] is overwritten.
    public func backward(
        _ input: Matrix, outputGradient: Matrix, inputGradient: Matrix?, adding: Bool, _ shape: WindowShape, _ run: Run
    ) {
        let backend = run.backend, states = states(shape, run)
        let gates = run.matrix(gates, rows: shape.rows), products = run.matrix(products, rows: shape.rows)
        shape.forEachEnded { rows in
            backend.fill(gates.rows(rows), with: 0)
            backend.fill(products.rows(rows), with: 0)
            backend.fill(outputGradient.rows(rows), with: 0)
        }
        run.enter(.recurrentProducts, of: .recurrence)
        let recurrent = backend.pack(run.value(recurrentWeight).transposed, into: run.vector(recurrentFactor))
        for step in stride(from: shape.steps - 1, through: 0, by: -1) {
            let block = shape.activeBlock(step), gradient = outputGradient.rows(block)
            run.enter(.gates)
            backend.gruStepBackward(
                gates: gates.rows(block), products: products.rows(block), previous: states.rows(block), gradient: gradient)
            run.enter(.sums)
            backend.addColumnSums(of: gates.rows(block), to: run.gradient(bias))
            backend.addColumnSums(
                of: products.rows(block).columns(2 * cell..<3 * cell), to: run.gradient(candidateBias))
            guard step > 0 else { continue }
            let before = outputGradient.rows(block.lowerBound - shape.batch..<block.upperBound - shape.batch)
            backend.add(gradient, to: before)
            run.enter(.recurrentProducts)
            backend.multiply(products.rows(block), recurrent, into: before, adding: true)
        }
        run.enter(.weightProducts)
        backend.multiply(
            states.rows(0..<shape.rows).transposed, products, into: run.gradient(recurrentWeight), adding: true)
        backend.multiply(input.transposed, gates, into: run.gradient(inputWeight), adding: true)
        run.enter(.inputProducts)
        if let inputGradient { run.multiply(gates, byTransposed: inputWeight, into: inputGradient, adding: adding) }
        run.enter(.other)
    }
}
