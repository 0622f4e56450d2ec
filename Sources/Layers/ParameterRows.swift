public import Kernels

/// A parameter of many rows of which a step touches few, such as the word matrix of a sampled softmax: gradients are kept,
/// and weights updated, for the rows that were touched alone.
///
/// Adagrad's arithmetic stays as it is, because a row without gradient would not change.
/// Adam's moments of a row decay only in steps that touch it, and a row does not drift on between them ("lazy Adam");
/// its bias correction counts all steps. Weight decay acts on touched rows only.
public final class ParameterRows {
    public let rows, columns: Int
    public let values: FloatBuffer
    public let moments: [FloatBuffer]
    private let optimizer: (any Optimizer)?
    let backend: any Backend
    /// The place of each row's gradient, -1 for rows that have none: [rows] in training.
    let slots: FloatBuffer
    /// Rows that have a gradient, in the order in which they were touched, and the gradients: [room], [room, columns]. They grow
    /// to the most rows a step touches, then stay.
    private var touched, gradients: FloatBuffer
    public private(set) var touchedCount = 0
    /// The number of rows that the last update touched.
    public private(set) var updatedCount = 0

    init(rows: Int, columns: Int, training: (any Optimizer)?, backend: any Backend) {
        self.rows = rows
        self.columns = columns
        self.backend = backend
        optimizer = training
        values = backend.allocate(rows * columns)
        moments = (training?.momentNames ?? []).map { _ in
            let moments = backend.allocate(rows * columns)
            if let initial = training?.initialMoment, initial != 0 {
                backend.fill(Matrix(moments, rows: rows, columns: columns), with: initial)
            }
            return moments
        }
        touched = backend.allocateShared(0)
        gradients = backend.allocate(0)
        slots = FloatBuffer(count: training == nil ? 0 : rows)
        Numbers(slots, count: slots.count).fill(-1)
    }

    /// The weights: [rows, columns].
    var value: Matrix { Matrix(values, rows: rows, columns: columns) }

    /// Gradients of the rows touched, in the order in which they were: [touchedCount, columns]. They move when more are touched.
    public var gradient: Matrix { Matrix(gradients, rows: touchedCount, columns: columns) }

    /// The rows touched.
    public var touchedRows: Numbers { Numbers(touched, count: touchedCount) }

    /// Makes room for the gradients of `rows`, sets them to zero unless there are some already, and writes to `places` where in
    /// `gradient` they are; a negative number is passed over.
    public func touch(_ rows: Numbers, places: Numbers? = nil) {
        let slots = Numbers(slots, count: slots.count)
        for index in 0..<rows.count {
            let row = rows[index]
            guard row >= 0 else { continue }
            if slots[Int(row)] < 0 { slots[Int(row)] = add(row) }
            places?[index] = slots[Int(row)]
        }
    }

    private func add(_ row: Int32) -> Int32 {
        if touchedCount == touched.count {
            let room = max(1024, 2 * touchedCount)
            let (largerRows, larger) = (backend.allocateShared(room), backend.allocate(room * columns))
            for index in 0..<touchedCount { Numbers(largerRows, count: room)[index] = touchedRows[index] }
            backend.copy(gradient, to: Matrix(larger, rows: touchedCount, columns: columns))
            backend.wait()
            (touched, gradients) = (largerRows, larger)
        }
        Numbers(touched, count: touched.count)[touchedCount] = row
        touchedCount += 1
        return Int32(touchedCount - 1)
    }

    /// The squared norm of the whole gradient.
    public func squaredNorm() -> Double {
        let norm = backend.squaredNorm(gradient).squareRoot()
        return norm * norm
    }

    /// Updates the touched rows and forgets their gradients.
    func update(_ step: OptimizerStep) {
        guard let optimizer, !moments.isEmpty else { preconditionFailure("rows without moments cannot be updated") }
        func matrix(_ buffer: FloatBuffer) -> Matrix { Matrix(buffer, rows: rows, columns: columns) }
        let run = WeightRun(
            weights: value, gradients: gradient, firstMoments: matrix(moments[0]),
            secondMoments: moments.count > 1 ? matrix(moments[1]) : nil, rows: touchedRows)
        optimizer.update(run, step, on: backend)
        updatedCount = touchedCount
        forget()
    }

    /// Drops the gradients.
    func clear() {
        backend.fill(gradient, with: 0)
        forget()
    }

    private func forget() {
        for index in 0..<touchedCount { Numbers(slots, count: slots.count)[Int(touchedRows[index])] = -1 }
        touchedCount = 0
    }

    /// Memory of the weights and moments, and of the gradients as many as there have been.
    var bytes: Int {
        moments.reduce(values.bytes + slots.bytes + touched.bytes + gradients.bytes) { $0 + $1.bytes }
    }
}
