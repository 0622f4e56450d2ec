internal import Parallel

// The arithmetic of recurrent layers between their products, cut by rows for the threads.
extension ProcessorBackend {
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

    public func gruStep(
        gates: Matrix, products: Matrix, bias: Matrix, candidateBias: Matrix, previous: Matrix, outputs: Matrix
    ) {
        var job = GRUJob(
            gates: gates, products: products, previous: previous, states: outputs, bias: bias, candidateBias: candidateBias)
        pool.forEach(job.tasks, context: &job) { context, task in
            let job = context.assumingMemoryBound(to: GRUJob.self).pointee
            for row in job.rows(task) { job.forward(row) }
        }
    }

    public func gruStepBackward(gates: Matrix, products: Matrix, previous: Matrix, gradient: Matrix) {
        var job = GRUJob(
            gates: gates, products: products, previous: previous, states: gradient, bias: gradient, candidateBias: gradient)
        pool.forEach(job.tasks, context: &job) { context, task in
            let job = context.assumingMemoryBound(to: GRUJob.self).pointee
            for row in job.rows(task) { job.backward(row) }
        }
    }
}

/// The gated recurrent units of one step.
private struct GRUJob {
    let gates, products, previous: Matrix
    /// The new states on the way forward, their gradient on the way back.
    let states: Matrix
    /// The biases, which only the forward pass reads.
    let bias, candidateBias: Matrix

    private var size: Int { states.columns }
    private var rowsPerTask: Int { max(1, CellJob.leastCells / size) }
    var tasks: Int { (gates.rows + rowsPerTask - 1) / rowsPerTask }

    func rows(_ task: Int) -> Range<Int> { task * rowsPerTask..<min((task + 1) * rowsPerTask, gates.rows) }

    func forward(_ row: Int) {
        let a = gates.row(row), s = products.row(row), before = previous.row(row), h = states.row(row), size = size
        for index in 0..<2 * size { a[index] += s[index] + bias.start[index] }
        Vector.sigmoid(a, into: a, count: 2 * size)
        let n = a + 2 * size, own = s + 2 * size
        for index in 0..<size {
            own[index] += candidateBias.start[index]
            n[index] += bias.start[2 * size + index] + a[index] * own[index]
        }
        Vector.hyperbolicTangent(n, into: n, count: size)
        for index in 0..<size { h[index] = n[index] + a[size + index] * (before[index] - n[index]) }
    }

    func backward(_ row: Int) {
        let a = gates.row(row), s = products.row(row), before = previous.row(row), dh = states.row(row), size = size
        for index in 0..<size {
            let r = a[index], z = a[size + index], n = a[2 * size + index]
            let candidate = dh[index] * (1 - z) * (1 - n * n), reset = candidate * s[2 * size + index] * r * (1 - r)
            let update = dh[index] * (before[index] - n) * z * (1 - z)
            (a[index], a[size + index], a[2 * size + index]) = (reset, update, candidate)
            (s[index], s[size + index], s[2 * size + index]) = (reset, update, candidate * r)
            dh[index] *= z
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
    static let leastCells = 4096

    var size: Int { cells.columns }
    private var rowsPerTask: Int { max(1, Self.leastCells / size) }
    var tasks: Int { (gates.rows + rowsPerTask - 1) / rowsPerTask }

    func rows(_ task: Int) -> Range<Int> { task * rowsPerTask..<min((task + 1) * rowsPerTask, gates.rows) }
}
