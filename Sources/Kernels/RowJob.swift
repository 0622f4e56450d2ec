internal import Parallel

/// A job that computes each row of matrices independently, with enough rows in a task to make it worth starting.
protocol RowJob: ParallelJob {
    var rows: Int { get }
    var columns: Int { get }

    func run(row: Int)
}

extension RowJob {
    private var rowsPerTask: Int { max(1, 8192 / max(1, columns)) }
    var tasks: Int { rows.groups(of: rowsPerTask) }

    func run(_ task: Int) { for row in rows.group(task, of: rowsPerTask) { run(row: row) } }
}

/// A job over the elements of two matrices of one shape, in runs that are worth a task.
protocol PairJob: ParallelJob {
    var source: Matrix { get }
    var target: Matrix { get }

    func run(_ source: UnsafeMutablePointer<Float>, _ target: UnsafeMutablePointer<Float>, count: Int)
}

extension PairJob {
    private static var size: Int { 16384 }
    private var isFlat: Bool { source.isDense && target.isDense }
    private var count: Int { source.rows * source.columns }
    private var rowsPerTask: Int { max(1, Self.size / max(1, source.columns)) }
    var tasks: Int { isFlat ? count.groups(of: Self.size) : source.rows.groups(of: rowsPerTask) }

    func run(_ task: Int) {
        if isFlat {
            let elements = count.group(task, of: Self.size)
            run(source.start + elements.lowerBound, target.start + elements.lowerBound, count: elements.count)
        } else {
            for row in source.rows.group(task, of: rowsPerTask) { run(source.row(row), target.row(row), count: source.columns) }
        }
    }
}

/// A job over rows whose results are also summed, such as gradients of parameters that belong to columns. Rows form groups, whose
/// number does not depend on the number of threads; sums of groups are added in order.
protocol SummedRowJob {
    var rows: Int { get }
    var columns: Int { get }

    /// Computes a row and adds to the sums of its group: [columns], or [2 columns] if there are two targets.
    func run(row: Int, sums: UnsafeMutablePointer<Float>)
}

extension ProcessorBackend {
    /// Runs a job and adds its sums to `target`, and the second half of them, if any, to `second`: [columns] each.
    func run(_ job: some SummedRowJob, addingTo target: UnsafeMutablePointer<Float>, _ second: UnsafeMutablePointer<Float>? = nil) {
        let width = (second == nil ? 1 : 2) * job.columns, height = max(32, 8192 / max(1, job.columns))
        let partials = Matrix(scratch(job.rows.groups(of: height) * width), rows: job.rows.groups(of: height), columns: width)
        pool.run(SummedGroups(job: job, height: height, partials: partials))
        pool.run(PartialSums(partials: partials.columns(0..<job.columns), target: target))
        if let second { pool.run(PartialSums(partials: partials.columns(job.columns..<width), target: second)) }
    }
}

private struct SummedGroups<Job: SummedRowJob>: ParallelJob {
    let job: Job
    /// Rows in a group.
    let height: Int
    /// Partial sums, [groups, sums].
    let partials: Matrix

    var tasks: Int { partials.rows }

    func run(_ task: Int) {
        let sums = partials.row(task)
        sums.update(repeating: 0, count: partials.columns)
        for row in job.rows.group(task, of: height) { job.run(row: row, sums: sums) }
    }
}

/// Adds the rows of a matrix, in order, to `target` [columns].
struct PartialSums: ParallelJob {
    let partials: Matrix
    let target: UnsafeMutablePointer<Float>

    var tasks: Int { partials.columns.groups(of: 256) }

    func run(_ task: Int) {
        let columns = partials.columns.group(task, of: 256), first = columns.lowerBound
        for row in 0..<partials.rows { Vector.add(partials.row(row) + first, to: target + first, count: columns.count) }
    }
}
