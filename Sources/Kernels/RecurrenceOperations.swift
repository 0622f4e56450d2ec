internal import CKernels
internal import Parallel

// Recurrences of single units over all steps of a window, split among the threads by sequences and runs of units.
extension ProcessorBackend {
    public func qrnn(gates: Matrix, bias: Matrix, factors: Matrix?, share: Float, cells: Matrix, outputs: Matrix?) {
        var job = Recurrence(gates: gates, bias: bias, scale: share, cells: cells, kernel: kernels.forwardQRNN)
        (job.factors, job.outputs, job.isGated) = (factors, outputs, outputs != nil)
        pool.run(job)
    }

    public func qrnnBackward(
        gates: Matrix, bias: Matrix, factors: Matrix?, share: Float, cells: Matrix, outputGradient: Matrix, sums: Matrix
    ) {
        var job = Recurrence(gates: gates, bias: bias, scale: share, cells: cells, kernel: kernels.backwardQRNN)
        (job.factors, job.outputGradient, job.sums) = (factors, outputGradient, sums)
        job.isGated = gates.columns == 3 * cells.columns
        pool.run(job)
    }

    public func sru(
        gates: Matrix, bias: Matrix, weights: Matrix, input: Matrix?, scale: Float, cells: Matrix, outputs: Matrix
    ) {
        var job = Recurrence(gates: gates, bias: bias, scale: scale, cells: cells, kernel: kernels.forwardSRU)
        (job.weights, job.input, job.outputs) = (weights, input, outputs)
        pool.run(job)
    }

    public func sruBackward(
        gates: Matrix, bias: Matrix, weights: Matrix, input: Matrix?, scale: Float, cells: Matrix, outputGradient: Matrix,
        inputGradient: Matrix?, sums: Matrix
    ) {
        precondition((input == nil) == (inputGradient == nil), "a highway has an input and its gradient")
        var job = Recurrence(gates: gates, bias: bias, scale: scale, cells: cells, kernel: kernels.backwardSRU)
        (job.weights, job.input, job.outputGradient) = (weights, input, outputGradient)
        (job.inputGradient, job.sums) = (inputGradient, sums)
        pool.run(job)
    }
}

/// The steps of all sequences. A task is a run of units of one sequence, which is independent of all others.
private struct Recurrence: ParallelJob {
    let gates, bias: Matrix
    let scale: Float
    /// Cells, [rows + batch, size], beginning with those before the first step.
    let cells: Matrix
    let kernel: ContourRecur
    var isGated = false
    var weights, factors, input, outputs, outputGradient, inputGradient, sums: Matrix?
    private let batch, unitsOfTask, tasksOfSequence: Int

    init(gates: Matrix, bias: Matrix, scale: Float, cells: Matrix, kernel: @escaping ContourRecur) {
        (self.gates, self.bias, self.scale, self.cells, self.kernel) = (gates, bias, scale, cells, kernel)
        batch = cells.rows - gates.rows
        // Long runs make better use of memory, but there must be tasks for all threads.
        let size = cells.columns, wanted = (batch * size / 64 + 15) / 16 * 16
        unitsOfTask = min(max(64, wanted), Int(CONTOUR_RECURRENCE_UNITS))
        tasksOfSequence = size.groups(of: unitsOfTask)
    }

    var tasks: Int { batch * tasksOfSequence }

    func run(_ task: Int) {
        let sequence = task / tasksOfSequence
        let units = cells.columns.group(task % tasksOfSequence, of: unitsOfTask), first = units.lowerBound
        /// Returns the address of the run's first number in a matrix, if there is one, and the distance to the next step.
        func place(_ matrix: Matrix?) -> (start: UnsafeMutablePointer<Float>?, step: Int) {
            guard let matrix else { return (nil, 0) }
            return (matrix.row(sequence) + first, batch * matrix.stride)
        }
        var run = ContourRecurrence()
        // The last step may have fewer sequences.
        run.steps = (gates.rows - sequence).groups(of: batch)
        (run.units, run.size, run.scale, run.gated) = (units.count, cells.columns, scale, isGated)
        (run.bias, run.weights) = (UnsafePointer(bias.start + first), weights.map { UnsafePointer($0.start + first) })
        (run.gates, run.gates_step) = place(gates)
        (run.cells, run.cells_step) = place(cells)
        (run.outputs, run.outputs_step) = place(outputs)
        (run.input_gradient, run.input_gradient_step) = place(inputGradient)
        run.sums = place(sums).start
        let (factors, input, outputGradient) = (place(factors), place(input), place(outputGradient))
        (run.factors, run.factors_step) = (UnsafePointer(factors.start), factors.step)
        (run.input, run.input_step) = (UnsafePointer(input.start), input.step)
        (run.output_gradient, run.output_gradient_step) = (UnsafePointer(outputGradient.start), outputGradient.step)
        withUnsafePointer(to: run) { kernel($0) }
    }
}
