internal import Glibc
public import Kernels

/// A layer of simple recurrent units (Lei et al. 2018), whose only products are those of the input:
///
///     a_t = x_t W                                        [batch, 3 cell]: candidate, forget, reset
///     f_t = sigmoid(a_f + v_f c_{t-1} + b_f),  r_t = sigmoid(a_r + v_r c_{t-1} + b_r)
///     c_t = f_t c_{t-1} + (1 - f_t) a_z                  [batch, cell]
///     h_t = r_t c_t + (1 - r_t) alpha x_t                [batch, cell]
///
/// alpha = sqrt(1 + 2 e^b) preserves the variance from layer to layer, where b is the initial value of b_r. Without the highway
/// connection h_t is r_t c_t. With a projection W is a product of two matrices, and a_t = (x_t P) W.
///
/// ```swift
/// let layer = SRU("forward.layer1", inputs: 512, options: SRU.Options(cell: 512), in: &plan)
/// ```
public struct SRU: RecurrentLayer {
    /// Sizes and options of a layer.
    ///
    ///  ```swift
    ///  var options = SRU.Options(cell: 512)
    ///  options.projection = 128
    ///  ```
    public struct Options: Sendable, Equatable {
        /// Number of units.
        public var cell: Int
        /// Columns of P; `nil` means no projection.
        public var projection: Int?
        /// True if there is a highway connection, which requires as many inputs as units.
        public var hasHighway = true
        /// Initial value of b_r, the bias of the reset gate.
        public var highwayBias: Float = 0

        /// Creates options with a highway connection and without projection.
        public init(cell: Int) { self.cell = cell }

        /// alpha
        var inputScale: Float { Float((1 + 2 * exp(Double(highwayBias))).squareRoot()) }
    }

    /// Sizes and options.
    public let options: Options
    /// Width of the input.
    public let inputs: Int
    /// P, [inputs, projection]; `nil` without a projection.
    public let projectionWeight: Parameter?
    /// W, [inputs or projection, 3 cell].
    public let inputWeight: Parameter
    /// v_f and v_r side by side, and b_f and b_r side by side, [2 cell] each.
    public let stateWeight, bias: Parameter
    /// x P, [rows, projection].
    private let projected: MatrixSlot?
    /// a; in the backward pass its gradient, [rows, 3 cell].
    private let gates: MatrixSlot
    /// c, [rows + batch, cell]; block 0 is the state at the start of the window.
    private let cells: MatrixSlot
    /// h, [rows, cell].
    private let hidden: MatrixSlot
    /// Gradient of x P, [rows, projection].
    private let projectedGradient: MatrixSlot?
    /// Gradients of the biases and of v for each sequence, [batch, 4 cell].
    private let sums: MatrixSlot

    /// Declares the layer.
    /// - `other`: a layer with the same options that never works at the same time; the two share memory.
    public init(_ name: String, inputs: Int, options: Options, sharing other: SRU? = nil, in plan: inout Plan) {
        precondition(inputs == options.cell || !options.hasHighway, "a highway from \(inputs) numbers to \(options.cell)")
        self.options = options
        self.inputs = inputs
        let (rows, batch, cell) = (plan.capacity.rows, plan.capacity.batch, options.cell)
        projectionWeight = options.projection.map { plan.parameter("\(name).projection.weight", [inputs, $0]) }
        inputWeight = plan.parameter("\(name).input.weight", [options.projection ?? inputs, 3 * cell])
        stateWeight = plan.parameter("\(name).state.weight", [2 * cell])
        bias = plan.parameter("\(name).bias", [2 * cell])
        let working = plan.isTraining ? nil : other
        projected = working?.projected ?? options.projection.map { plan.factor(rows: rows, columns: $0) }
        gates = working?.gates ?? plan.factor(rows: rows, columns: 3 * cell)
        cells = plan.matrix(rows: rows + batch, columns: cell)
        hidden = plan.factor(rows: rows, columns: cell)
        let backRows = plan.isTraining ? rows : 0
        projectedGradient = options.projection.map { plan.factor(rows: backRows, columns: $0) }
        sums = plan.gradient(rows: batch, columns: 4 * cell)
    }

    public var width: Int { options.cell }
    public var stateWidths: [Int] { [options.cell] }
    public var factors: [Parameter] { [projectionWeight].compactMap { $0 } + [inputWeight] }

    /// Initialises as in the paper: weights uniform with variance 1 / inputs, v with variance 1 and the gates' weights with half as
    /// much; biases 0, that of the reset gate `highwayBias`.
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        func bound(_ variance: Double) -> Double { (3 * variance).squareRoot() }
        if let projectionWeight {
            let bound = bound(1 / Double(inputs))
            parameters.fill(projectionWeight) { random.uniform(in: -bound..<bound) }
        }
        let cell = options.cell, whole = bound(1 / Double(inputWeight.shape[0])), half = whole * 0.5.squareRoot()
        var index = 0
        parameters.fill(inputWeight) {
            let bound = index % (3 * cell) < cell ? whole : half
            index += 1
            return random.uniform(in: -bound..<bound)
        }
        let ofState = bound(0.5)
        parameters.fill(stateWeight) { random.uniform(in: -ofState..<ofState) }
        parameters.fill(bias, with: 0)
        parameters.backend.fill(parameters.value(bias).columns(cell..<2 * cell), with: options.highwayBias)
    }

    // MARK: - Memory

    public func outputs(_ shape: WindowShape, _ run: Run) -> Matrix { run.matrix(hidden, rows: shape.rows) }

    private func cells(_ shape: WindowShape, _ run: Run) -> Matrix { run.matrix(cells, rows: shape.rows + shape.batch) }

    public func forEachState(batch: Int, _ run: Run, _ body: (Matrix) -> Void) { body(run.matrix(cells, rows: batch)) }

    public func carryState(from shape: WindowShape, _ run: Run) {
        let cells = cells(shape, run)
        run.backend.copy(cells.rows(shape.rows..<shape.rows + shape.batch), to: cells.rows(0..<shape.batch))
    }

    // MARK: - Passes

    public func forward(_ input: Matrix, _ shape: WindowShape, _ run: Run) -> Matrix {
        run.check(shape)
        let backend = run.backend, gates = run.matrix(gates, rows: shape.rows), outputs = outputs(shape, run)
        run.enter(.inputProducts, of: .recurrence)
        let projected = projected.map { run.matrix($0, rows: shape.rows) }
        shape.forEachRun { rows in
            if let projected, let projectionWeight {
                run.multiply(input.rows(rows), by: projectionWeight, into: projected.rows(rows))
            }
            run.multiply((projected ?? input).rows(rows), by: inputWeight, into: gates.rows(rows))
        }
        run.enter(.gates)
        if run.memory.startsAtZero { forEachState(batch: shape.batch, run) { backend.fill($0, with: 0) } }
        if run.memory.isTraining {
            shape.forEachEnded { rows in
                // NaN would spread into gradients that are zero.
                backend.fill(gates.rows(rows), with: 0)
                // Products of the backward pass multiply these rows by zero gradients, so they must be finite.
                if let projected { backend.fill(projected.rows(rows), with: 0) }
            }
        }
        backend.sru(
            gates: gates, bias: run.value(bias), weights: run.value(stateWeight), input: options.hasHighway ? input : nil,
            scale: options.inputScale, cells: cells(shape, run), outputs: outputs)
        if run.memory.isTraining { shape.forEachEnded { backend.fill(outputs.rows($0), with: 0) } }
        run.enter(.other)
        return outputs
    }

    /// The backward pass of the last forward pass. Call it once: it is truncated (BPTT), so no gradient flows into the initial
    /// state. `outputGradient` [rows, cell] is overwritten past the end of sequences. With the highway connection, `inputGradient`
    /// is required and not added to.
    public func backward(
        _ input: Matrix, outputGradient: Matrix, inputGradient: Matrix?, adding: Bool, _ shape: WindowShape, _ run: Run
    ) {
        precondition(!options.hasHighway || inputGradient != nil && !adding, "the highway's gradient begins that of the input")
        let backend = run.backend, gates = run.matrix(gates, rows: shape.rows), sums = run.matrix(sums, rows: shape.batch)
        run.enter(.gates, of: .recurrence)
        shape.forEachEnded { backend.fill(outputGradient.rows($0), with: 0) }
        backend.sruBackward(
            gates: gates, bias: run.value(bias), weights: run.value(stateWeight), input: options.hasHighway ? input : nil,
            scale: options.inputScale, cells: cells(shape, run), outputGradient: outputGradient,
            inputGradient: options.hasHighway ? inputGradient : nil, sums: sums)
        run.enter(.sums)
        backend.addColumnSums(of: sums.columns(0..<2 * options.cell), to: run.gradient(bias))
        backend.addColumnSums(of: sums.columns(2 * options.cell..<4 * options.cell), to: run.gradient(stateWeight))
        run.enter(.weightProducts)
        let adding = adding || options.hasHighway
        guard let projectionWeight, let projected, let projectedGradient else {
            run.addProduct(input.transposed, gates, toGradientOf: inputWeight)
            run.enter(.inputProducts)
            if let inputGradient { run.multiply(gates, byTransposed: inputWeight, into: inputGradient, adding: adding) }
            return run.enter(.other)
        }
        let gradient = run.matrix(projectedGradient, rows: shape.rows)
        run.addProduct(run.matrix(projected, rows: shape.rows).transposed, gates, toGradientOf: inputWeight)
        run.enter(.inputProducts)
        run.multiply(gates, byTransposed: inputWeight, into: gradient)
        run.enter(.weightProducts)
        run.addProduct(input.transposed, gradient, toGradientOf: projectionWeight)
        run.enter(.inputProducts)
        if let inputGradient { run.multiply(gradient, byTransposed: projectionWeight, into: inputGradient, adding: adding) }
        run.enter(.other)
    }
}
