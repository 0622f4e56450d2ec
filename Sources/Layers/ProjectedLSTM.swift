public import Kernels

/// An LSTM layer with optional projection of its output (Sak, Senior and Beaufays 2014) and with ELMo's clipping:
///
///     a_t = x_t Wx + h_{t-1} Wh + b                     [batch, 4 cell]: input, forget, candidate, output
///     c_t = clip(sigmoid(a_i) tanh(a_g) + sigmoid(a_f) c_{t-1})
///     m_t = sigmoid(a_o) tanh(c_t)                      [batch, cell]
///     p_t = clip(m_t Wp)                                [batch, projection]
///     h_t = mask * layerNorm(p_t)                       [batch, projection]
///
/// h_t is both the layer's output and the state that the next step reads. The mask is the recurrent dropout of the ELMo-C authors'
/// code: one draw for a window, the same at all its steps. Without a projection p_t is m_t.
///
/// The product of the input, and the gradients of weights, are single products over the whole window; a step computes only what
/// depends on the previous step.
///
/// ```swift
/// let options = ProjectedLSTM.Options(cell: 4096, projection: 512)
/// let layer = ProjectedLSTM("forward.layer1", inputs: 512, options: options, in: &plan)
/// ```
public struct ProjectedLSTM: RecurrentLayer {
    /// Sizes and options of a layer.
    ///
    ///  ```swift
    ///  var options = ProjectedLSTM.Options(cell: 4096, projection: 512)
    ///  options.cellClip = 3
    ///  ```
    public struct Options: Sendable, Equatable {
        /// Number of cells.
        public var cell: Int
        /// Width of the projection; `nil` means that the output is the cell's.
        public var projection: Int?
        /// Bound of ±c; infinity means no clipping.
        public var cellClip = Float.infinity
        /// Bound of ±p; infinity means no clipping.
        public var projectionClip = Float.infinity
        /// True if p is normalised.
        public var layerNorm = false
        /// Rate of the recurrent dropout.
        public var dropout: Float = 0

        /// Creates options without clipping, norm and dropout.
        public init(cell: Int, projection: Int?) {
            self.cell = cell
            self.projection = projection
        }

        /// Width of the output.
        public var output: Int { projection ?? cell }
    }

    /// Sizes and options.
    public let options: Options
    /// Width of the input.
    public let inputs: Int
    /// Wx, [inputs, 4 cell].
    public let inputWeight: Parameter
    /// Wh, [output, 4 cell].
    public let recurrentWeight: Parameter
    /// b, [4 cell].
    public let bias: Parameter
    /// Wp, [cell, projection]; `nil` without a projection.
    public let projectionWeight: Parameter?
    private let layerNorm: LayerNorm?
    private let dropout: Dropout

    // The memory of a pass. Matrices are time-major. States and cells have one block more than there are steps: block 0 is the
    // state at the start of the window.

    /// Pre-activations, then activations if the backend keeps them; in the backward pass their gradients. [rows, 4 cell].
    private let gates: MatrixSlot
    /// m, [rows, cell]. With a projection, on the processor, only that of one step, [batch, cell]: the backward pass recomputes it
    /// from c, in place of c.
    private let cellOutputs: MatrixSlot
    /// True if m is kept for all steps, which takes memory and saves time.
    private let keepsCellOutputs: Bool
    /// Cells, [rows + batch, cell], or only those of one step, [batch, cell], if a device only runs forward passes; and states,
    /// [rows + batch, output].
    private let cells, states: MatrixSlot
    private let keepsCells: Bool
    /// c after the last step, which the backward pass overwrites, [batch, cell].
    private let lastCells: MatrixSlot
    /// p, if it is not itself the output, [rows, output].
    private let raw: MatrixSlot?
    /// dm of one step, and dc on its way to the previous step, [batch, cell].
    private let cellOutputGradient, cellGradient: MatrixSlot
    /// dp of all steps, [rows, output], if it does not replace the output's gradient; and the sums of the norm.
    private let projectionGradient, normSums: MatrixSlot?
    /// Parts of a step's product with the projection, or in the backward pass with the recurrent weights, and their number.
    private let parts: MatrixSlot
    private let projectionParts, recurrentParts: Int
    /// The weights used at every step, packed once for all steps, transposed for the backward pass.
    private let recurrentFactor: MatrixSlot
    private let projectionFactor: MatrixSlot?

    /// Declares the layer.
    /// - `other`: a layer with the same options that never works at the same time. The two share packed weights and,
    ///   without training, scratch memory.
    public init(_ name: String, inputs: Int, options: Options, sharing other: ProjectedLSTM? = nil, in plan: inout Plan) {
        self.options = options
        self.inputs = inputs
        let (cell, output, rows, batch) = (options.cell, options.output, plan.capacity.rows, plan.capacity.batch)
        inputWeight = plan.parameter("\(name).input.weight", [inputs, 4 * cell])
        recurrentWeight = plan.parameter("\(name).recurrent.weight", [output, 4 * cell])
        bias = plan.parameter("\(name).bias", [4 * cell])
        projectionWeight = options.projection.map { plan.parameter("\(name).projection.weight", [cell, $0]) }
        layerNorm = options.layerNorm ? LayerNorm("\(name).norm", size: output, rows: rows, in: &plan) : nil
        dropout = Dropout(rate: options.dropout, rows: batch, width: output, keepsValues: false, in: &plan)

        let working = plan.isTraining ? nil : other
        keepsCellOutputs = !plan.isFrugal && plan.isTraining
        gates = working?.gates ?? plan.factor(rows: rows, columns: 4 * cell)
        cellOutputs = working?.cellOutputs ?? plan.factor(
            rows: options.projection == nil || keepsCellOutputs ? rows : batch, columns: cell)
        keepsCells = plan.isFrugal || plan.isTraining
        cells = plan.matrix(rows: keepsCells ? rows + batch : batch, columns: cell)
        states = plan.factor(rows: rows + batch, columns: output)
        lastCells = plan.matrix(rows: batch, columns: cell)
        let hasRaw = options.projection != nil && (options.layerNorm || options.dropout > 0)
        raw = hasRaw ? plan.factor(rows: rows, columns: output) : nil
        cellOutputGradient = plan.factor(rows: plan.isTraining ? batch : 0, columns: cell)
        cellGradient = plan.gradient(rows: batch, columns: cell)
        projectionGradient = plan.isFrugal ? nil : plan.factor(rows: plan.isTraining ? rows : 0, columns: output)
        normSums = plan.isFrugal || !options.layerNorm ? nil : plan.gradient(rows: plan.normSumRows, columns: 2 * output)
        projectionParts = options.projection.map { plan.stepParts(rows: batch, depth: cell, columns: $0) } ?? 1
        recurrentParts = plan.isTraining ? plan.stepParts(rows: batch, depth: 4 * cell, columns: output) : 1
        let mostParts = max(projectionParts, recurrentParts)
        parts = plan.matrix(rows: mostParts > 1 ? mostParts * batch : 0, columns: output)
        (recurrentFactor, projectionFactor) = plan.memory(of: "packed weights of a layer") { plan in
            guard let other, plan.isFrugal else {
                return (
                    plan.packedWeight(rows: output, columns: 4 * cell),
                    options.projection.map { plan.packedWeight(rows: cell, columns: $0) }
                )
            }
            return (other.recurrentFactor, other.projectionFactor)
        }
    }

    public var width: Int { options.output }
    public var stateWidths: [Int] { [options.output, options.cell] }

    public var factors: [Parameter] { [inputWeight, recurrentWeight] + [projectionWeight].compactMap { $0 } }

    /// Initialises weights as Glorot, the biases of the forget gate with 1 (Jozefowicz et al. 2015), and other biases with 0.
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        let cell = options.cell
        parameters.fillGlorot(inputWeight, inputs: inputs, outputs: cell, random: &random)
        parameters.fillGlorot(recurrentWeight, inputs: options.output, outputs: cell, random: &random)
        parameters.fill(bias, with: 0)
        parameters.backend.fill(parameters.value(bias).columns(cell..<2 * cell), with: 1)
        if let projectionWeight {
            parameters.fillGlorot(projectionWeight, inputs: cell, outputs: options.output, random: &random)
        }
        layerNorm?.initialize(parameters)
    }

    // MARK: - Memory

    /// Returns h of all steps, [rows, output].
    public func outputs(_ shape: WindowShape, _ run: Run) -> Matrix {
        states(shape, run).rows(shape.batch..<shape.batch + shape.rows)
    }

    private func states(_ shape: WindowShape, _ run: Run) -> Matrix { run.matrix(states, rows: shape.rows + shape.batch) }
    private func cells(_ shape: WindowShape, _ run: Run) -> Matrix {
        run.matrix(cells, rows: keepsCells ? shape.rows + shape.batch : shape.batch)
    }
    func gates(_ shape: WindowShape, _ run: Run) -> Matrix { run.matrix(gates, rows: shape.rows) }

    private func raw(_ shape: WindowShape, _ run: Run) -> Matrix {
        if options.projection == nil { return run.matrix(cellOutputs, rows: shape.rows) }
        return raw.map { run.matrix($0, rows: shape.rows) } ?? outputs(shape, run)
    }

    /// Calls `body` with the state in which a window of `batch` sequences starts: h, then c.
    public func forEachState(batch: Int, _ run: Run, _ body: (Matrix) -> Void) {
        body(run.matrix(states, rows: batch))
        body(run.matrix(cells, rows: batch))
    }

    /// Makes the state at the end of a full window the initial state of the next.
    public func carryState(from shape: WindowShape, _ run: Run) {
        let states = states(shape, run), cells = cells(shape, run)
        run.backend.copy(states.rows(shape.rows..<shape.rows + shape.batch), to: states.rows(0..<shape.batch))
        run.backend.copy(run.matrix(lastCells, rows: shape.batch), to: cells.rows(0..<shape.batch))
    }

    // MARK: - Forward

    /// Runs `input` [rows, inputs] through all steps of the window, starting from the state in the memory.
    public func forward(_ input: Matrix, _ shape: WindowShape, _ run: Run) -> Matrix {
        run.check(shape)
        run.enter(.inputProducts)
        let gates = gates(shape, run)
        shape.forEachRun { run.multiply(input.rows($0), by: inputWeight, into: gates.rows($0)) }
        return recur(shape, run)
    }

    /// Runs all steps of the window with the input's products already in the gates. A zero state is not multiplied.
    func recur(_ shape: WindowShape, _ run: Run) -> Matrix {
        run.check(shape)
        let backend = run.backend, bias = run.value(bias)
        if run.memory.startsAtZero { forEachState(batch: shape.batch, run) { backend.fill($0, with: 0) } }
        let gates = gates(shape, run), states = states(shape, run), cells = cells(shape, run)
        let raw = raw(shape, run), outputs = outputs(shape, run)
        run.enter(.dropout)
        let mask = dropout.draw(rows: shape.batch, run)
        run.enter(.recurrentProducts)
        let (recurrent, projection) = stepFactors(run)
        for step in 0..<shape.steps {
            let block = shape.activeBlock(step)
            guard !block.isEmpty else { break }
            run.enter(.recurrentProducts, of: .recurrence)
            if step > 0 || !run.memory.startsAtZero {
                backend.multiply(states.rows(block), recurrent, into: gates.rows(block), adding: true)
            }
            run.enter(.gates)
            let raw = raw.rows(block), output = outputs.rows(block)
            let cellOutputs = projection == nil ? raw
                : keepsCellOutputs ? run.matrix(cellOutputs, rows: shape.rows).rows(block) : run.matrix(cellOutputs, rows: block.count)
            let before = cells.rows(keepsCells ? block : 0..<block.count)
            let after = keepsCells ? cells.rows(block.lowerBound + shape.batch..<block.upperBound + shape.batch) : before
            backend.lstmStep(
                gates: gates.rows(block), bias: bias, previous: before, cells: after, outputs: cellOutputs, clip: options.cellClip)
            var ending = self.ending(block, mask, run)
            if let projection {
                run.enter(.projectionProducts, of: .projection)
                if projectionParts > 1 {
                    let parts = run.matrix(parts, rows: projectionParts * block.count)
                    backend.multiply(cellOutputs, projection, intoParts: parts)
                    ending.parts = parts
                } else {
                    backend.multiply(cellOutputs, projection, into: raw)
                }
            }
            run.enter(.layerNorm)
            backend.endStep(raw, ending, into: output)
        }
        run.enter(.other, of: .recurrence)
        if shape.active == nil {
            backend.copy(cells.rows(cells.rows - shape.batch..<cells.rows), to: run.matrix(lastCells, rows: shape.batch))
        } else if run.memory.isTraining {
            // Products of the backward pass multiply these rows by zero gradients, so they must be finite.
            shape.forEachEnded { backend.fill(outputs.rows($0), with: 0) }
        }
        return outputs
    }

    /// Returns the operations at the end of a step.
    private func ending(_ block: Range<Int>, _ mask: Matrix?, _ run: Run) -> StepEnding {
        var ending = StepEnding()
        if options.projection != nil { ending.clip = options.projectionClip }
        ending.norm = layerNorm?.step(block, run)
        ending.factors = mask
        ending.copies = raw != nil || options.projection == nil
        return ending
    }

    /// Returns the weights for the steps of a forward pass, packed now unless they are packed permanently.
    private func stepFactors(_ run: Run) -> (recurrent: PackedFactor, projection: PackedFactor?) {
        if let packed = run.packed(recurrentWeight) { return (packed, projectionWeight.flatMap { run.packed($0) }) }
        return (pack(run.value(recurrentWeight), recurrentFactor, run), packedProjection(run) { $0.operand })
    }

    /// Returns the transposed weights for the steps of a backward pass.
    private func backwardFactors(_ run: Run) -> (recurrent: PackedFactor, projection: PackedFactor?) {
        (pack(run.value(recurrentWeight).transposed, recurrentFactor, run), packedProjection(run, \.transposed))
    }

    private func pack(_ factor: some Factor, _ slot: MatrixSlot, _ run: Run) -> PackedFactor {
        run.backend.pack(factor, into: run.vector(slot))
    }

    private func packedProjection(_ run: Run, _ turn: (Matrix) -> Operand) -> PackedFactor? {
        guard let projectionWeight, let projectionFactor else { return nil }
        return pack(turn(run.value(projectionWeight)), projectionFactor, run)
    }

    // MARK: - Backward

    /// The backward pass of the last forward pass. Call it once: it is truncated (BPTT), so no gradient flows into the initial
    /// state. `outputGradient` [rows, output] is overwritten.
    public func backward(
        _ input: Matrix, outputGradient: Matrix, inputGradient: Matrix?, adding: Bool, _ shape: WindowShape, _ run: Run
    ) {
        recurBackward(outputGradient: outputGradient, shape, run)
        let gates = gates(shape, run)
        run.enter(.weightProducts, of: .recurrence)
        run.addProduct(input.transposed, gates, toGradientOf: inputWeight)
        run.enter(.inputProducts)
        if let inputGradient { run.multiply(gates, byTransposed: inputWeight, into: inputGradient, adding: adding) }
        run.enter(.other)
    }

    /// Runs the backward pass through all steps, without the input. The gates then hold the gradient of the input's products, which
    /// is zero past the end of sequences.
    func recurBackward(outputGradient: Matrix, startsAtZero: Bool = false, _ shape: WindowShape, _ run: Run) {
        let backend = run.backend
        let gates = gates(shape, run), states = states(shape, run), cells = cells(shape, run), raw = raw(shape, run)
        let cellGradient = run.matrix(cellGradient, rows: shape.batch)
        let projectionGradient = projectionGradient.map { run.matrix($0, rows: shape.rows) } ?? outputGradient
        // m of all steps. Where it was not kept, the backward pass writes it in place of c.
        let cellOutputs = keepsCellOutputs
            ? run.matrix(cellOutputs, rows: shape.rows) : cells.rows(shape.batch..<shape.batch + shape.rows)
        backend.fill(cellGradient, with: 0)
        shape.forEachEnded { rows in
            backend.fill(gates.rows(rows), with: 0)
            backend.fill(outputGradient.rows(rows), with: 0)
            if keepsCellOutputs { backend.fill(projectionGradient.rows(rows), with: 0) }
            backend.fill(cellOutputs.rows(rows), with: 0)
        }
        let mask = dropout.mask(rows: shape.batch, run)
        let sums = normSums.map { run.matrix($0, rows: backend.normSumRows) }
        if let sums { backend.fill(sums, with: 0) }
        run.enter(.recurrentProducts)
        let (recurrent, projection) = backwardFactors(run)
        // The gradient of a step's output from the next step, while it is in parts.
        var parts: Matrix?
        for step in stride(from: shape.steps - 1, through: 0, by: -1) {
            let block = shape.activeBlock(step)
            // From the gradient of the output to that of p.
            run.enter(.layerNorm, of: .projection)
            var ending = self.ending(block, mask, run)
            ending.parts = parts
            if let layerNorm {
                ending.norm?.gainGradient = run.gradient(layerNorm.gain)
                ending.norm?.biasGradient = run.gradient(layerNorm.bias)
                ending.norm?.sums = sums
            }
            let gradient = projectionGradient.rows(block)
            backend.endStepBackward(raw.rows(block), ending, gradient: outputGradient.rows(block), into: gradient)
            var cellOutputGradient = gradient
            if let projection {
                run.enter(.projectionProducts)
                cellOutputGradient = run.matrix(self.cellOutputGradient, rows: block.count)
                backend.multiply(gradient, projection, into: cellOutputGradient)
            }
            run.enter(.gates, of: .recurrence)
            backend.lstmStepBackward(
                gates: gates.rows(block), bias: run.value(self.bias), previous: cells.rows(block),
                cells: cells.rows(block.lowerBound + shape.batch..<block.upperBound + shape.batch),
                outputGradient: cellOutputGradient, cellGradient: cellGradient.rows(0..<block.count), clip: options.cellClip,
                recomputesOutputs: !keepsCellOutputs)
            run.enter(.sums)
            // A processor has the rows in its caches now; a device is faster with all of them at once.
            if backend.computesInHostMemory { backend.addColumnSums(of: gates.rows(block), to: run.gradient(bias)) }
            run.enter(.recurrentProducts)
            // If the previous step has more sequences, its rows differ from those of the parts.
            if step > 0 && recurrentParts > 1 && shape.active == nil {
                parts = run.matrix(self.parts, rows: recurrentParts * block.count)
                if let parts { backend.multiply(gates.rows(block), recurrent, intoParts: parts) }
            } else if step > 0 {
                let before = block.lowerBound - shape.batch..<block.upperBound - shape.batch
                backend.multiply(gates.rows(block), recurrent, into: outputGradient.rows(before), adding: true)
            }
        }
        if !backend.computesInHostMemory { backend.addColumnSums(of: gates, to: run.gradient(bias)) }
        if let sums, let layerNorm {
            backend.addColumnSums(of: sums.columns(0..<options.output), to: run.gradient(layerNorm.gain))
            backend.addColumnSums(of: sums.columns(options.output..<2 * options.output), to: run.gradient(layerNorm.bias))
        }
        run.enter(.weightProducts)
        let rows = (startsAtZero ? shape.batch : 0)..<shape.rows
        run.addProduct(states.rows(rows).transposed, gates.rows(rows), toGradientOf: recurrentWeight)
        if let projectionWeight {
            run.enter(.weightProducts, of: .projection)
            run.addProduct(cellOutputs.transposed, projectionGradient, toGradientOf: projectionWeight)
        }
    }
}
