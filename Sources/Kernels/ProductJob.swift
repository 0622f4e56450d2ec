internal import CKernels
internal import Parallel
internal import Synchronization

/// A product split into tasks: groups of rows times groups of columns of the result. Each task covers the whole depth, so that no
/// result depends on the split.
struct ProductJob: ~Copyable, ParallelJob {
    enum Source<Panels> {
        case packed(Panels)
        /// Packed by each task, its share only. At most one factor may be stored.
        case stored(FactorPart)
    }

    /// The matrix or row that is added to the product.
    enum Addend {
        case nothing, result
        /// A row that is added to each row of the result.
        case row(UnsafeMutablePointer<Float>)

        /// Returns the addend of the product's columns from `column` on.
        func moved(_ column: Int) -> Addend {
            if case .row(let row) = self { .row(row + column) } else { self }
        }
    }

    let left: Source<LeftPanels>
    let right: Source<RightPanels>
    let result: Matrix
    let depth: Int
    let addend: Addend
    let cut: ProductCut
    /// Memory for `memorySize(cut)` floats.
    let memory: UnsafeMutablePointer<Float>
    let kernels: ProcessorKernels
    /// The first task that no thread has started.
    private let next = Atomic<Int>(0)

    private var rowTasks: Int {
        switch left {
        case .packed(let panels): panels.count.groups(of: cut.rowGroup / kernels.rows)
        case .stored: result.rows.groups(of: cut.rowGroup)
        }
    }

    private var columnTasks: Int { result.columns.groups(of: cut.columnGroup) }

    /// Floats of memory needed by the tasks: two shares for each running task.
    static func memorySize(_ cut: ProductCut) -> Int { 2 * cut.slots * cut.shareSize }

    /// Each task has its own slot of memory.
    var tasks: Int { min(cut.slots, blocks) }
    private var blocks: Int { rowTasks * columnTasks }

    /// Multiplies blocks until none is left.
    ///
    /// While a block is multiplied, the share of the next block is packed, a part after each panel. The kernel prefetches what is
    /// packed or multiplied next; waiting for memory took a tenth of the time where factors exceed the caches.
    func run(_ slot: Int) {
        guard var block = claim() else { return }
        var share = memory + 2 * slot * cut.shareSize, other = share + cut.shareSize
        var packing = packing(block, share)
        packing?.finish()
        while true {
            let next = block.depth.upperBound < depth ? self.block(block.task, from: block.depth.upperBound) : claim()
            packing = next.flatMap { self.packing($0, other) }
            multiply(block, share, before: next, meanwhile: &packing)
            packing?.finish()
            guard let next else { return }
            block = next
            swap(&share, &other)
        }
    }

    /// A task's part of the result and of the depth.
    private struct Block {
        let task: Int
        let rows, columns, depth: Range<Int>
    }

    private func claim() -> Block? {
        let task = next.wrappingAdd(1, ordering: .relaxed).oldValue
        return task < blocks ? block(task, from: 0) : nil
    }

    private func block(_ task: Int, from first: Int) -> Block {
        let row = task / columnTasks * cut.rowGroup, column = task % columnTasks * cut.columnGroup
        let rows = switch left {
        case .packed(let panels):
            panels.rows(row / kernels.rows).lowerBound
                ..< panels.rows(min((row + cut.rowGroup) / kernels.rows, panels.count) - 1).upperBound
        case .stored: row..<min(row + cut.rowGroup, result.rows)
        }
        return Block(
            task: task, rows: rows, columns: column..<min(column + cut.columnGroup, result.columns),
            depth: first..<min(first + ProcessorBackend.blockDepth, depth))
    }

    /// Returns how to pack a block's share of a stored factor; `nil` if both factors are packed.
    private func packing(_ block: Block, _ share: UnsafeMutablePointer<Float>) -> SharePacking? {
        if case .stored(let part) = left {
            return SharePacking(
                part.moved(rows: block.rows.lowerBound, columns: block.depth.lowerBound),
                into: .left(leftShare(block, part, share)), kernels: kernels)
        }
        if case .stored(let part) = right {
            return SharePacking(
                part.moved(rows: block.depth.lowerBound, columns: block.columns.lowerBound),
                into: .right(rightShare(block, share)), kernels: kernels)
        }
        return nil
    }

    private func leftShare(_ block: Block, _ part: FactorPart, _ share: UnsafeMutablePointer<Float>) -> LeftPanels {
        LeftPanels(share, rows: block.rows.count, depth: block.depth.count, kernels: kernels, order: part.leftOrder)
    }

    private func rightShare(_ block: Block, _ share: UnsafeMutablePointer<Float>) -> RightPanels {
        RightPanels(start: share, depth: block.depth.count, columns: block.columns.count, kernels: kernels)
    }

    /// - Parameters:
    ///   - share: the block's packed share of a stored factor.
    ///   - packing: the packing of the share of block `next`.
    private func multiply(
        _ block: Block, _ share: UnsafeMutablePointer<Float>, before next: Block?, meanwhile packing: inout SharePacking?
    ) {
        let leftPanels: LeftPanels, panels: Range<Int>, rightPanels: RightPanels
        // First row, column and depth of the block; a share contains only the block and starts at 0.
        var row = 0, column = 0, leftDepth = 0, rightDepth = 0
        switch left {
        case .packed(let all):
            let first = block.task / columnTasks * (cut.rowGroup / kernels.rows)
            leftPanels = all
            panels = first..<min(first + cut.rowGroup / kernels.rows, all.count)
            leftDepth = block.depth.lowerBound
        case .stored(let part):
            leftPanels = leftShare(block, part, share)
            panels = 0..<leftPanels.count
            row = block.rows.lowerBound
        }
        switch right {
        case .packed(let all):
            rightPanels = all
            column = block.columns.lowerBound
            rightDepth = block.depth.lowerBound
        case .stored: rightPanels = rightShare(block, share)
        }
        let width = kernels.columns, depth = block.depth.count
        let strip = ProductCut.stripColumns(depth: depth, kernels: kernels)
        var done = 0
        for first in stride(from: 0, to: block.columns.count, by: strip) {
            let columns = min(strip, block.columns.count - first)
            let right = rightPanels.panel((column + first) / width) + rightDepth * width
            let following = first + strip < block.columns.count ? ahead(block, first + strip) : next.flatMap { ahead($0, 0) }
            for panel in panels {
                let rows = leftPanels.rows(panel)
                let factor = leftPanels.panel(row: rows.lowerBound, height: rows.count, depth: leftDepth)
                var ahead = ContourAhead()
                if let next = packing?.takeAhead(runs: depth / ProcessorKernels.leftRun) {
                    ahead = next
                } else if let following {
                    ahead = following
                    ahead.start += depth * (panel - panels.lowerBound) / panels.count * width
                } else {
                    // The next panel of the left factor, or what follows the last one.
                    ahead = ContourAhead(
                        start: factor + rows.count * depth, panel: depth / ProcessorKernels.leftRun * width, run: width)
                }
                let start = result.row(row + rows.lowerBound) + block.columns.lowerBound + first
                kernels.multiplyStrip(
                    rows.count, columns, depth, factor, leftPanels.order == .steps, right, rightPanels.depth * width, start,
                    result.stride, addend(block, column: first, result: start), ahead)
                done += columns
                packing?.advance(to: done, of: panels.count * block.columns.count)
            }
        }
    }

    /// Returns the addend of a block's columns from `column` on, whose result begins at `start`.
    private func addend(_ block: Block, column: Int, result start: UnsafeMutablePointer<Float>) -> ContourAddend {
        if block.depth.lowerBound > 0 { return ContourAddend(start: start, stride: result.stride) }
        return switch addend {
        case .nothing: ContourAddend(start: nil, stride: 0)
        case .result: ContourAddend(start: start, stride: result.stride)
        case .row(let row): ContourAddend(start: row + block.columns.lowerBound + column, stride: 0)
        }
    }

    /// Returns the panels of a packed right factor from a column of a block on, which may be in no cache yet.
    private func ahead(_ block: Block, _ column: Int) -> ContourAhead? {
        guard case .packed(let panels) = right else { return nil }
        return ContourAhead(
            start: panels.panel((block.columns.lowerBound + column) / kernels.columns) + block.depth.lowerBound * kernels.columns,
            panel: panels.depth * kernels.columns, run: kernels.columns)
    }
}
