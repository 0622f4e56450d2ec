internal import Glibc
internal import Kernels
internal import Parallel

/// Sums over the classes of a softmax whose logits lie class by class, [classes, rows]: for each row the highest logit,
/// and the sum of e^(logit - highest).
///
/// Classes are cut into blocks by their number alone, and the blocks' sums are added in order.
final class SoftmaxSums {
    /// The most rows.
    let rows: Int
    /// [rows]: of each row the highest logit; the logit of its target; and a factor, all for the caller's use.
    let highest, targets, factors: FloatBuffer
    /// [blocks, rows]
    private let partials: FloatBuffer
    private let totals: UnsafeMutablePointer<Double>

    private static let blocks = 128

    init(rows: Int) {
        self.rows = rows
        highest = FloatBuffer(count: rows)
        targets = FloatBuffer(count: rows)
        factors = FloatBuffer(count: rows)
        partials = FloatBuffer(count: Self.blocks * rows)
        totals = .allocate(capacity: rows)
        totals.initialize(repeating: 0, count: rows)
    }

    deinit { totals.deallocate() }

    var bytes: Int { 4 * rows * (3 + Self.blocks) + 8 * rows }

    /// The sum of e^(logit - highest) of a row.
    func total(_ row: Int) -> Double { totals[row] }

    /// Adds to a row's sum what is not among its logits.
    func add(_ exponential: Double, toRow row: Int) { totals[row] += exponential }

    func logTotal(_ row: Int) -> Double { Double(highest.start[row]) + log(totals[row]) }

    private struct Job {
        let logits: Matrix
        let bias: UnsafePointer<Float>?
        let highest, partials: UnsafeMutablePointer<Float>

        func classes(_ block: Int) -> Range<Int> {
            logits.rows * block / SoftmaxSums.blocks..<logits.rows * (block + 1) / SoftmaxSums.blocks
        }
    }

    /// Finds the highest logit + bias of each row.
    func highest(of logits: Matrix, bias: UnsafePointer<Float>?, _ compute: Compute) {
        let count = logits.columns
        var job = Job(logits: logits, bias: bias, highest: highest.start, partials: partials.start)
        compute.pool.forEach(Self.blocks, context: &job) { context, block in
            let job = context.assumingMemoryBound(to: Job.self).pointee
            let count = job.logits.columns, result = job.partials + block * count
            result.update(repeating: -.infinity, count: count)
            for index in job.classes(block) {
                Vector.raise(result, to: job.logits.row(index), plus: job.bias?[index] ?? 0, count: count)
            }
        }
        highest.start.update(from: partials.start, count: count)
        for block in 1..<Self.blocks { Vector.raise(highest.start, to: partials.start + block * count, plus: 0, count: count) }
    }

    /// Adds up e^(logit + bias - highest), after `highest`. The exponentials take the place of the logits.
    func exponentials(of logits: Matrix, bias: UnsafePointer<Float>?, _ compute: Compute) {
        let count = logits.columns
        var job = Job(logits: logits, bias: bias, highest: highest.start, partials: partials.start)
        compute.pool.forEach(Self.blocks, context: &job) { context, block in
            let job = context.assumingMemoryBound(to: Job.self).pointee
            let count = job.logits.columns, result = job.partials + block * count
            result.update(repeating: 0, count: count)
            for index in job.classes(block) {
                Vector.addExponentials(
                    of: job.logits.row(index), plus: job.bias?[index] ?? 0, minus: job.highest, to: result, count: count)
            }
        }
        for row in 0..<count {
            var total = 0.0
            for block in 0..<Self.blocks { total += Double(partials.start[block * count + row]) }
            totals[row] = total
        }
    }

    /// sums[class] += sum over rows of factor x value[class][row]
    func addWeighted(_ values: Matrix, to sums: UnsafeMutablePointer<Float>, _ compute: Compute) {
        struct Job {
            let values: Matrix
            let factors, sums: UnsafeMutablePointer<Float>
        }
        var job = Job(values: values, factors: factors.start, sums: sums)
        compute.pool.forEach((values.rows + 255) / 256, context: &job) { context, block in
            let job = context.assumingMemoryBound(to: Job.self).pointee
            for index in block * 256..<min((block + 1) * 256, job.values.rows) {
                job.sums[index] += Float(Vector.dot(job.values.row(index), job.factors, count: job.values.columns))
            }
        }
    }
}
