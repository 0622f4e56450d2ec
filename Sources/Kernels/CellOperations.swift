internal import Parallel

// The arithmetic of recurrent layers between their products, cut by rows for the threads.
extension Compute {
    public func lstmStep(gates: Matrix, bias: Matrix, previous: Matrix, cells: Matrix, outputs: Matrix, clip: Float) {
        var job = CellJob(
            gates: gates, previous: previous, cells: cells, outputs: outputs, other: bias, clip: clip, kernels: kernels)
        pool.forEach(job.tasks, context: &job) { context, task in
            let job = context.assumingMemoryBound(to: CellJob.self).pointee
            for row in job.rows(task) {
                job.kernels.forwardCells(
                    gates: job.gates.row(row), bias: job.other.start, previous: job.previous.row(row),
                    cell: job.cells.row(row), output: job.outputs.row(row), size: job.size, clip: job.clip)
            }
        }
    }

    public func lstmStepBackward(
        gates: Matrix, previous: Matrix, cells: Matrix, outputGradient: Matrix, cellGradient: Matrix, clip: Float
    ) {
        var job = CellJob(
            gates: gates, previous: previous, cells: cells, outputs: outputGradient, other: cellGradient, clip: clip,
            kernels: kernels)
        pool.forEach(job.tasks, context: &job) { context, task in
            let job = context.assumingMemoryBound(to: CellJob.self).pointee
            for row in job.rows(task) {
                job.kernels.backwardCells(
                    gates: job.gates.row(row), previous: job.previous.row(row), cell: job.cells.row(row),
                    outputGradient: job.outputs.row(row), cellGradient: job.other.row(row), size: job.size, clip: job.clip)
            }
        }
    }
}

/// The cells of one step.
private struct CellJob {
    let gates, previous, cells, outputs: Matrix
    /// The bias on the way forward, the cells' gradient on the way back.
    let other: Matrix
    let clip: Float
    let kernels: ProcessorKernels

    /// Cells that are worth a task of their own.
    private static let leastCells = 4096

    var size: Int { cells.columns }
    private var rowsPerTask: Int { max(1, Self.leastCells / size) }
    var tasks: Int { (gates.rows + rowsPerTask - 1) / rowsPerTask }

    func rows(_ task: Int) -> Range<Int> { task * rowsPerTask..<min((task + 1) * rowsPerTask, gates.rows) }
}
