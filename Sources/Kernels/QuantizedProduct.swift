internal import CKernels
public import Parallel

extension ProcessorBackend {
    /// `result ≈ left * right`, or `result += …` with `adding`, in 8-bit integers: those of `right` and those of each row of
    /// `left`,
    ///
    ///     q = round(127 x / m),  scale = m / 127      m: the largest magnitude of x's row
    ///
    /// rounded to nearest, ties to even. Products of integers are summed exactly; the sum times the row's scale and the column's
    /// scale is the element. A row that is not finite becomes NaN; a row whose magnitudes are all below 1e-30 counts as zero.
    ///
    /// `left` is [m, k], `right` [k, n] and `result` [m, n]; `result` must not overlap `left`. The bits of an element depend only
    /// on its row of `left`, its column of `right` and what it is added to, and not on the processor.
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
            pool.run(QuantizingJob(source: left.rows(rows), target: bytes))
            pool.run(QuantizedProductJob(bytes, right, into: result.rows(rows), adding: adding, threads: pool.threads))
        }
    }
}

/// A left factor as bytes in the kernel's order: panels of up to `kernels.rows` rows, each holding, for every `ByteKernels.leftRun`
/// steps of the depth, that run of each row. The scales of the rows come first.
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

    /// Returns the rows of a panel; panels are as equal as possible, like those of `LeftPanels`.
    func rows(_ panel: Int) -> Range<Int> { rows * panel / panels..<rows * (panel + 1) / panels }

    func panel(row: Int) -> UnsafeMutablePointer<UInt8> { bytes + row * Self.extent(depth, kernels) }

    /// Bytes in a run of one row.
    var run: Int { ByteKernels.leftRun * kernels.width }

    /// Bytes of a row, rounded up to whole runs.
    static func extent(_ depth: Int, _ kernels: ByteKernels) -> Int {
        (depth + ByteKernels.leftRun - 1) / ByteKernels.leftRun * ByteKernels.leftRun * kernels.width
    }

    /// Total size in floats; the bytes after the scales start on a cache line.
    static func size(rows: Int, depth: Int, _ kernels: ByteKernels) -> Int {
        scaleCount(rows) + rows * extent(depth, kernels) / 4
    }

    private static func scaleCount(_ rows: Int) -> Int { (rows + 15) / 16 * 16 }
}

/// Conversion of rows of floats to bytes, split by panels.
private struct QuantizingJob: ParallelJob {
    let source: Matrix
    let target: ByteRows

    /// Number of values that make a task worth starting.
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

/// A product of bytes, split into tasks: groups of left panels times groups of right panels. Each task covers the whole depth.
private struct QuantizedProductJob: ParallelJob {
    let left: ByteRows
    let right: QuantizedMatrix
    let result: Matrix
    let adding: Bool
    /// Panels in a task.
    let leftGroup, rightGroup: Int

    private static let tasksPerThread = 8
    /// Number of multiplications below which a task is not worth starting.
    private static let leastWork = 1 << 20
    /// Left rows in a task; they stay in the second-level cache.
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

/// The right factor of 8-bit products: a matrix of weights as 8-bit integers with a scale for each column,
///
///     q = round(127 x / m),  scale = m / 127      m: the largest magnitude of x's column
///
/// rounded to nearest, ties to even. It takes a quarter of the memory of the matrix. A column that is not finite makes its part of
/// every product NaN; a column whose magnitudes are all below 1e-30 counts as zero.
///
/// ```swift
/// let quantized = QuantizedMatrix(weights, pool: pool)
/// backend.multiply(left, quantized, into: result)
/// ```
public final class QuantizedMatrix: @unchecked Sendable {
    /// Shape of the factor.
    public let rows, columns: Int
    let kernels: ByteKernels
    /// Panels of `kernels.columns` columns, each holding, for every four rows, those of each column. The last rows and columns are
    /// padded with zeros.
    private let values: FloatBuffer
    /// For each column of the panels, its scale, and -128 times the sum of its integers.
    private let scaleBuffer, correctionBuffer: FloatBuffer

    /// The greatest depth at which sums are certain to fit 32 bits.
    static let mostRows = 1 << 16

    /// Quantizes a matrix.
    /// - `kernels`: one of `ByteKernels.available`.
    public init(_ matrix: Matrix, pool: ThreadPool, kernels: ByteKernels = .fastest) {
        precondition(matrix.rows <= Self.mostRows, "\(matrix.rows) rows in a matrix of bytes")
        rows = matrix.rows
        columns = matrix.columns
        self.kernels = kernels
        let filled = (columns + kernels.columns - 1) / kernels.columns * kernels.columns
        values = FloatBuffer(count: (rows + 3) / 4 * filled)
        scaleBuffer = FloatBuffer(count: filled)
        correctionBuffer = FloatBuffer(count: filled)
        pool.forEach(panels) { fill($0, from: matrix) }
    }

    var memory: UnsafeMutablePointer<Float> { values.start }
    /// Size in bytes.
    public var bytes: Int { values.bytes + scaleBuffer.bytes + correctionBuffer.bytes }

    var panels: Int { (columns + kernels.columns - 1) / kernels.columns }

    func panel(_ index: Int) -> UnsafeMutablePointer<Int8> {
        let size = (rows + 3) / 4 * 4 * kernels.columns
        return (UnsafeMutableRawPointer(values.start) + index * size).bindMemory(to: Int8.self, capacity: size)
    }

    func scales(_ index: Int) -> UnsafeMutablePointer<Float> { scaleBuffer.start + index * kernels.columns }

    func corrections(_ index: Int) -> UnsafeMutablePointer<Int32> {
        UnsafeMutableRawPointer(correctionBuffer.start + index * kernels.columns)
            .bindMemory(to: Int32.self, capacity: kernels.columns)
    }

    private func fill(_ index: Int, from matrix: Matrix) {
        let width = kernels.columns, first = index * width
        let source = matrix.columns(first..<min(first + width, columns))
        let target = panel(index), scales = scales(index), corrections = corrections(index)
        // First the columns' magnitudes: in the order of their bits, NaN and infinity are above all other numbers.
        for row in 0..<rows {
            let values = source.row(row)
            for column in 0..<source.columns {
                let bits = values[column].magnitude.bitPattern
                if bits > scales[column].bitPattern { scales[column] = Float(bitPattern: bits) }
            }
        }
        for column in 0..<source.columns {
            let magnitude = scales[column]
            let inverse = magnitude >= Float(CONTOUR_LEAST_MAGNITUDE) ? 127 / magnitude : 0
            var sum: Int32 = 0
            for row in 0..<rows {
                // Adding 1.5 * 2^23 rounds and leaves the integer in the lowest bits.
                let shifted = source.row(row)[column] * inverse + 12_582_912
                let value = Int8(truncatingIfNeeded: shifted.bitPattern)
                target[(row / 4 * width + column) * 4 + row % 4] = value
                sum += Int32(value)
            }
            corrections[column] = -128 * sum
            scales[column] = magnitude < .infinity ? (inverse > 0 ? magnitude / 127 : 0) : .nan
        }
    }
}

/// The innermost loops of 8-bit products for one kind of processor. All kinds compute the same bits.
///
/// ```swift
/// print(ByteKernels.fastest.name)
/// ```
public struct ByteKernels: @unchecked Sendable {
    private let title: UnsafePointer<CChar>
    /// Size of the largest tile.
    let rows, columns: Int
    /// Bytes of one value of the left factor.
    let width: Int
    let multiply: ContourByteTile
    let quantize: ContourQuantize

    /// Name of the instruction set.
    public var name: String { String(cString: title) }

    /// Number of values of a row that lie side by side in a packed left factor, along the depth.
    static let leftRun = Int(CONTOUR_BYTE_RUN)

    /// The kernels that run on this processor, fastest first.
    public static let available: [ByteKernels] = {
        let most = 8
        return withUnsafeTemporaryAllocation(of: ContourByteKernels.self, capacity: most) { space in
            let count = min(contour_byte_kernels(space.baseAddress, most), most)
            return space[..<count].map {
                ByteKernels(
                    title: $0.name, rows: $0.rows, columns: $0.columns, width: $0.width, multiply: $0.multiply,
                    quantize: $0.quantize)
            }
        }
    }()

    /// The fastest kernels that run on this processor.
    public static let fastest = available[0]
}
