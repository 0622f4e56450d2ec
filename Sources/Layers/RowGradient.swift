@_spi(HostMemory) public import Kernels

/// The gradient of the rows of a sparse parameter that were touched, in the order of their numbers, in the memory of the host: what
/// lanes add up, and machines send each other. Its memory grows to the most rows that there were, then stays.
public final class RowGradient {
    public let columns: Int
    public private(set) var count = 0
    private let backend: any Backend
    private var numbers, floats: FloatBuffer
    /// On a device, the rows in its memory, in order.
    private var staged: FloatBuffer?
    private var order: FloatBuffer
    /// A bit for each row of the parameter.
    private var marks: [UInt64] = []

    /// - Parameter table: the parameter.
    public init(of table: ParameterRows) {
        (columns, backend) = (table.columns, table.backend)
        (numbers, order) = (backend.allocateShared(0), backend.allocateShared(0))
        floats = backend.allocateShared(0)
    }

    /// The numbers of the rows, ascending: [count].
    public var rows: Numbers { Numbers(numbers, count: count) }
    /// [count, columns]
    public var gradient: Matrix { Matrix(floats, rows: count, columns: columns) }

    /// Makes room for `count` rows, whose numbers and floats are to be written.
    public func resize(_ count: Int) {
        if count > numbers.count {
            let room = max(1024, count + count / 4)
            (numbers, order) = (backend.allocateShared(room), backend.allocateShared(room))
            floats = backend.allocateShared(room * columns)
            if !backend.computesInHostMemory { staged = backend.allocate(room * columns) }
        }
        self.count = count
    }

    /// Takes over the gradient of a parameter, which has none then.
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

    /// Gives a parameter without a gradient this one.
    public func put(into table: ParameterRows) {
        precondition(table.touchedCount == 0)
        table.touch(rows)
        backend.copy(gradient, to: table.gradient)
    }

    /// Makes this the sum of two others: a row that one of them lacks is the other's.
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

    /// The bytes that others are sent: the rows' numbers, and their floats.
    public var bytes: (rows: UnsafeMutableRawBufferPointer, gradient: UnsafeMutableRawBufferPointer) {
        (
            UnsafeMutableRawBufferPointer(start: numbers.start, count: 4 * count),
            UnsafeMutableRawBufferPointer(start: floats.start, count: 4 * count * columns)
        )
    }
}
