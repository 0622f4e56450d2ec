internal import CKernels
internal import Parallel

extension ProcessorBackend {
    /// `result = left * right`, or `result += left * right` with `adding`.
    ///
    /// `left` is [m, k], `right` [k, n] and `result` [m, n]; `result` must not overlap the factors.
    ///
    /// The bits of an element depend only on its row of `left`, its column of `right` and what it is added to: not on other rows,
    /// the number of threads, or whether `right` was packed before. Each `blockDepth` steps of the depth are summed in order by one
    /// chain of multiply-adds.
    public func multiply(_ left: some Factor, _ right: some Factor, into result: Matrix, adding: Bool) {
        multiply(left.operand, right.operand, into: result, adding ? .result : .nothing)
    }

    /// `result = left * right + bias` for every row; `bias` is [1, n].
    public func multiply(_ left: some Factor, _ right: some Factor, bias: Matrix, into result: Matrix) {
        precondition(bias.columns == result.columns)
        multiply(left.operand, right.operand, into: result, .row(bias.start))
    }

    private func multiply(_ left: Operand, _ right: Operand, into result: Matrix, _ addend: ProductJob.Addend) {
        check(left, rows: right.rows, columns: right.columns, result)
        let depth = left.columns
        guard depth > 0 && result.rows > 0 && result.columns > 0 else { return write(addend, to: result) }
        operations += 2 * Double(result.rows) * Double(result.columns) * Double(depth)
        let cut = ProductCut(rows: result.rows, columns: result.columns, depth: depth, kernels: kernels, threads: pool.threads)
        let leftSize = cut.packsLeft ? LeftPanels.size(rows: cut.rows, depth: cut.depth) : 0
        let rightSize = cut.packsRight ? RightPanels.size(depth: cut.depth, columns: cut.columns, width: kernels.columns) : 0
        let memory = scratch(leftSize + rightSize + ProductJob.memorySize(cut))
        for row in stride(from: 0, to: result.rows, by: cut.rows) {
            let rows = row..<min(row + cut.rows, result.rows)
            for column in stride(from: 0, to: result.columns, by: cut.columns) {
                let columns = column..<min(column + cut.columns, result.columns)
                for first in stride(from: 0, to: depth, by: cut.depth) {
                    let extent = min(cut.depth, depth - first)
                    let leftPart = FactorPart(factor: left, row: row, column: first)
                    let rightPart = FactorPart(factor: right, row: first, column: column)
                    let leftPanels = LeftPanels(
                        memory, rows: rows.count, depth: extent, kernels: kernels, order: leftPart.leftOrder)
                    let rightPanels = RightPanels(start: memory + leftSize, depth: extent, columns: columns.count, kernels: kernels)
                    pack(
                        cut.packsLeft ? Packing(part: leftPart, panels: leftPanels) : nil,
                        cut.packsRight ? Packing(part: rightPart, panels: rightPanels) : nil)
                    pool.run(ProductJob(
                        left: cut.packsLeft ? .packed(leftPanels) : .stored(leftPart),
                        right: cut.packsRight ? .packed(rightPanels) : .stored(rightPart),
                        result: result.rows(rows).columns(columns), depth: extent,
                        addend: first > 0 ? .result : addend.moved(column), cut: cut, memory: memory + leftSize + rightSize,
                        kernels: kernels))
                }
            }
        }
    }

    /// Multiplies by a right factor that is already packed.
    func multiply(_ left: some Factor, _ panels: RightPanels, into result: Matrix, _ addend: ProductJob.Addend) {
        let left = left.operand
        check(left, rows: panels.depth, columns: panels.columns, result)
        guard panels.depth > 0 && result.rows > 0 && result.columns > 0 else { return write(addend, to: result) }
        operations += 2 * Double(result.rows) * Double(result.columns) * Double(panels.depth)
        let cut = ProductCut(rows: result.rows, packed: panels, kernels: kernels, threads: pool.threads)
        let leftSize = cut.packsLeft ? LeftPanels.size(rows: cut.rows, depth: cut.depth) : 0
        let memory = scratch(leftSize + ProductJob.memorySize(cut))
        for row in stride(from: 0, to: result.rows, by: cut.rows) {
            let rows = row..<min(row + cut.rows, result.rows)
            let part = FactorPart(factor: left, row: row, column: 0)
            let leftPanels = LeftPanels(memory, rows: rows.count, depth: panels.depth, kernels: kernels, order: part.leftOrder)
            if cut.packsLeft { pack(Packing(part: part, panels: leftPanels), nil) }
            pool.run(ProductJob(
                left: cut.packsLeft ? .packed(leftPanels) : .stored(part), right: .packed(panels), result: result.rows(rows),
                depth: panels.depth, addend: addend, cut: cut, memory: memory + leftSize, kernels: kernels))
        }
    }

    /// Writes the product of factors of depth 0, which is the addend.
    private func write(_ addend: ProductJob.Addend, to result: Matrix) {
        switch addend {
        case .nothing: result.fill(0)
        case .result: break
        case .row(let row): for index in 0..<result.rows { result.row(index).update(from: row, count: result.columns) }
        }
    }

    /// Packs the right factor of later products; the panels are valid until packed again.
    func pack(_ factor: Operand, into panels: RightPanels) {
        pack(nil, Packing(part: FactorPart(factor: factor, row: 0, column: 0), panels: panels))
    }

    /// Steps of the depth in one block: a panel of the left factor then stays in the first-level cache. The bits of results depend
    /// on this number.
    static let blockDepth = 512
    /// Rows or columns of a factor that are packed in one block.
    static let blockRows = 4096

    private func check(_ left: Operand, rows: Int, columns: Int, _ result: Matrix) {
        precondition(
            left.rows == result.rows && columns == result.columns && left.columns == rows,
            "product of \(left.rows) x \(left.columns) and \(rows) x \(columns) into "
                + "\(result.rows) x \(result.columns)")
    }
}

/// A part of a factor and the place where it is packed.
private struct Packing<Panels> {
    let part: FactorPart
    let panels: Panels
}

extension ProcessorBackend {
    private func pack(_ left: Packing<LeftPanels>?, _ right: Packing<RightPanels>?) {
        struct Job: ParallelJob {
            let left: Packing<LeftPanels>?
            let right: Packing<RightPanels>?
            /// Panels in a task: those of a left factor are small, those of a right factor lie side by side.
            static let leftGroup = 8, rightGroup = 4

            var leftTasks: Int { ((left?.panels.count ?? 0) + Self.leftGroup - 1) / Self.leftGroup }
            var rightTasks: Int { ((right?.panels.count ?? 0) + Self.rightGroup - 1) / Self.rightGroup }
            var tasks: Int { leftTasks + rightTasks }

            func run(_ task: Int) {
                if let left, task < leftTasks {
                    let panels = task * Self.leftGroup..<min((task + 1) * Self.leftGroup, left.panels.count)
                    left.panels.pack(left.part.factor, row: left.part.row, column: left.part.column, panels: panels)
                } else if let right {
                    let first = (task - leftTasks) * Self.rightGroup
                    right.panels.pack(
                        right.part, panels: first..<min(first + Self.rightGroup, right.panels.count), steps: 0..<right.panels.depth)
                }
            }
        }
        pool.run(Job(left: left, right: right))
    }
}
