public import Kernels

/// One LSTM layer with an optional projection of its output (Sak, Senior and Beaufays 2014), clipped as in ELMo:
///
///     a_t = x_t Wx + h_{t-1} Wh + b                     [batch, 4 cell]: input, forget, candidate, output
///     c_t = clip(sigmoid(a_i) tanh(a_g) + sigmoid(a_f) c_{t-1})
///     m_t = sigmoid(a_o) tanh(c_t)                      [batch, cell]
///     p_t = clip(m_t Wp)                                [batch, projection]
///     h_t = mask * layerNorm(p_t)                       [batch, projection]
///
/// h_t is both the layer's output and what the next step sees. The mask is the recurrent dropout of the ELMo-C authors'
/// code: one draw for a window, the same at all its steps. Without a projection p_t is m_t.
///
/// The input's product, and the weights' gradients, are single products over the whole window; a step computes only
/// what depends on the step before it.
public struct ProjectedLSTM: RecurrentLayer {
    public struct Options: Sendable, Equatable {
        public var cell: Int
        /// `nil`: the output is the cell's, unprojected.
        public var projection: Int?
        /// Bounds of ±c and ±p; infinite for none.
        public var cellClip = Float.infinity
        public var projectionClip = Float.infinity
        public var layerNorm = false
        public var dropout: Float = 0

        public init(cell: Int, projection: Int?) {
            self.cell = cell
            self.projection = projection
        }

        public var output: Int { projection ?? cell }
    }

    public let options: Options
    public let inputs: Int
    /// [inputs, 4 cell]
    public let inputWeight: Parameter
    /// [output, 4 cell]
    public let recurrentWeight: Parameter
    /// [4 cell]
    public let bias: Parameter
    /// [cell, projection]
    public let projectionWeight: Parameter?
    private let layerNorm: LayerNorm?
    private let dropout: Dropout

    // The memory of a pass. Matrices are time-major; states and cells have one block more than there are steps: block 0 is
    // where the window began.

    /// [rows, 4 cell]: pre-activations, then activations where a backend keeps those; on the way back their gradients.
    private let gates: MatrixSlot
    /// m: [rows, cell], or with a projection, on the processor, [batch, cell], of one step: the way back computes it again, from c
    /// and in its place.
    private let cellOutputs: MatrixSlot
    /// True if m is kept of all steps, which takes memory and saves time.
    private let keepsCellOutputs: Bool
    /// [rows + batch, cell], or [batch, cell], of one step, where a device only goes forward; and [rows + batch, output].
    private let cells, states: MatrixSlot
    private let keepsCells: Bool
    /// [batch, cell]: c after the last step, which the way back overwrites.
    private let lastCells: MatrixSlot
    /// [rows, output]: p, where it is not itself the output.
    private let raw: MatrixSlot?
    /// [batch, cell]: dm of a step, and dc on its way to the step before.
    private let cellOutputGradient, cellGradient: MatrixSlot
    /// dp of all steps, [rows, output], where it is not made in the place of the output's gradient; and the sums of the norm.
    private let projectionGradient, normSums: MatrixSlot?
    /// The parts of a step's product with the projection, or on the way back with the recurrent weights, and their numbers.
    private let parts: MatrixSlot
    private let projectionParts, recurrentParts: Int
    /// The weights that meet every step, packed once for all of them, transposed on the way back.
    private let recurrentFactor: MatrixSlot
    private let projectionFactor: MatrixSlot?

    /// - Parameter other: a layer of the same options: both use its packed weights and, without training, its working memory,
    ///   because one of them at a time is at work.
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

    /// Glorot's weights; biases 0, those of the forget gate 1 (Jozefowicz et al. 2015).
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

    /// h of all steps: [rows, output].
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

    /// Calls `body` with the state that a window of `batch` sequences begins in: h, then c.
    public func forEachState(batch: Int, _ run: Run, _ body: (Matrix) -> Void) {
        body(run.matrix(states, rows: batch))
        body(run.matrix(cells, rows: batch))
    }

    /// Makes the state at the end of a full window the one the next window begins with.
    public func carryState(from shape: WindowShape, _ run: Run) {
        let states = states(shape, run), cells = cells(shape, run)
        run.backend.copy(states.rows(shape.rows..<shape.rows + shape.batch), to: states.rows(0..<shape.batch))
        run.backend.copy(run.matrix(lastCells, rows: shape.batch), to: cells.rows(0..<shape.batch))
    }

    // MARK: - Forward

    /// `input` [rows, inputs] through all steps of the window, from the state that the memory holds.
    public func forward(_ input: Matrix, _ shape: WindowShape, _ run: Run) -> Matrix {
        run.check(shape)
        run.enter(.inputProducts)
        let gates = gates(shape, run)
        shape.forEachRun { run.multiply(input.rows($0), by: inputWeight, into: gates.rows($0)) }
        return recur(shape, run)
    }

    /// Goes through all steps of the window when the gates already hold the input's products. A zero state is not multiplied.
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
            // What products of the backward pass meet, times gradients that are zero.
            shape.forEachEnded { backend.fill(outputs.rows($0), with: 0) }
        }
        return outputs
    }

    /// The operations at the end of a step.
    private func ending(_ block: Range<Int>, _ mask: Matrix?, _ run: Run) -> StepEnding {
        var ending = StepEnding()
        if options.projection != nil { ending.clip = options.projectionClip }
        ending.norm = layerNorm?.step(block, run)
        ending.factors = mask
        ending.copies = raw != nil || options.projection == nil
        return ending
    }

    /// The weights for the steps of a forward pass: packed now, unless they are packed for good.
    private func stepFactors(_ run: Run) -> (recurrent: PackedFactor, projection: PackedFactor?) {
        if let packed = run.packed(recurrentWeight) { return (packed, projectionWeight.flatMap { run.packed($0) }) }
        return (pack(run.value(recurrentWeight), recurrentFactor, run), packedProjection(run) { $0.operand })
    }

    /// The transposed weights for the steps of a backward pass.
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

    /// The backward pass of the last forward pass, once (truncated BPTT: nothing flows into the state it began with).
    /// `outputGradient` [rows, output] is overwritten.
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

    /// Goes back through all steps, and leaves the input alone. The gates hold the gradient of the input's products afterwards,
    /// which is zero where sequences had ended.
    func recurBackward(outputGradient: Matrix, startsAtZero: Bool = false, _ shape: WindowShape, _ run: Run) {
        let backend = run.backend
        let gates = gates(shape, run), states = states(shape, run), cells = cells(shape, run), raw = raw(shape, run)
        let cellGradient = run.matrix(cellGradient, rows: shape.batch)
        let projectionGradient = projectionGradient.map { run.matrix($0, rows: shape.rows) } ?? outputGradient
        // m of all steps, which the way back puts in the place of c where it was not kept.
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
        // What the step after a step gives to its output's gradient, while that is in parts.
        var parts: Matrix?
        for step in stride(from: shape.steps - 1, through: 0, by: -1) {
            let block = shape.activeBlock(step)
            // From the output's gradient to that of p.
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
            // Where the step before has more sequences, its rows are not those of the parts.
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
