internal import CKernels
internal import Parallel

extension Compute {
    /// `result ≈ left * right`, or `result += …` with `adding`, by integers of 8 bits: those of `right`, and of `left`,
    ///
    ///     q = round(127 x / m),  scale = m / 127      m: the largest magnitude of x's row
    ///
    /// with ties to even. Their products are summed without rounding; the sum times the row's scale, then times the
    /// column's, is the element. A row that is not finite becomes NaN; one whose magnitudes are below 1e-30 counts as zero.
    ///
    /// `left` is [m, k], `right` [k, n], `result` [m, n]; `result` must not overlap `left`. An element's bits depend on its
    /// row of `left`, its column of `right` and what it is added to, and on nothing else: not on the processor either.
    public func multiply(_ left: Matrix, _ right: QuantizedMatrix, into result: Matrix, adding: Bool = false) {
        precondition(
            left.rows == result.rows && right.columns == result.columns && left.columns == right.rows,
            "product of \(left.rows) x \(left.columns) and \(right.rows) x \(right.columns) into "
                + "\(result.rows) x \(result.columns)")
        guard right.rows > 0 && result.rows > 0 && result.columns > 0 else {
            if !adding { result.fill(0) }
            return
        }
        operations += 2 * Double(result.rows) * Double(result.columns) * Double(right.rows)
        let most = Self.blockRows * Self.blockDepth * 4 / ByteRows.extent(right.rows, right.kernels)
        let height = min(result.rows, max(right.kernels.rows, most))
        let memory = scratch(ByteRows.size(rows: height, depth: right.rows, right.kernels))
        for row in stride(from: 0, to: result.rows, by: height) {
            let rows = row..<min(row + height, result.rows)
            let bytes = ByteRows(memory, rows: rows.count, depth: right.rows, kernels: right.kernels)
            var quantizing = QuantizingJob(source: left.rows(rows), target: bytes)
            pool.forEach(quantizing.tasks, context: &quantizing) { context, task in
                context.assumingMemoryBound(to: QuantizingJob.self).pointee.run(task)
            }
            let product = QuantizedProductJob(bytes, right, into: result.rows(rows), adding: adding, threads: pool.threads)
            withUnsafePointer(to: product) { pointer in
                pool.forEach(product.tasks, context: pointer) { context, task in
                    context.assumingMemoryBound(to: QuantizedProductJob.self).pointee.run(task)
                }
            }
        }
    }
}

/// A left factor as bytes in the kernel's order: panels of up to `kernels.rows` rows, in each of them, for every
/// `ByteKernels.leftRun` of the depth, that run of each row. The scales of the rows are before it.
private struct ByteRows {
    let scales: UnsafeMutablePointer<Float>
    let bytes: UnsafeMutablePointer<UInt8>
    let rows, depth: Int
    let panels: Int
    let kernels: ByteKernels

    init(_ memory: UnsafeMutablePointer<Float>, rows: Int, depth: Int, kernels: ByteKernels) {
        scales = memory
        bytes = UnsafeMutableRawPointer(memory + Self.scaleCount(rows))
            .bindMemory(to: UInt8.self, capacity: rows * Self.extent(depth, kernels))
        self.rows = rows
        self.depth = depth
        self.kernels = kernels
        panels = (rows + kernels.rows - 1) / kernels.rows
    }

    /// As equal as can be, like those of `LeftPanels`.
    func rows(_ panel: Int) -> Range<Int> { rows * panel / panels..<rows * (panel + 1) / panels }

    func panel(row: Int) -> UnsafeMutablePointer<UInt8> { bytes + row * Self.extent(depth, kernels) }

    /// Bytes of a run of a row.
    var run: Int { ByteKernels.leftRun * kernels.width }

    /// Bytes of a row, filled up to whole runs.
    static func extent(_ depth: Int, _ kernels: ByteKernels) -> Int {
        (depth + ByteKernels.leftRun - 1) / ByteKernels.leftRun * ByteKernels.leftRun * kernels.width
    }

    /// Floats of all: what follows the scales starts a line of the cache.
    static func size(rows: Int, depth: Int, _ kernels: ByteKernels) -> Int {
        scaleCount(rows) + rows * extent(depth, kernels) / 4
    }

    private static func scaleCount(_ rows: Int) -> Int { (rows + 15) / 16 * 16 }
}

/// Rows of floats that become bytes, cut by panels.
private struct QuantizingJob {
    let source: Matrix
    let target: ByteRows

    /// Values that are worth a task of their own.
    private static let leastValues = 1 << 15

    private var panelsPerTask: Int { max(1, Self.leastValues / (target.depth * target.kernels.rows)) }
    var tasks: Int { (target.panels + panelsPerTask - 1) / panelsPerTask }

    func run(_ task: Int) {
        for panel in task * panelsPerTask..<min((task + 1) * panelsPerTask, target.panels) {
            let rows = target.rows(panel)
            let bytes = target.panel(row: rows.lowerBound)
            for row in rows {
                target.scales[row] = target.kernels.quantize(
                    source.row(row), target.depth, bytes + (row - rows.lowerBound) * target.run,
                    rows.count * target.run)
            }
        }
    }
}

/// A product of bytes, cut into tasks: groups of left panels times groups of right ones. The whole depth is in each of
/// them.
private struct QuantizedProductJob {
    let left: ByteRows
    let right: QuantizedMatrix
    let result: Matrix
    let adding: Bool
    /// Panels in a task.
    let leftGroup, rightGroup: Int

    private static let tasksPerThread = 8
    /// Below this many multiplications a task is not worth handing out.
    private static let leastWork = 1 << 20
    /// Left rows of a task: they stay in the second cache.
    private static let groupRows = 128

    init(_ left: ByteRows, _ right: QuantizedMatrix, into result: Matrix, adding: Bool, threads: Int) {
        self.left = left
        self.right = right
        self.result = result
        self.adding = adding
        let wanted = max(1, min(Self.tasksPerThread * threads, result.rows * result.columns * left.depth / Self.leastWork))
        let leftTasks = max(1, result.rows / Self.groupRows)
        rightGroup = max(1, right.panels * leftTasks / wanted)
        leftGroup = (left.panels + leftTasks - 1) / leftTasks
    }

    private var leftTasks: Int { (left.panels + leftGroup - 1) / leftGroup }
    private var rightTasks: Int { (right.panels + rightGroup - 1) / rightGroup }
    var tasks: Int { leftTasks * rightTasks }

    func run(_ task: Int) {
        let leftPanels = task / rightTasks * leftGroup..<min((task / rightTasks + 1) * leftGroup, left.panels)
        let rightPanels = task % rightTasks * rightGroup..<min((task % rightTasks + 1) * rightGroup, right.panels)
        let width = right.kernels.columns
        for index in rightPanels {
            let columns = min(width, right.columns - index * width)
            for leftPanel in leftPanels {
                let rows = left.rows(leftPanel)
                right.kernels.multiply(
                    rows.count, columns, left.depth, left.panel(row: rows.lowerBound), left.scales + rows.lowerBound,
                    right.panel(index), right.corrections(index), right.scales(index),
                    result.row(rows.lowerBound) + index * width, result.stride, adding)
            }
        }
    }
}
