internal import CKernels
internal import Parallel

extension Compute {
    /// `result = left * right`, or `result += left * right` with `adding`.
    ///
    /// `left` is [m, k], `right` [k, n], `result` [m, n]; `result` must not overlap the factors.
    ///
    /// An element's bits depend on its row of `left`, its column of `right` and what it is added to, and on nothing
    /// else: not on the other rows, the number of threads, or whether `right` was packed before. It is the sum, in
    /// order, of one chain of multiply-adds for each `blockDepth` of the depth.
    public func multiply(_ left: some Factor, _ right: some Factor, into result: Matrix, adding: Bool) {
        let left = left.operand
        let right = right.operand
        check(left, rows: right.rows, columns: right.columns, result)
        let depth = left.columns
        guard depth > 0 && result.rows > 0 && result.columns > 0 else {
            if !adding { result.fill(0) }
            return
        }
        operations += 2 * Double(result.rows) * Double(result.columns) * Double(depth)
        let height = min(result.rows, Self.blockRows)
        let width = min(result.columns, Self.blockColumns)
        let leftSize = LeftPanels.size(rows: height, depth: min(depth, Self.blockDepth))
        let memory = scratch(
            leftSize + RightPanels.size(depth: min(depth, Self.blockDepth), columns: width, width: kernels.columns))
        for row in stride(from: 0, to: result.rows, by: height) {
            let rows = row..<min(row + height, result.rows)
            for first in stride(from: 0, to: depth, by: Self.blockDepth) {
                let extent = min(Self.blockDepth, depth - first)
                let leftPanels = LeftPanels(memory, rows: rows.count, depth: extent, kernels: kernels)
                for column in stride(from: 0, to: result.columns, by: width) {
                    let columns = column..<min(column + width, result.columns)
                    let rightPanels = RightPanels(
                        memory + leftSize, depth: extent, columns: columns.count, kernels: kernels)
                    pack(
                        column == 0 ? Packing(factor: left, row: row, column: first, panels: leftPanels) : nil,
                        Packing(factor: right, row: first, column: column, panels: rightPanels))
                    multiply(
                        leftPanels, rightPanels, into: result.rows(rows).columns(columns), adding: adding || first > 0)
                }
            }
        }
    }

    /// The same with a right factor that was packed before.
    func multiply(_ left: some Factor, _ panels: RightPanels, into result: Matrix, adding: Bool = false) {
        let left = left.operand
        check(left, rows: panels.depth, columns: panels.columns, result)
        guard panels.depth > 0 && result.rows > 0 && result.columns > 0 else {
            if !adding { result.fill(0) }
            return
        }
        operations += 2 * Double(result.rows) * Double(result.columns) * Double(panels.depth)
        let height = min(result.rows, max(kernels.rows, Self.blockRows * Self.blockDepth / panels.depth))
        let memory = scratch(LeftPanels.size(rows: height, depth: panels.depth))
        for row in stride(from: 0, to: result.rows, by: height) {
            let rows = row..<min(row + height, result.rows)
            let leftPanels = LeftPanels(memory, rows: rows.count, depth: panels.depth, kernels: kernels)
            pack(Packing(factor: left, row: row, column: 0, panels: leftPanels), nil)
            multiply(leftPanels, panels, into: result.rows(rows), adding: adding)
        }
    }

    /// Packs a factor for products that it will be the right factor of, until it is packed again.
    func pack(_ factor: Operand, into panels: RightPanels) {
        pack(nil, Packing(factor: factor, row: 0, column: 0, panels: panels))
    }

    /// Of the depth: a tile's part of the factors then stays in the second cache. The results' bits depend on it.
    static let blockDepth = 512
    /// Of a product whose right factor is packed for it alone: 16 MB of packed factors at most.
    static let blockRows = 4096
    static let blockColumns = 4096

    private func check(_ left: Operand, rows: Int, columns: Int, _ result: Matrix) {
        precondition(
            left.rows == result.rows && columns == result.columns && left.columns == rows,
            "product of \(left.rows) x \(left.columns) and \(rows) x \(columns) into "
                + "\(result.rows) x \(result.columns)")
    }
}

/// A part of a factor, from (`row`, `column`) on, and where it is packed.
private struct Packing<Panels> {
    let factor: Operand
    let row, column: Int
    let panels: Panels
}

extension Compute {
    private func pack(_ left: Packing<LeftPanels>?, _ right: Packing<RightPanels>?) {
        struct Job {
            let left: Packing<LeftPanels>?
            let right: Packing<RightPanels>?
            /// Panels of the left factor that are one task: they are small.
            static let group = 8

            var leftTasks: Int { ((left?.panels.count ?? 0) + Self.group - 1) / Self.group }
            var tasks: Int { leftTasks + (right?.panels.count ?? 0) }

            func run(_ task: Int) {
                if let left, task < leftTasks {
                    let panels = task * Self.group..<min((task + 1) * Self.group, left.panels.count)
                    left.panels.pack(left.factor, row: left.row, column: left.column, panels: panels)
                } else if let right {
                    right.panels.pack(right.factor, row: right.row, column: right.column, panel: task - leftTasks)
                }
            }
        }
        var job = Job(left: left, right: right)
        pool.forEach(job.tasks, context: &job) { context, task in
            context.assumingMemoryBound(to: Job.self).pointee.run(task)
        }
    }

    private func multiply(_ left: LeftPanels, _ right: RightPanels, into result: Matrix, adding: Bool) {
        var job = ProductJob(
            left: left, right: right, result: result, adding: adding, kernels: kernels, threads: pool.threads)
        pool.forEach(job.tasks, context: &job) { context, task in
            context.assumingMemoryBound(to: ProductJob.self).pointee.run(task)
        }
    }
}

/// A product of packed factors, cut into tasks: groups of left panels times groups of right ones. The whole depth is in
/// each of them, so that no result depends on the cut.
private struct ProductJob {
    let left: LeftPanels
    let right: RightPanels
    let result: Matrix
    let adding: Bool
    let multiply: ContourTileProduct
    /// Panels in a task.
    let leftGroup, rightGroup: Int

    /// Enough to keep the threads busy to the end, if one of them is slower.
    private static let tasksPerThread = 8
    /// Below this many multiplications a task is not worth handing out.
    private static let leastWork = 1 << 18
    /// Left rows of a task: with `Compute.blockDepth`, a packed block that stays in the second cache.
    private static let groupRows = 128

    init(left: LeftPanels, right: RightPanels, result: Matrix, adding: Bool, kernels: ProcessorKernels, threads: Int) {
        self.left = left
        self.right = right
        self.result = result
        self.adding = adding
        multiply = kernels.multiply
        let work = result.rows * result.columns * left.depth
        let wanted = max(1, min(Self.tasksPerThread * threads, work / Self.leastWork))
        let leftTasks = max(1, result.rows / Self.groupRows)
        rightGroup = max(1, right.count * leftTasks / wanted)
        let rightTasks = (right.count + rightGroup - 1) / rightGroup
        leftGroup = max(1, left.count / max(leftTasks, threads > 1 ? wanted / 4 / rightTasks : 1))
    }

    private var leftTasks: Int { (left.count + leftGroup - 1) / leftGroup }
    private var rightTasks: Int { (right.count + rightGroup - 1) / rightGroup }
    var tasks: Int { leftTasks * rightTasks }

    func run(_ task: Int) {
        let leftPanels = task / rightTasks * leftGroup..<min((task / rightTasks + 1) * leftGroup, left.count)
        let rightPanels = task % rightTasks * rightGroup..<min((task % rightTasks + 1) * rightGroup, right.count)
        for first in stride(from: 0, to: left.depth, by: Compute.blockDepth) {
            let depth = min(Compute.blockDepth, left.depth - first)
            for index in rightPanels {
                let panel = right.panel(index) + first * right.width
                let column = index * right.width
                let columns = min(right.width, right.columns - column)
                for leftPanel in leftPanels {
                    let rows = left.rows(leftPanel)
                    multiply(
                        rows.count, columns, depth, left.panel(row: rows.lowerBound, height: rows.count, depth: first),
                        panel, result.row(rows.lowerBound) + column, result.stride, adding || first > 0)
                }
            }
        }
    }
}
