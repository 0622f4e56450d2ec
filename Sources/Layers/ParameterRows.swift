public import Kernels

/// A parameter with many rows of which a step touches few, such as the word matrix of a sampled softmax. Gradients are kept, and
/// weights updated, only for the rows touched.
///
/// Adagrad gives the same result as without sparsity, because a row without gradient would not change. Adam's moments of a row
/// decay only in steps that touch it, and the row does not move in between ("lazy Adam"); the bias correction counts all steps.
/// Weight decay acts only on the rows touched.
///
/// ```swift
/// let table = store.rows(parameter)
/// table.touch(numbers)                    // makes room for the gradients of these rows
/// ```
public final class ParameterRows {
    /// Shape of the parameter.
    public let rows, columns: Int
    /// The weights, [rows, columns].
    public let values: FloatBuffer
    /// The optimiser's numbers for each weight, [rows, columns] each.
    public let moments: [FloatBuffer]
    private let optimizer: (any Optimizer)?
    let backend: any Backend
    /// Index of each row's gradient, or -1, [rows]; in training only.
    let slots: FloatBuffer
    /// Rows that have a gradient, in the order in which they were touched, [room], and their gradients, [room, columns]. Both grow
    /// to the greatest number of rows touched in a step.
    private var touched, gradients: FloatBuffer
    /// Number of rows that have a gradient.
    public private(set) var touchedCount = 0
    /// Number of rows touched by the last update.
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

    /// The weights, [rows, columns].
    var value: Matrix { Matrix(values, rows: rows, columns: columns) }

    /// Gradients of the rows touched, in the order of touching, [touchedCount, columns]. Touching more rows moves them.
    public var gradient: Matrix { Matrix(gradients, rows: touchedCount, columns: columns) }

    /// Rows that have a gradient, in the order in which they were touched.
    public var touchedRows: Numbers { Numbers(touched, count: touchedCount) }

    /// Makes room for the gradients of `rows` and sets new ones to zero. Writes the index of each row's gradient in `gradient` to
    /// `places`. Negative rows are skipped.
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

    /// Returns the squared norm of the whole gradient.
    public func squaredNorm() -> Double {
        let norm = backend.squaredNorm(gradient).squareRoot()
        return norm * norm
    }

    /// Updates the rows touched and discards their gradients.
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

    /// Discards the gradients.
    func clear() {
        backend.fill(gradient, with: 0)
        forget()
    }

    private func forget() {
        for index in 0..<touchedCount { Numbers(slots, count: slots.count)[Int(touchedRows[index])] = -1 }
        touchedCount = 0
    }

    /// Bytes of weights, moments, and the room for gradients.
    var bytes: Int {
        moments.reduce(values.bytes + slots.bytes + touched.bytes + gradients.bytes) { $0 + $1.bytes }
    }
}
