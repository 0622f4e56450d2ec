public import Kernels

/// One quasi-recurrent layer (Bradbury et al. 2016): a convolution over the last one or two inputs makes the gates of all steps at
/// once, and what goes from step to step is one unit at a time:
///
///     a_t = x_t W + x_{t-1} V + b                        [batch, 3 cell]: candidate, forget, output
///     z_t = tanh(a_z),  f_t = sigmoid(a_f),  o_t = sigmoid(a_o)
///     c_t = f_t c_{t-1} + (1 - f_t) z_t                  [batch, cell]
///     h_t = o_t c_t                                      [batch, cell]
///
/// With a window of 1 there is no V. Without output gates (f-pooling) h_t is c_t. Zoneout (Krueger et al. 2017) makes f_t 1 in
/// training with a probability of p, so that a unit keeps its value; otherwise 1 - f_t counts 1 - p times, as it does on average.
public struct QRNN: RecurrentLayer {
    public struct Options: Sendable, Equatable {
        public var cell: Int
        /// Inputs that the gates of a step see: 1, or 2.
        public var window = 2
        public var hasOutputGate = true
        /// The probability p that a unit keeps its value, at least 0 and below 1.
        public var zoneout: Float = 0

        public init(cell: Int) { self.cell = cell }
    }

    public let options: Options
    public let inputs: Int
    /// W, [inputs, gates]
    public let inputWeight: Parameter
    /// V, [inputs, gates], with a window of 2.
    public let previousWeight: Parameter?
    /// [gates]
    public let bias: Parameter
    private let zoneout: Dropout
    /// [rows, gates]: pre-activations but for the bias; on the way back their gradients.
    private let gates: MatrixSlot
    /// c, [rows + batch, cell]: block 0 is where the window began.
    private let cells: MatrixSlot
    /// h, [rows, cell], if it is not c.
    private let hidden: MatrixSlot?
    /// With a window of 2, [rows + batch, inputs]: block 0 is the input before the window, so that row i is the input before row i
    /// of the window.
    private let inputsBefore: MatrixSlot?
    /// [batch, gates]: the gradient of the bias by sequences.
    private let sums: MatrixSlot

    /// - Parameter other: a layer of the same options, one of which at a time is at work.
    public init(_ name: String, inputs: Int, options: Options, sharing other: QRNN? = nil, in plan: inout Plan) {
        self.options = options
        self.inputs = inputs
        let (rows, batch, cell) = (plan.capacity.rows, plan.capacity.batch, options.cell)
        let width = (options.hasOutputGate ? 3 : 2) * cell
        inputWeight = plan.parameter("\(name).input.weight", [inputs, width])
        previousWeight = options.window == 1 ? nil : plan.parameter("\(name).previous.weight", [inputs, width])
        bias = plan.parameter("\(name).bias", [width])
        zoneout = Dropout(rate: options.zoneout, rows: rows, width: cell, keepsValues: false, in: &plan)
        gates = (plan.isTraining ? nil : other?.gates) ?? plan.factor(rows: rows, columns: width)
        cells = plan.matrix(rows: rows + batch, columns: cell)
        hidden = options.hasOutputGate ? plan.factor(rows: rows, columns: cell) : nil
        inputsBefore = options.window == 1 ? nil : plan.factor(rows: rows + batch, columns: inputs)
        sums = plan.gradient(rows: batch, columns: width)
    }

    public var width: Int { options.cell }
    public var stateWidths: [Int] { inputsBefore == nil ? [options.cell] : [options.cell, inputs] }
    public var factors: [Parameter] { [inputWeight] + [previousWeight].compactMap { $0 } }

    /// Glorot's weights, of all inputs that a gate sees; biases 0.
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        for weight in factors {
            parameters.fillGlorot(weight, inputs: options.window * inputs, outputs: options.cell, random: &random)
        }
        parameters.fill(bias, with: 0)
    }

    // MARK: - Memory

    public func outputs(_ shape: WindowShape, _ run: Run) -> Matrix {
        hidden.map { run.matrix($0, rows: shape.rows) } ?? cells(shape, run).rows(shape.batch..<shape.batch + shape.rows)
    }

    private func cells(_ shape: WindowShape, _ run: Run) -> Matrix { run.matrix(cells, rows: shape.rows + shape.batch) }
    private func inputsBefore(_ shape: WindowShape, _ run: Run) -> Matrix? {
        inputsBefore.map { run.matrix($0, rows: shape.rows + shape.batch) }
    }

    /// The factors of zoneout in this pass, and the share of 1 - f that counts beside them: inverted dropout's factors are
    /// divided by 1 - p.
    private func kept(_ shape: WindowShape, _ run: Run) -> (factors: Matrix?, share: Float) {
        (zoneout.mask(rows: shape.rows, run), 1 - options.zoneout)
    }

    /// Calls `body` with the state that a window of `batch` sequences begins in: c, and with a window of 2 the input before it.
    public func forEachState(batch: Int, _ run: Run, _ body: (Matrix) -> Void) {
        body(run.matrix(cells, rows: batch))
        if let inputsBefore { body(run.matrix(inputsBefore, rows: batch)) }
    }

    public func carryState(from shape: WindowShape, _ run: Run) {
        func carry(_ matrix: Matrix) {
            run.backend.copy(matrix.rows(shape.rows..<shape.rows + shape.batch), to: matrix.rows(0..<shape.batch))
        }
        carry(cells(shape, run))
        if let before = inputsBefore(shape, run) { carry(before) }
    }

    // MARK: - Passes

    public func forward(_ input: Matrix, _ shape: WindowShape, _ run: Run) -> Matrix {
        run.check(shape)
        let backend = run.backend, gates = run.matrix(gates, rows: shape.rows), before = inputsBefore(shape, run)
        run.enter(.sums, of: .recurrence)
        if run.memory.startsAtZero { forEachState(batch: shape.batch, run) { backend.fill($0, with: 0) } }
        if let before { backend.copy(input, to: before.rows(shape.batch..<shape.batch + shape.rows)) }
        run.enter(.inputProducts)
        let own = ownInput(input, shape, run)
        shape.forEachRun { rows in
            run.multiply(own.rows(rows), by: inputWeight, into: gates.rows(rows))
            if let before, let previousWeight {
                run.multiply(before.rows(rows), by: previousWeight, into: gates.rows(rows), adding: true)
            }
        }
        run.enter(.dropout)
        _ = zoneout.draw(rows: shape.rows, run)
        run.enter(.gates)
        // What is not a number would spoil gradients that are zero.
        if run.memory.isTraining { shape.forEachEnded { backend.fill(gates.rows($0), with: 0) } }
        let (factors, share) = kept(shape, run), outputs = outputs(shape, run)
        backend.qrnn(
            gates: gates, bias: run.value(bias), factors: factors, share: share, cells: cells(shape, run),
            outputs: options.hasOutputGate ? outputs : nil)
        // What products of the backward pass meet, times gradients that are zero.
        if run.memory.isTraining { shape.forEachEnded { backend.fill(outputs.rows($0), with: 0) } }
        run.enter(.other)
        return outputs
    }

    /// The input of the window in the form that products take, if it is kept.
    private func ownInput(_ input: Matrix, _ shape: WindowShape, _ run: Run) -> Matrix {
        inputsBefore(shape, run)?.rows(shape.batch..<shape.batch + shape.rows) ?? input
    }

    /// The backward pass of the last forward pass, once (truncated BPTT: nothing flows into the state it began with).
    /// `outputGradient` [rows, cell] is overwritten where sequences had ended.
    public func backward(
        _ input: Matrix, outputGradient: Matrix, inputGradient: Matrix?, adding: Bool, _ shape: WindowShape, _ run: Run
    ) {
        let backend = run.backend, gates = run.matrix(gates, rows: shape.rows), sums = run.matrix(sums, rows: shape.batch)
        run.enter(.gates, of: .recurrence)
        shape.forEachEnded { backend.fill(outputGradient.rows($0), with: 0) }
        let (factors, share) = kept(shape, run)
        backend.qrnnBackward(
            gates: gates, bias: run.value(bias), factors: factors, share: share, cells: cells(shape, run),
            outputGradient: outputGradient, sums: sums)
        run.enter(.sums)
        backend.addColumnSums(of: sums, to: run.gradient(bias))
        run.enter(.weightProducts)
        run.addProduct(ownInput(input, shape, run).transposed, gates, toGradientOf: inputWeight)
        if let before = inputsBefore(shape, run), let previousWeight {
            run.addProduct(before.rows(0..<shape.rows).transposed, gates, toGradientOf: previousWeight)
        }
        run.enter(.inputProducts)
        if let inputGradient {
            run.multiply(gates, byTransposed: inputWeight, into: inputGradient, adding: adding)
            // Each step's gates saw the input of the step before.
            if let previousWeight, shape.steps > 1 {
                run.multiply(
                    gates.rows(shape.batch..<shape.rows), byTransposed: previousWeight,
                    into: inputGradient.rows(0..<shape.rows - shape.batch), adding: true)
            }
        }
        run.enter(.other)
    }
}
