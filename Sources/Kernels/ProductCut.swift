/// The plan for splitting a product: the factors packed before its tasks begin, and the size of the tasks.
///
/// Each factor is packed once. The smaller one is packed before the tasks begin; each task packs its share of the larger one, which
/// is then in the second-level cache when it is multiplied. If that makes too few tasks for the threads, both are packed before. No
/// result depends on any of this.
/// before. No result depends on any of this.
struct ProductCut {
    /// True if the whole factor is packed before the tasks begin.
    let packsLeft, packsRight: Bool
    /// Rows, columns and depth of the part of the product that is finished before the next one begins.
    let rows, columns, depth: Int
    /// Rows and columns of a task, in whole panels.
    let rowGroup, columnGroup: Int
    /// Number of tasks that run at the same time.
    let slots: Int
    /// Floats of the share of a factor that a task packs.
    let shareSize: Int

    /// Enough to keep all threads busy to the end if one of them is slower.
    private static let tasksPerThread = 8
    /// Number of multiplications below which a task is not worth starting.
    private static let leastWork = 1 << 18
    /// Rows of a task that packs them: with `ProcessorBackend.blockDepth`, less than half of a 512 KB second-level cache.
    private static let groupRows = 96
    /// Floats of the right factor that stay in the second-level cache while panels of the left one pass by: half of 512 KB.
    private static let stripFloats = 1 << 16

    /// Returns how many columns of the right factor, at this depth, stay in the second-level cache.
    static func stripColumns(depth: Int, kernels: ProcessorKernels) -> Int {
        max(1, stripFloats / depth / kernels.columns) * kernels.columns
    }

}

extension ProductCut {
    /// Plans a product whose factors are not packed.
    init(rows: Int, columns: Int, depth: Int, kernels: ProcessorKernels, threads: Int) {
        let wanted = Self.wanted(rows, columns, depth, threads)
        let depth = min(depth, ProcessorBackend.blockDepth)
        let rowGroup = min(max((rows + wanted - 1) / wanted, Self.groupRows / 2), Self.groupRows).roundedUp(to: kernels.rows)
        let columnGroup = min(
            ((columns + wanted - 1) / wanted).roundedUp(to: kernels.columns), Self.stripColumns(depth: depth, kernels: kernels))
        let least = threads == 1 ? 1 : 3 * min(threads, wanted)
        if rows > columns && rows.groups(of: rowGroup) >= least {
            let columns = min(columns, ProcessorBackend.blockRows)
            self.init(
                packsLeft: false, packsRight: true, rows: rows, columns: columns, depth: depth, rowGroup: rowGroup,
                columnGroup: columns, slots: min(threads, wanted),
                shareSize: LeftPanels.size(rows: min(rowGroup, rows), depth: depth))
        } else if rows <= columns && columns.groups(of: columnGroup) >= least {
            let rows = min(rows, ProcessorBackend.blockRows)
            self.init(
                packsLeft: true, packsRight: false, rows: rows, columns: columns, depth: depth,
                rowGroup: rows.roundedUp(to: kernels.rows), columnGroup: columnGroup, slots: min(threads, wanted),
                shareSize: RightPanels.size(depth: depth, columns: columnGroup, width: kernels.columns).roundedUp(to: 16))
        } else {
            self.init(
                rows: min(rows, ProcessorBackend.blockRows), columns: min(columns, ProcessorBackend.blockRows),
                depth: depth, packsRight: true, wanted: wanted, kernels: kernels, threads: threads)
        }
    }

    /// Plans a product whose right factor is packed.
    init(rows: Int, packed: RightPanels, kernels: ProcessorKernels, threads: Int) {
        let wanted = Self.wanted(rows, packed.columns, packed.depth, threads)
        let rowGroup = Self.groupRows.roundedUp(to: kernels.rows)
        // Each task reads the whole right factor, so with few rows it is better packed for all tasks.
        if threads == 1 || rows / rowGroup >= 4 * threads {
            self.init(
                packsLeft: false, packsRight: false, rows: rows, columns: packed.columns, depth: packed.depth,
                rowGroup: rowGroup, columnGroup: packed.columns, slots: min(threads, wanted),
                shareSize: LeftPanels.size(rows: min(rowGroup, rows), depth: min(packed.depth, ProcessorBackend.blockDepth)))
        } else {
            self.init(
                rows: min(rows, max(kernels.rows, ProcessorBackend.blockRows * ProcessorBackend.blockDepth / packed.depth)),
                columns: packed.columns, depth: packed.depth, packsRight: false, wanted: wanted, kernels: kernels, threads: threads)
        }
    }

    /// Plans a product whose factors are both packed before the tasks begin, the right one perhaps long before.
    private init(
        rows: Int, columns: Int, depth: Int, packsRight: Bool, wanted: Int, kernels: ProcessorKernels, threads: Int
    ) {
        let (leftCount, rightCount) = (rows.groups(of: kernels.rows), columns.groups(of: kernels.columns))
        let leftTasks = max(1, rows / 128)
        let rightGroup = max(1, rightCount * leftTasks / wanted)
        let leftGroup = max(1, leftCount / max(leftTasks, threads > 1 ? wanted / 4 / rightCount.groups(of: rightGroup) : 1))
        self.init(
            packsLeft: true, packsRight: packsRight, rows: rows, columns: columns, depth: depth,
            rowGroup: leftGroup * kernels.rows, columnGroup: rightGroup * kernels.columns, slots: min(threads, wanted), shareSize: 0)
    }

    private static func wanted(_ rows: Int, _ columns: Int, _ depth: Int, _ threads: Int) -> Int {
        threads == 1 ? 1 : max(1, min(tasksPerThread * threads, rows * columns * depth / leastWork))
    }
}

extension Int {
    fileprivate func roundedUp(to step: Int) -> Int { groups(of: step) * step }

    /// Number of groups of `size` that cover this many members; the last group may be smaller.
    func groups(of size: Int) -> Int { (self + size - 1) / size }

    /// Returns the members of group `index`, in groups of `size`.
    func group(_ index: Int, of size: Int) -> Range<Int> { index * size..<Swift.min((index + 1) * size, self) }
}
