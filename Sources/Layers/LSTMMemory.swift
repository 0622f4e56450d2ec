public import Kernels

/// What an LSTM layer keeps between the ways forth and back, and from one window to the next. Planned once.
///
/// Matrices are time-major. States and cells have one block more than there are steps: block 0 is where the window
/// began.
public final class LSTMMemory {
    public let capacity: WindowCapacity
    private let options: ProjectedLSTM.Options
    /// [rows, 4 cell]: pre-activations, then activations; on the way back their gradients.
    private let gateBuffer: FloatBuffer
    /// m: [rows, cell], or with a projection [batch, cell], of one step: the way back computes it again, from c and
    /// in its place.
    private let cellOutputBuffer: FloatBuffer
    /// [rows + batch, cell] and [rows + batch, output]
    private let cellBuffer, stateBuffer: FloatBuffer
    /// [batch, cell]: c after the last step.
    private let lastCellBuffer: FloatBuffer
    /// [rows, output]: p, where it is not itself the output.
    private let rawBuffer: FloatBuffer?
    /// [batch, output]
    private let maskBuffer: FloatBuffer
    /// [rows, 2]
    let statistics: FloatBuffer
    /// [batch, cell]: dm of a step, and dc on its way to the step before.
    private let cellOutputGradientBuffer, cellGradientBuffer: FloatBuffer
    let weights: StepWeights
    /// Whether the last forward pass dropped units.
    var isMasked = false
    /// Whether the state is zero, whatever its rows hold: they are cleared by the pass that begins with them, as many as it has.
    private(set) var isAtZero = true

    /// - Parameters:
    ///   - training: whether `backward` will be called.
    ///   - other: of a layer of the same options: both use its packed weights and, without training, its working
    ///     memory.
    public init(_ layer: ProjectedLSTM, capacity: WindowCapacity, training: Bool, sharing other: LSTMMemory? = nil) {
        let shared = training ? nil : other
        let options = layer.options
        let rows = capacity.rows
        self.capacity = capacity
        self.options = options
        weights = other?.weights ?? StepWeights(options)
        gateBuffer = shared?.gateBuffer ?? FloatBuffer(count: rows * 4 * options.cell)
        let outputRows = options.projection == nil ? rows : capacity.batch
        cellOutputBuffer = shared?.cellOutputBuffer ?? FloatBuffer(count: outputRows * options.cell)
        lastCellBuffer = FloatBuffer(count: capacity.batch * options.cell)
        cellBuffer = FloatBuffer(count: (rows + capacity.batch) * options.cell)
        stateBuffer = FloatBuffer(count: (rows + capacity.batch) * options.output)
        let hasRaw = options.projection != nil && (options.layerNorm || options.dropout > 0)
        rawBuffer = hasRaw ? FloatBuffer(count: rows * options.output) : nil
        maskBuffer = FloatBuffer(count: options.dropout > 0 ? capacity.batch * options.output : 0)
        statistics = FloatBuffer(count: options.layerNorm ? 2 * rows : 0)
        cellOutputGradientBuffer = FloatBuffer(count: training ? capacity.batch * options.cell : 0)
        cellGradientBuffer = FloatBuffer(count: training ? capacity.batch * options.cell : 0)
    }

    /// The packed weights not counted.
    public var bytes: Int {
        [gateBuffer, cellOutputBuffer, cellBuffer, lastCellBuffer, stateBuffer, maskBuffer, statistics,
         cellOutputGradientBuffer, cellGradientBuffer].reduce(rawBuffer?.bytes ?? 0) { $0 + $1.bytes }
    }

    func check(_ shape: WindowShape) {
        precondition(
            capacity.holds(shape),
            "\(shape.steps) steps of \(shape.batch) in memory for \(capacity.rows) rows of \(capacity.batch)")
    }

    /// h of all steps: [rows, output].
    public func outputs(_ shape: WindowShape) -> Matrix { states(shape).rows(shape.batch..<shape.batch + shape.rows) }

    func states(_ shape: WindowShape) -> Matrix {
        Matrix(stateBuffer, rows: shape.rows + shape.batch, columns: options.output)
    }

    func cells(_ shape: WindowShape) -> Matrix {
        Matrix(cellBuffer, rows: shape.rows + shape.batch, columns: options.cell)
    }

    func gates(_ shape: WindowShape) -> Matrix { Matrix(gateBuffer, rows: shape.rows, columns: 4 * options.cell) }

    /// m of the sequences that run at `step`.
    func cellOutputs(_ shape: WindowShape, _ step: Int) -> Matrix {
        let block = shape.activeBlock(step)
        return options.projection == nil
            ? raw(shape).rows(block) : Matrix(cellOutputBuffer, rows: block.count, columns: options.cell)
    }

    /// m of all steps, after the way back.
    func recomputedCellOutputs(_ shape: WindowShape) -> Matrix {
        cells(shape).rows(shape.batch..<shape.batch + shape.rows)
    }

    func raw(_ shape: WindowShape) -> Matrix {
        if options.projection == nil { return Matrix(cellOutputBuffer, rows: shape.rows, columns: options.cell) }
        return rawBuffer.map { Matrix($0, rows: shape.rows, columns: options.output) } ?? outputs(shape)
    }

    func mask(_ shape: WindowShape) -> Matrix {
        options.dropout > 0
            ? Matrix(maskBuffer, rows: shape.batch, columns: options.output)
            : Matrix(maskBuffer, rows: 0, columns: options.output)
    }

    func cellOutputGradient(_ shape: WindowShape) -> Matrix {
        Matrix(cellOutputGradientBuffer, rows: shape.batch, columns: options.cell)
    }

    /// Of no rows where no way back is planned.
    func cellGradient(_ shape: WindowShape) -> Matrix {
        Matrix(cellGradientBuffer, rows: cellGradientBuffer.count == 0 ? 0 : shape.batch, columns: options.cell)
    }

    func clearCellGradient(_ shape: WindowShape) {
        precondition(cellGradientBuffer.count > 0, "this memory was planned without a way back")
        cellGradient(shape).fill(0)
    }

    /// Keeps c of the last step, because the way back overwrites it.
    func keepLastCells(_ shape: WindowShape) {
        guard shape.active == nil else { return }
        lastCells(shape).copy(from: cells(shape).rows(shape.rows..<shape.rows + shape.batch))
    }

    private func lastCells(_ shape: WindowShape) -> Matrix {
        Matrix(lastCellBuffer, rows: shape.batch, columns: options.cell)
    }

    /// Makes the state at the end of a full window the one the next window begins with.
    public func carryState(from shape: WindowShape) {
        precondition(shape.active == nil, "only full windows hand on their state")
        states(shape).rows(0..<shape.batch).copy(from: states(shape).rows(shape.rows..<shape.rows + shape.batch))
        cells(shape).rows(0..<shape.batch).copy(from: lastCells(shape))
        isAtZero = false
    }

    public func resetState() { isAtZero = true }

    /// Before a pass.
    func prepareState(_ shape: WindowShape) {
        guard isAtZero else { return }
        states(shape).rows(0..<shape.batch).fill(0)
        cells(shape).rows(0..<shape.batch).fill(0)
    }

    /// Floats of h and c for `batch` sequences.
    public func stateCount(batch: Int) -> Int { batch * (options.output + options.cell) }

    /// Of the matrices that `saveState` writes.
    var stateWidths: [Int] { [options.output, options.cell] }

    public func saveState(batch: Int, into target: UnsafeMutablePointer<Float>) {
        if isAtZero { return target.update(repeating: 0, count: stateCount(batch: batch)) }
        target.update(from: stateBuffer.start, count: batch * options.output)
        (target + batch * options.output).update(from: cellBuffer.start, count: batch * options.cell)
    }

    public func restoreState(batch: Int, from source: UnsafePointer<Float>) {
        stateBuffer.start.update(from: source, count: batch * options.output)
        cellBuffer.start.update(from: source + batch * options.output, count: batch * options.cell)
        isAtZero = false
    }
}
