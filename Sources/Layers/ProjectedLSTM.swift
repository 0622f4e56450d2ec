public import Kernels
internal import Parallel

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
public struct ProjectedLSTM: Sendable {
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
    let layerNorm: LayerNorm?
    let dropout: Dropout

    /// - Parameter dropoutSite: see `Dropout.site`.
    public init(
        _ name: String, inputs: Int, options: Options, dropoutSite: Int = 0, in layout: inout ParameterLayout
    ) {
        self.options = options
        self.inputs = inputs
        inputWeight = layout.declare("\(name).input.weight", [inputs, 4 * options.cell])
        recurrentWeight = layout.declare("\(name).recurrent.weight", [options.output, 4 * options.cell])
        bias = layout.declare("\(name).bias", [4 * options.cell])
        projectionWeight = options.projection.map {
            layout.declare("\(name).projection.weight", [options.cell, $0])
        }
        layerNorm = options.layerNorm ? LayerNorm("\(name).norm", size: options.output, in: &layout) : nil
        dropout = Dropout(rate: options.dropout, site: dropoutSite)
    }

    var factors: [Parameter] { [inputWeight, recurrentWeight] + [projectionWeight].compactMap { $0 } }

    /// Glorot's weights; biases 0, those of the forget gate 1 (Jozefowicz et al. 2015).
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        let cell = options.cell
        parameters.fillGlorot(inputWeight, inputs: inputs, outputs: cell, random: &random)
        parameters.fillGlorot(recurrentWeight, inputs: options.output, outputs: cell, random: &random)
        parameters.fill(bias, with: 0)
        parameters.value(bias).columns(cell..<2 * cell).fill(1)
        if let projectionWeight {
            parameters.fillGlorot(projectionWeight, inputs: cell, outputs: options.output, random: &random)
        }
        layerNorm?.initialize(parameters)
    }

    /// `input` [rows, inputs] through all steps of the window, from the state that `memory` holds. The outputs are
    /// `memory.outputs(shape)`.
    public func forward(
        _ input: Matrix, shape: WindowShape, mode: PassMode, memory: LSTMMemory, _ parameters: ParameterStore,
        _ compute: Compute
    ) {
        memory.check(shape)
        compute.enter(.inputProducts)
        let gates = memory.gates(shape)
        if let packed = parameters.packed(inputWeight) {
            shape.forEachRun { compute.multiply(input.rows($0), packed, into: gates.rows($0)) }
        } else {
            compute.multiply(input, parameters.value(inputWeight), into: gates)
        }
        recur(shape: shape, mode: mode, memory: memory, parameters, compute)
    }

    /// The same when `memory.gates` already holds the input's products. A state that is zero is not multiplied.
    func recur(
        shape: WindowShape, mode: PassMode, memory: LSTMMemory, _ parameters: ParameterStore, _ compute: Compute
    ) {
        memory.check(shape)
        memory.prepareState(shape)
        let gates = memory.gates(shape)
        compute.enter(.dropout)
        memory.isMasked = dropout.prepare(memory.mask(shape), mode)

        compute.enter(.recurrentProducts)
        let (recurrent, projection) = memory.weights.factors(of: self, parameters, compute)
        for step in 0..<shape.steps {
            let block = shape.activeBlock(step)
            guard !block.isEmpty else { break }
            let previous = memory.states(shape).rows(block)
            compute.enter(.recurrentProducts, of: .recurrence)
            if step > 0 || !memory.isAtZero {
                compute.multiply(previous, recurrent, into: gates.rows(block), adding: true)
            }
            compute.enter(.gates)
            CellStep(self, memory, shape, step, compute.kernels).forward(bias: parameters.value(bias).start, compute)
            let raw = memory.raw(shape).rows(block)
            if let projection {
                compute.enter(.projectionProducts, of: .projection)
                compute.multiply(memory.cellOutputs(shape, step), projection, into: raw)
                compute.enter(.dropout)
                clip(raw)
            }
            let output = memory.outputs(shape).rows(block)
            compute.enter(.layerNorm)
            if let layerNorm {
                layerNorm.forward(
                    raw, into: output, statistics: memory.statistics.start + 2 * block.lowerBound, parameters)
            } else if raw.start != output.start {
                output.copy(from: raw)
            }
            compute.enter(.dropout)
            if memory.isMasked { Dropout.apply(memory.mask(shape), to: output) }
        }
        compute.enter(.other, of: .recurrence)
        memory.keepLastCells(shape)
    }

    /// The way back of the last forward pass of `memory`, once, and of a full window (truncated BPTT: nothing flows into
    /// the state it began with). Adds to the weights' gradients.
    ///
    /// - Parameters:
    ///   - outputGradient: [rows, output]; overwritten.
    ///   - inputGradient: [rows, inputs], written where one is wanted, or added to with `addingToInput`.
    public func backward(
        _ input: Matrix, shape: WindowShape, memory: LSTMMemory, outputGradient: Matrix, inputGradient: Matrix?,
        addingToInput: Bool = false, _ parameters: ParameterStore, _ compute: Compute
    ) {
        recurBackward(shape: shape, memory: memory, outputGradient: outputGradient, parameters, compute)
        let gates = memory.gates(shape)
        compute.enter(.weightProducts, of: .recurrence)
        compute.multiply(input.transposed, gates, into: parameters.gradient(inputWeight), adding: true)
        compute.enter(.inputProducts)
        if let inputGradient {
            compute.multiply(
                gates, parameters.value(inputWeight).transposed, into: inputGradient, adding: addingToInput)
        }
        compute.enter(.other)
    }

    /// The same but for what concerns the input: `memory.gates` holds the gradient of the input's products afterwards.
    func recurBackward(
        shape: WindowShape, memory: LSTMMemory, outputGradient: Matrix, startsAtZero: Bool = false,
        _ parameters: ParameterStore, _ compute: Compute
    ) {
        precondition(shape.active == nil, "only full windows go backward")
        memory.clearCellGradient(shape)
        let gates = memory.gates(shape)
        let weights = memory.weights
        compute.enter(.recurrentProducts)
        weights.pack(self, transposed: true, parameters, compute)
        for step in stride(from: shape.steps - 1, through: 0, by: -1) {
            let block = shape.block(step)
            // From the output's gradient to that of p, in place.
            let gradient = outputGradient.rows(block)
            compute.enter(.dropout, of: .projection)
            if memory.isMasked { Dropout.apply(memory.mask(shape), to: gradient) }
            compute.enter(.layerNorm)
            let raw = memory.raw(shape).rows(block)
            layerNorm?.backward(
                raw, statistics: memory.statistics.start + 2 * block.lowerBound, outputGradient: gradient,
                inputGradient: gradient, parameters)
            var cellOutputGradient = gradient
            if let projection = weights.projection {
                compute.enter(.dropout)
                maskClipped(gradient, by: raw)
                compute.enter(.projectionProducts)
                cellOutputGradient = memory.cellOutputGradient(shape)
                compute.multiply(gradient, projection, into: cellOutputGradient)
            }
            compute.enter(.gates, of: .recurrence)
            CellStep(self, memory, shape, step, compute.kernels).backward(cellOutputGradient, compute)
            compute.enter(.sums)
            compute.addColumnSums(of: gates.rows(block), to: parameters.gradient(bias).start)
            compute.enter(.recurrentProducts)
            if step > 0 {
                compute.multiply(
                    gates.rows(block), weights.recurrent, into: outputGradient.rows(shape.block(step - 1)),
                    adding: true)
            }
        }
        compute.enter(.weightProducts)
        let rows = (startsAtZero ? shape.batch : 0)..<shape.rows
        compute.multiply(
            memory.states(shape).rows(rows).transposed, gates.rows(rows), into: parameters.gradient(recurrentWeight),
            adding: true)
        if let projectionWeight {
            compute.enter(.weightProducts, of: .projection)
            compute.multiply(
                memory.recomputedCellOutputs(shape).transposed, outputGradient,
                into: parameters.gradient(projectionWeight), adding: true)
        }
    }

    private func clip(_ values: Matrix) {
        guard options.projectionClip < .infinity else { return }
        let bound = options.projectionClip
        for row in 0..<values.rows {
            let values = values.row(row)
            for index in 0..<options.output {
                // Written so that NaN stays.
                if values[index] > bound { values[index] = bound }
                if values[index] < -bound { values[index] = -bound }
            }
        }
    }

    /// A clipped value passes no gradient on.
    private func maskClipped(_ gradient: Matrix, by clipped: Matrix) {
        guard options.projectionClip < .infinity else { return }
        for row in 0..<gradient.rows {
            let gradient = gradient.row(row)
            let clipped = clipped.row(row)
            for index in 0..<options.output where abs(clipped[index]) >= options.projectionClip { gradient[index] = 0 }
        }
    }
}

/// The cells of one step, cut by rows for the threads.
private struct CellStep {
    let gates, previous, cells, outputs: Matrix
    let cellGradient: Matrix
    let size: Int
    let clip: Float
    let kernels: ProcessorKernels
    let rowsPerTask: Int
    var outputGradient: Matrix
    /// [4 cell]
    var bias: UnsafePointer<Float>?

    /// Cells that are worth a task of their own.
    private static let leastCells = 4096

    init(
        _ layer: ProjectedLSTM, _ memory: LSTMMemory, _ shape: WindowShape, _ step: Int, _ kernels: ProcessorKernels
    ) {
        self.kernels = kernels
        let block = shape.activeBlock(step)
        gates = memory.gates(shape).rows(block)
        previous = memory.cells(shape).rows(block)
        cells = memory.cells(shape).rows(block.lowerBound + shape.batch..<block.upperBound + shape.batch)
        outputs = memory.cellOutputs(shape, step)
        cellGradient = memory.cellGradient(shape)
        outputGradient = outputs
        size = layer.options.cell
        clip = layer.options.cellClip
        rowsPerTask = max(1, Self.leastCells / size)
    }

    private var tasks: Int { (gates.rows + rowsPerTask - 1) / rowsPerTask }

    private func rows(_ task: Int) -> Range<Int> { task * rowsPerTask..<min((task + 1) * rowsPerTask, gates.rows) }

    func forward(bias: UnsafePointer<Float>, _ compute: Compute) {
        var job = self
        job.bias = bias
        compute.pool.forEach(tasks, context: &job) { context, task in
            let job = context.assumingMemoryBound(to: CellStep.self).pointee
            guard let bias = job.bias else { return }
            for row in job.rows(task) {
                job.kernels.forwardCells(
                    gates: job.gates.row(row), bias: bias, previous: job.previous.row(row), cell: job.cells.row(row),
                    output: job.outputs.row(row), size: job.size, clip: job.clip)
            }
        }
    }

    func backward(_ outputGradient: Matrix, _ compute: Compute) {
        var job = self
        job.outputGradient = outputGradient
        compute.pool.forEach(tasks, context: &job) { context, task in
            let job = context.assumingMemoryBound(to: CellStep.self).pointee
            for row in job.rows(task) {
                job.kernels.backwardCells(
                    gates: job.gates.row(row), previous: job.previous.row(row), cell: job.cells.row(row),
                    outputGradient: job.outputGradient.row(row), cellGradient: job.cellGradient.row(row),
                    size: job.size, clip: job.clip)
            }
        }
    }
}
