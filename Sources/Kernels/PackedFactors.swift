/// A part of a factor, starting at (`row`, `column`).
struct FactorPart {
    let factor: Operand
    let row, column: Int

    var start: UnsafeMutablePointer<Float> { factor.element(row, column) }
    /// Distance between rows of the memory, which are columns of a transposed factor.
    var stride: Int { factor.matrix.stride }
    /// The packing order in which floats are read in the order of their addresses.
    var leftOrder: LeftPanels.Order { factor.isTransposed ? .steps : .runs }

    func moved(rows: Int, columns: Int) -> FactorPart {
        FactorPart(factor: factor, row: row + rows, column: column + columns)
    }
}

/// Part of a left factor in the kernel's order: panels of up to `kernels.rows` rows, along the depth.
struct LeftPanels {
    /// The order of floats in a panel.
    enum Order {
        /// For every `ProcessorKernels.leftRun` steps of the depth, that run of each row. For factors stored by rows.
        case runs
        /// For every step of the depth, the float of each row. For factors stored as their transpose.
        case steps
    }

    let start: UnsafeMutablePointer<Float>
    let rows, depth: Int
    let count: Int
    let order: Order

    init(_ start: UnsafeMutablePointer<Float>, rows: Int, depth: Int, kernels: ProcessorKernels, order: Order = .runs) {
        self.start = start
        self.rows = rows
        self.depth = depth
        self.order = order
        count = (rows + kernels.rows - 1) / kernels.rows
    }

    /// Returns the rows of a panel. Panels are as equal as possible: 64 rows in panels of up to 12 make four of 11 and two of 10.
    func rows(_ panel: Int) -> Range<Int> { rows * panel / count..<rows * (panel + 1) / count }

    /// Address of row `row`, the first of a panel, at step `first` of the depth, a multiple of the run.
    func panel(row: Int, height: Int, depth first: Int) -> UnsafeMutablePointer<Float> {
        start + row * Self.extent(depth) + first * height
    }

    /// Returns the depth rounded up to whole runs.
    static func extent(_ depth: Int) -> Int {
        let run = ProcessorKernels.leftRun
        return (depth + run - 1) / run * run
    }

    static func size(rows: Int, depth: Int) -> Int { rows * extent(depth) }

    /// Fills `panels` from the rows and columns of `factor` that start at (`row`, `column`). `factor` must be stored in this order.
    func pack(_ factor: Operand, row: Int, column: Int, panels: Range<Int>) {
        pack(FactorPart(factor: factor, row: row, column: column), panels: panels, steps: 0..<depth)
    }

    /// - Parameter steps: steps of the depth, starting at a whole run.
    func pack(_ part: FactorPart, panels: Range<Int>, steps: Range<Int>) {
        precondition(part.leftOrder == order)
        switch order {
        case .runs: packRuns(part.start, stride: part.stride, panels, steps)
        case .steps: packSteps(part.start, stride: part.stride, panels, steps)
        }
    }

    private func packRuns(_ source: UnsafeMutablePointer<Float>, stride: Int, _ panels: Range<Int>, _ steps: Range<Int>) {
        let run = ProcessorKernels.leftRun
        let whole = steps.lowerBound + steps.count / run * run
        for panel in panels {
            let range = rows(panel)
            let target = self.panel(row: range.lowerBound, height: range.count, depth: 0)
            let source = source + range.lowerBound * stride
            for first in Swift.stride(from: steps.lowerBound, to: whole, by: run) {
                for index in 0..<range.count {
                    copyVector(source + index * stride + first, to: target + first * range.count + index * run, as: SIMD16<Float>.self)
                }
            }
            for index in 0..<range.count where whole < steps.upperBound {
                (target + whole * range.count + index * run)
                    .update(from: source + index * stride + whole, count: steps.upperBound - whole)
            }
        }
    }

    private func packSteps(_ source: UnsafeMutablePointer<Float>, stride: Int, _ panels: Range<Int>, _ steps: Range<Int>) {
        // A few steps of all panels at a time, because cache lines of the factor span panels.
        for first in Swift.stride(from: steps.lowerBound, to: steps.upperBound, by: 16) {
            for panel in panels {
                let range = rows(panel)
                let target = self.panel(row: range.lowerBound, height: range.count, depth: first)
                let source = source + range.lowerBound + first * stride
                let count = min(16, steps.upperBound - first)
                // Constants for the usual heights, so that the compiler unrolls them.
                switch range.count {
                case 4: copySteps(source, stride: stride, to: target, 4, count)
                case 5: copySteps(source, stride: stride, to: target, 5, count)
                case 6: copySteps(source, stride: stride, to: target, 6, count)
                case 11: copySteps(source, stride: stride, to: target, 11, count)
                case 12: copySteps(source, stride: stride, to: target, 12, count)
                default: copySteps(source, stride: stride, to: target, range.count, count)
                }
            }
        }
    }

    @inline(__always)
    private func copySteps(
        _ source: UnsafeMutablePointer<Float>, stride: Int, to target: UnsafeMutablePointer<Float>, _ height: Int, _ count: Int
    ) {
        var source = source, target = target, step = 0
        while step < count {
            copy(source, to: target, height)
            source += stride
            target += height
            step &+= 1
        }
    }

    /// Copies at most 15 floats without a call.
    @inline(__always)
    private func copy(_ source: UnsafeMutablePointer<Float>, to target: UnsafeMutablePointer<Float>, _ count: Int) {
        var index = 0
        if count & 8 != 0 {
            copyVector(source, to: target, as: SIMD8<Float>.self)
            index = 8
        }
        if count & 4 != 0 {
            copyVector(source + index, to: target + index, as: SIMD4<Float>.self)
            index += 4
        }
        if count & 2 != 0 {
            copyVector(source + index, to: target + index, as: SIMD2<Float>.self)
            index += 2
        }
        if count & 1 != 0 { target[index] = source[index] }
    }
}

/// Copies as many floats as a vector has.
@inline(__always)
private func copyVector<V: SIMD>(_ source: UnsafeMutablePointer<Float>, to target: UnsafeMutablePointer<Float>, as: V.Type)
where V.Scalar == Float {
    UnsafeMutableRawPointer(target).storeBytes(of: UnsafeRawPointer(source).loadUnaligned(as: V.self), as: V.self)
}

/// Part of a right factor in the kernel's order: panels of `kernels.columns` columns, each stored row after row. The last panel is
/// padded with zeros.
struct RightPanels {
    let start: UnsafeMutablePointer<Float>
    let depth, columns: Int
    let kernels: ProcessorKernels
    /// Columns of a panel.
    var width: Int { kernels.columns }

    var count: Int { (columns + width - 1) / width }

    func panel(_ index: Int) -> UnsafeMutablePointer<Float> { start + index * depth * width }

    static func size(depth: Int, columns: Int, width: Int) -> Int { (columns + width - 1) / width * width * depth }

    /// Fills `steps` of the depth of `panels` from a part of a factor.
    func pack(_ part: FactorPart, panels: Range<Int>, steps: Range<Int>) {
        let whole = panels.lowerBound..<max(panels.lowerBound, min(panels.upperBound, columns / width))
        if part.factor.isTransposed {
            for index in whole { packRows(part, panel: index, filled: width, steps) }
        } else {
            kernels.pack(
                steps.count, whole.count, part.start + steps.lowerBound * part.stride + whole.lowerBound * width, part.stride,
                panel(whole.lowerBound) + steps.lowerBound * width, depth * width)
        }
        // The last panel has fewer columns.
        for index in whole.upperBound..<panels.upperBound {
            let filled = columns - index * width, target = panel(index)
            (target + steps.lowerBound * width).update(repeating: 0, count: steps.count * width)
            if part.factor.isTransposed {
                packRows(part, panel: index, filled: filled, steps)
            } else {
                let source = part.start + index * width
                for inner in steps { (target + inner * width).update(from: source + inner * part.stride, count: filled) }
            }
        }
    }

    /// Packs one panel of a transposed factor, whose columns are rows in memory.
    private func packRows(_ part: FactorPart, panel index: Int, filled: Int, _ steps: Range<Int>) {
        let target = panel(index), source = part.start + index * width * part.stride, stride = part.stride
        // A few lines of the target at a time, so that they stay in the first-level cache.
        for start in Swift.stride(from: steps.lowerBound, to: steps.upperBound, by: 16) {
            let end = min(start + 16, steps.upperBound)
            var lane = 0
            while lane + 4 <= filled {
                let rows = source + lane * stride
                var inner = start
                while inner + 4 <= end {
                    transpose(rows + inner, stride: stride, into: target + inner * width + lane)
                    inner += 4
                }
                while inner < end {
                    for row in 0..<4 { target[inner * width + lane + row] = rows[row * stride + inner] }
                    inner += 1
                }
                lane += 4
            }
            while lane < filled {
                let line = source + lane * stride
                for inner in start..<end { target[inner * width + lane] = line[inner] }
                lane += 1
            }
        }
    }

    /// Transposes four floats of each of four rows, `stride` apart, into four lanes of four lines of a panel.
    @inline(__always)
    private func transpose(_ source: UnsafeMutablePointer<Float>, stride: Int, into target: UnsafeMutablePointer<Float>) {
        func row(_ index: Int) -> SIMD4<Float> {
            UnsafeRawPointer(source + index * stride).loadUnaligned(as: SIMD4<Float>.self)
        }
        let (a, b, c, d) = (row(0), row(1), row(2), row(3))
        for inner in 0..<4 {
            UnsafeMutableRawPointer(target + inner * width)
                .storeBytes(of: SIMD4(a[inner], b[inner], c[inner], d[inner]), as: SIMD4<Float>.self)
        }
    }
}
