internal import CKernels
internal import Parallel

// The arithmetic of recurrent layers between their products, cut by rows for the threads.
extension ProcessorBackend {
    public func lstmStep(gates: Matrix, bias: Matrix, previous: Matrix, cells: Matrix, outputs: Matrix, clip: Float) {
        pool.run(
            LSTMStep(
                gates: gates, bias: bias, previous: previous, cells: cells, outputs: outputs, clip: clip,
                kernel: kernels.forwardCells))
    }

    public func lstmStepBackward(
        gates: Matrix, bias: Matrix, previous: Matrix, cells: Matrix, outputGradient: Matrix, cellGradient: Matrix, clip: Float,
        recomputesOutputs: Bool
    ) {
        pool.run(
            LSTMStepBackward(
                gates: gates, previous: previous, cells: cells, outputGradient: outputGradient, cellGradient: cellGradient,
                clip: clip, kernel: kernels.backwardCells))
    }

    public func gruStep(
        gates: Matrix, products: Matrix, bias: Matrix, candidateBias: Matrix, previous: Matrix, outputs: Matrix
    ) {
        pool.run(
            GRUStep(
                gates: gates, products: products, bias: bias, candidateBias: candidateBias, previous: previous,
                outputs: outputs))
    }

    public func gruStepBackward(gates: Matrix, products: Matrix, previous: Matrix, gradient: Matrix) {
        pool.run(GRUStepBackward(gates: gates, products: products, previous: previous, gradient: gradient))
    }
}

/// The cells of one step, a row a sequence.
private protocol CellJob: ParallelJob {
    var gates: Matrix { get }
    /// [rows, size]
    var previous: Matrix { get }

    func run(row: Int)
}

extension CellJob {
    var size: Int { previous.columns }
    /// Rows in a task: at least 4,096 cells, which make a task worth starting.
    private var rowsPerTask: Int { max(1, 4096 / size) }
    var tasks: Int { gates.rows.groups(of: rowsPerTask) }

    func run(_ task: Int) { for row in gates.rows.group(task, of: rowsPerTask) { run(row: row) } }
}

private struct LSTMStep: CellJob {
    let gates, bias, previous, cells, outputs: Matrix
    let clip: Float
    let kernel: ContourCellsForward

    func run(row: Int) {
        kernel(gates.row(row), bias.start, previous.row(row), cells.row(row), outputs.row(row), size, clip)
    }
}

private struct LSTMStepBackward: CellJob {
    let gates, previous, cells, outputGradient, cellGradient: Matrix
    let clip: Float
    let kernel: ContourCellsBackward

    func run(row: Int) {
        kernel(
            gates.row(row), previous.row(row), cells.row(row), outputGradient.row(row), cellGradient.row(row), size, clip)
    }
}

private struct GRUStep: CellJob {
    let gates, products, bias, candidateBias, previous, outputs: Matrix

    func run(row: Int) {
        let a = gates.row(row), s = products.row(row), before = previous.row(row), h = outputs.row(row), size = size
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
}

private struct GRUStepBackward: CellJob {
    let gates, products, previous, gradient: Matrix

    func run(row: Int) {
        let a = gates.row(row), s = products.row(row), before = previous.row(row), dh = gradient.row(row), size = size
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
