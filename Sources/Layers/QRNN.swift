public import Kernels

/// A quasi-recurrent layer (Bradbury et al. 2016): a convolution over the last one or two inputs computes the gates of all steps at
/// once, and the recurrence acts on single units:
///
///     a_t = x_t W + x_{t-1} V + b                        [batch, 3 cell]: candidate, forget, output
///     z_t = tanh(a_z),  f_t = sigmoid(a_f),  o_t = sigmoid(a_o)
///     c_t = f_t c_{t-1} + (1 - f_t) z_t                  [batch, cell]
///     h_t = o_t c_t                                      [batch, cell]
///
/// With a window of 1 there is no V. Without output gates (f-pooling) h_t is c_t. In training, zoneout (Krueger et al. 2017) sets
/// f_t to 1 with probability p, so that a unit keeps its value; in inference 1 - f_t is multiplied by 1 - p, its average factor.
///
/// ```swift
/// let layer = QRNN("forward.layer1", inputs: 512, options: QRNN.Options(cell: 1024), in: &plan)
/// ```
public struct QRNN: RecurrentLayer {
    /// Sizes and options of a layer.
    ///
    ///  ```swift
    ///  var options = QRNN.Options(cell: 1024)
    ///  options.zoneout = 0.1
    ///  ```
    public struct Options: Sendable, Equatable {
        /// Number of units.
        public var cell: Int
        /// Number of inputs that the gates of a step see: 1 or 2.
        public var window = 2
        /// True if there are output gates.
        public var hasOutputGate = true
        /// Probability p that a unit keeps its value, in 0 ..< 1.
        public var zoneout: Float = 0

        /// Creates options with a window of 2, output gates, and no zoneout.
        public init(cell: Int) { self.cell = cell }
    }

    /// Sizes and options.
    public let options: Options
    /// Width of the input.
    public let inputs: Int
    /// W, [inputs, gates].
    public let inputWeight: Parameter
    /// V, [inputs, gates]; `nil` with a window of 1.
    public let previousWeight: Parameter?
    /// b, [gates].
    public let bias: Parameter
    private let zoneout: Dropout
    /// Pre-activations without the bias; in the backward pass their gradients, [rows, gates].
    private let gates: MatrixSlot
    /// c, [rows + batch, cell]; block 0 is the state at the start of the window.
    private let cells: MatrixSlot
    /// h, [rows, cell], if it differs from c.
    private let hidden: MatrixSlot?
    /// With a window of 2, the inputs, [rows + batch, inputs]; block 0 is the input before the window, so that row i is the input
    /// before row i of the window.
    private let inputsBefore: MatrixSlot?
    /// Gradient of the bias for each sequence, [batch, gates].
    private let sums: MatrixSlot

    /// Declares the layer.
    /// - `other`: a layer with the same options that never works at the same time; the two share memory.
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

    /// Initialises weights as Glorot, counting all inputs that a gate sees, and biases with 0.
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

    /// Returns the zoneout factors of this pass, and a further factor of 1 - f: factors of inverted dropout are divided by 1 - p.
    private func kept(_ shape: WindowShape, _ run: Run) -> (factors: Matrix?, share: Float) {
        (zoneout.mask(rows: shape.rows, run), 1 - options.zoneout)
    }

    /// Calls `body` with the state in which a window of `batch` sequences starts: c, and with a window of 2 the previous input.
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
        // NaN would spread into gradients that are zero.
        if run.memory.isTraining { shape.forEachEnded { backend.fill(gates.rows($0), with: 0) } }
        let (factors, share) = kept(shape, run), outputs = outputs(shape, run)
        backend.qrnn(
            gates: gates, bias: run.value(bias), factors: factors, share: share, cells: cells(shape, run),
            outputs: options.hasOutputGate ? outputs : nil)
        // Products of the backward pass multiply these rows by zero gradients, so they must be finite.
        if run.memory.isTraining { shape.forEachEnded { backend.fill(outputs.rows($0), with: 0) } }
        run.enter(.other)
        return outputs
    }

    /// Returns the input of the window in the form for products, if it is kept.
    private func ownInput(_ input: Matrix, _ shape: WindowShape, _ run: Run) -> Matrix {
        inputsBefore(shape, run)?.rows(shape.batch..<shape.batch + shape.rows) ?? input
    }

    /// The backward pass of the last forward pass. Call it once: it is truncated (BPTT), so no gradient flows into the initial
    /// state. `outputGradient` [rows, cell] is overwritten past the end of sequences.
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
            // Each step's gates saw the input of the previous step.
            if let previousWeight, shape.steps > 1 {
                run.multiply(
                    gates.rows(shape.batch..<shape.rows), byTransposed: previousWeight,
                    into: inputGradient.rows(0..<shape.rows - shape.batch), adding: true)
            }
        }
        run.enter(.other)
    }
}
