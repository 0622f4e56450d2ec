/// Part of a left factor in the kernel's order: panels of up to `kernels.rows` rows, in each of them, for every
/// `ProcessorKernels.leftRun` of the depth, that run of each row.
struct LeftPanels {
    let start: UnsafeMutablePointer<Float>
    let rows, depth: Int
    let count: Int

    init(_ start: UnsafeMutablePointer<Float>, rows: Int, depth: Int, kernels: ProcessorKernels) {
        self.start = start
        self.rows = rows
        self.depth = depth
        count = (rows + kernels.rows - 1) / kernels.rows
    }

    /// Panels are as equal as can be: 64 rows in panels of up to 12 are four of 11 and two of 10.
    func rows(_ panel: Int) -> Range<Int> { rows * panel / count..<rows * (panel + 1) / count }

    /// Where row `row`, the first of a panel, is at `depth`, a multiple of the run.
    func panel(row: Int, height: Int, depth first: Int) -> UnsafeMutablePointer<Float> {
        start + row * Self.extent(depth) + first * height
    }

    /// The depth, filled up to whole runs.
    static func extent(_ depth: Int) -> Int {
        let run = ProcessorKernels.leftRun
        return (depth + run - 1) / run * run
    }

    static func size(rows: Int, depth: Int) -> Int { rows * extent(depth) }

    /// Fills `panels` from `factor`, whose rows and columns from (`row`, `column`) on this is.
    func pack(_ factor: Operand, row: Int, column: Int, panels: Range<Int>) {
        let run = ProcessorKernels.leftRun
        // Runs are the outer loop, because the rows of a transposed factor lie across its memory: a page each.
        for first in Swift.stride(from: 0, to: depth, by: run) {
            let width = min(run, depth - first)
            for panel in panels {
                let range = rows(panel)
                let target = self.panel(row: range.lowerBound, height: range.count, depth: first)
                let source = factor.element(row + range.lowerBound, column + first)
                let stride = factor.matrix.stride
                if factor.isTransposed {
                    Self.transpose(source, stride: stride, rows: range.count, width: width, into: target)
                } else if width == run {
                    for index in 0..<range.count {
                        (target + index * run).update(from: source + index * stride, count: ProcessorKernels.leftRun)
                    }
                } else {
                    for index in 0..<range.count {
                        (target + index * run).update(from: source + index * stride, count: width)
                    }
                }
            }
        }
    }

    /// One run of a panel whose columns are in `source`, four at a time.
    private static func transpose(
        _ source: UnsafeMutablePointer<Float>, stride: Int, rows: Int, width: Int,
        into target: UnsafeMutablePointer<Float>
    ) {
        var inner = 0
        while inner + 4 <= width {
            let (a, b) = (source + inner * stride, source + (inner + 1) * stride)
            let (c, d) = (b + stride, b + 2 * stride)
            for index in 0..<rows {
                UnsafeMutableRawPointer(target + index * ProcessorKernels.leftRun + inner)
                    .storeBytes(of: SIMD4(a[index], b[index], c[index], d[index]), as: SIMD4<Float>.self)
            }
            inner += 4
        }
        while inner < width {
            for index in 0..<rows { target[index * ProcessorKernels.leftRun + inner] = source[inner * stride + index] }
            inner += 1
        }
    }
}

/// Part of a right factor in the kernel's order: panels of `kernels.columns` columns, in each of them row after row.
/// The last panel is filled up with zeros.
struct RightPanels {
    let start: UnsafeMutablePointer<Float>
    let depth, columns: Int
    /// Columns of a panel.
    let width: Int

    init(_ start: UnsafeMutablePointer<Float>, depth: Int, columns: Int, kernels: ProcessorKernels) {
        self.start = start
        self.depth = depth
        self.columns = columns
        width = kernels.columns
    }

    var count: Int { (columns + width - 1) / width }

    func panel(_ index: Int) -> UnsafeMutablePointer<Float> { start + index * depth * width }

    static func size(depth: Int, columns: Int, width: Int) -> Int { (columns + width - 1) / width * width * depth }

    /// Fills one panel from `factor`, whose rows and columns from (`row`, `column`) on this is.
    func pack(_ factor: Operand, row: Int, column: Int, panel index: Int) {
        let target = panel(index)
        let first = index * width
        let filled = min(width, columns - first)
        if filled < width { target.update(repeating: 0, count: depth * width) }
        let source = factor.element(row, column + first)
        let stride = factor.matrix.stride
        if factor.isTransposed {
            // A few lines of the target at a time, so that they stay in the nearest cache.
            for start in Swift.stride(from: 0, to: depth, by: 16) {
                let range = start..<min(start + 16, depth)
                var lane = 0
                while lane + 4 <= filled {
                    transpose(source + lane * stride, stride: stride, range, into: target + lane)
                    lane += 4
                }
                while lane < filled {
                    let line = source + lane * stride
                    for inner in range { target[inner * width + lane] = line[inner] }
                    lane += 1
                }
            }
        } else {
            for inner in 0..<depth { (target + inner * width).update(from: source + inner * stride, count: filled) }
        }
    }

    /// Four rows of a transposed factor, `stride` apart, into four lanes of a panel.
    @inline(__always)
    private func transpose(
        _ a: UnsafeMutablePointer<Float>, stride: Int, _ range: Range<Int>, into target: UnsafeMutablePointer<Float>
    ) {
        let (b, c, d) = (a + stride, a + 2 * stride, a + 3 * stride)
        for inner in range {
            UnsafeMutableRawPointer(target + inner * width)
                .storeBytes(of: SIMD4(a[inner], b[inner], c[inner], d[inner]), as: SIMD4<Float>.self)
        }
    }
}
