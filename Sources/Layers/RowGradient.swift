@_spi(HostMemory) public import Kernels

/// The gradient of the touched rows of a sparse parameter, ordered by row number, in the host's memory: lanes add such gradients
/// up, and machines exchange them. Its memory grows to the greatest number of rows.
///
/// ```swift
/// let gradient = RowGradient(of: store.rows(parameter))
/// gradient.take(from: store.rows(parameter))
/// ```
public final class RowGradient {
    /// Columns of the parameter.
    public let columns: Int
    /// Number of rows.
    public private(set) var count = 0
    private let backend: any Backend
    private var numbers, floats: FloatBuffer
    /// On a device, the rows in its memory, in order.
    private var staged: FloatBuffer?
    private var order: FloatBuffer
    /// One bit for each row of the parameter.
    private var marks: [UInt64] = []

    /// Creates an empty gradient.
    /// - Parameter table: the parameter.
    public init(of table: ParameterRows) {
        (columns, backend) = (table.columns, table.backend)
        (numbers, order) = (backend.allocateShared(0), backend.allocateShared(0))
        floats = backend.allocateShared(0)
    }

    /// Row numbers in ascending order, [count].
    public var rows: Numbers { Numbers(numbers, count: count) }
    /// The rows of the gradient, [count, columns].
    public var gradient: Matrix { Matrix(floats, rows: count, columns: columns) }

    /// Makes room for `count` rows, whose numbers and floats the caller then writes.
    public func resize(_ count: Int) {
        if count > numbers.count {
            let room = max(1024, count + count / 4)
            (numbers, order) = (backend.allocateShared(room), backend.allocateShared(room))
            floats = backend.allocateShared(room * columns)
            if !backend.computesInHostMemory { staged = backend.allocate(room * columns) }
        }
        self.count = count
    }

    /// Moves the gradient of a parameter here; the parameter then has none.
    public func take(from table: ParameterRows) {
        resize(table.touchedCount)
        if marks.isEmpty { marks = Array(repeating: 0, count: (table.rows + 63) / 64) }
        let touched = table.touchedRows, slots = Numbers(table.slots, count: table.rows)
        for index in 0..<touched.count { marks[Int(touched[index]) / 64] |= 1 << UInt64(touched[index] % 64) }
        var place = 0
        let order = Numbers(order, count: count)
        for word in marks.indices {
            while marks[word] != 0 {
                let row = 64 * word + marks[word].trailingZeroBitCount
                (rows[place], order[place]) = (Int32(row), slots[row])
                marks[word] &= marks[word] - 1
                place += 1
            }
        }
        let target = staged.map { Matrix($0, rows: count, columns: columns) } ?? gradient
        backend.gather(order, of: table.gradient, into: target)
        if staged != nil { backend.copy(target, to: gradient) }
        backend.wait()
        table.clear()
    }

    /// Moves this gradient to a parameter that has none.
    public func put(into table: ParameterRows) {
        precondition(table.touchedCount == 0)
        table.touch(rows)
        backend.copy(gradient, to: table.gradient)
    }

    /// Makes this the sum of two others. A row that is missing in one is taken from the other.
    public func add(_ left: RowGradient, _ right: RowGradient) {
        resize(left.count + right.count)
        var (place, first, second) = (0, 0, 0)
        while first < left.count || second < right.count {
            let one = first < left.count ? left.rows[first] : .max, other = second < right.count ? right.rows[second] : .max
            rows[place] = min(one, other)
            let target = gradient.rows(place..<place + 1)
            if one <= other {
                target.copy(from: left.gradient.rows(first..<first + 1))
                first += 1
            }
            if other < one {
                target.copy(from: right.gradient.rows(second..<second + 1))
            } else if other == one {
                target.add(right.gradient.rows(second..<second + 1))
            }
            if other <= one { second += 1 }
            place += 1
        }
        count = place
    }

    /// The bytes to send to others: row numbers, and floats.
    public var bytes: (rows: UnsafeMutableRawBufferPointer, gradient: UnsafeMutableRawBufferPointer) {
        (
            UnsafeMutableRawBufferPointer(start: numbers.start, count: 4 * count),
            UnsafeMutableRawBufferPointer(start: floats.start, count: 4 * count * columns)
        )
    }
}
