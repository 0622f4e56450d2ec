public import Kernels
internal import Parallel

/// A parameter of many rows of which a step touches few, such as the word matrix of a sampled softmax: gradients are kept,
/// and weights updated, for the rows that were touched alone.
///
/// What that does to the optimiser's arithmetic: with Adagrad nothing, because a row without gradient would not change.
/// Adam's moments of a row decay only in steps that touch it, and a row does not drift on between them ("lazy Adam");
/// its bias correction counts all steps. Weight decay acts on touched rows only.
public final class ParameterRows {
    public let rows, columns: Int
    public let values: FloatBuffer
    public let moments: [FloatBuffer]
    private let optimizer: (any Optimizer)?
    /// The place of each row's gradient, -1 for rows that have none.
    private var slots: [Int32]
    /// Rows that have a gradient, in the order in which they were touched.
    public private(set) var touched: [Int32] = []
    /// How many rows the last update touched.
    public private(set) var updatedCount = 0
    /// [places, columns]; grows to the most rows a step touches, then stays.
    private var gradients = FloatBuffer(count: 0)
    /// The update under way, for its tasks.
    private var running: (step: OptimizerStep, compute: Compute)?
    /// Rows of a task.
    private static let group = 64

    init(rows: Int, columns: Int, training: (any Optimizer)?) {
        self.rows = rows
        self.columns = columns
        optimizer = training
        values = FloatBuffer(count: rows * columns)
        moments = (training?.momentNames ?? []).map { _ in
            let moments = FloatBuffer(count: rows * columns)
            if let initial = training?.initialMoment, initial != 0 { moments.fill(initial) }
            return moments
        }
        slots = training == nil ? [] : Array(repeating: -1, count: rows)
    }

    /// Makes room for the gradients of `row` and sets them to zero, unless there are some already. Gradients may move.
    public func touch(_ row: Int) {
        guard slots[row] < 0 else { return }
        let slot = touched.count
        slots[row] = Int32(slot)
        touched.append(Int32(row))
        guard (slot + 1) * columns > gradients.count else { return }
        let larger = FloatBuffer(count: max(1024, 2 * slot) * columns)
        larger.start.update(from: gradients.start, count: slot * columns)
        gradients = larger
    }

    /// The gradient of a row that was touched: [columns].
    public func gradient(_ row: Int) -> UnsafeMutablePointer<Float> {
        precondition(slots[row] >= 0, "row \(row) was not touched")
        return gradients.start + Int(slots[row]) * columns
    }

    /// Weights of a row: [columns].
    public func value(_ row: Int) -> UnsafeMutablePointer<Float> { values.start + row * columns }

    /// The squared norm of the whole gradient.
    func squaredNorm(_ compute: Compute) -> Double {
        let norm = compute.norm(gradients.start, count: touched.count * columns)
        return norm * norm
    }

    /// Updates the touched rows and forgets their gradients.
    func update(_ step: OptimizerStep, compute: Compute) {
        running = (step, compute)
        let tasks = (touched.count + Self.group - 1) / Self.group
        compute.pool.forEach(tasks, context: Unmanaged.passUnretained(self).toOpaque()) { context, task in
            Unmanaged<ParameterRows>.fromOpaque(context).takeUnretainedValue().update(task)
        }
        running = nil
        updatedCount = touched.count
        forget()
    }

    /// Drops the gradients.
    func clear() {
        gradients.start.update(repeating: 0, count: touched.count * columns)
        forget()
    }

    private func forget() {
        for row in touched { slots[Int(row)] = -1 }
        touched.removeAll(keepingCapacity: true)
    }

    private func update(_ task: Int) {
        guard let optimizer, let running else { preconditionFailure("rows without moments cannot be updated") }
        for slot in task * Self.group..<min((task + 1) * Self.group, touched.count) {
            optimizer.update(run(slot), running.step, compute: running.compute)
        }
    }

    private func run(_ slot: Int) -> WeightRun {
        let offset = Int(touched[slot]) * columns
        return WeightRun(
            weights: values.start + offset, gradients: gradients.start + slot * columns,
            firstMoments: moments[0].start + offset, secondMoments: moments.count > 1 ? moments[1].start + offset : nil,
            count: columns)
    }

    /// Memory of the weights and moments, and of the gradients as many as there have been.
    var bytes: Int { values.bytes + moments.reduce(0) { $0 + $1.bytes } + gradients.bytes + 4 * slots.count }
}
