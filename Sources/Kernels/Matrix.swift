internal import Glibc
internal import Parallel

/// A row-major matrix in the memory of a backend: a handle with a shape, which neither owns nor copies. `stride` floats lie
/// between the starts of two rows.
///
/// Layers hand matrices to the operations of a `Backend` and never look inside. Only code that imports this module with
/// `@_spi(HostMemory)`, to read and write files, sees where the floats are.
///
/// The memory's owner must outlive the handle: a stored property, or `withExtendedLifetime` where the owner is local.
public struct Matrix: @unchecked Sendable {
    @_spi(HostMemory) public let start: UnsafeMutablePointer<Float>
    public let rows: Int
    public let columns: Int
    @_spi(HostMemory) public let stride: Int
    /// The form of the elements. Only a device has any but floats.
    public let element: Element

    /// A form of the elements of a matrix.
    public enum Element: Int32, Sendable {
        case float32
        /// The upper half of a float: what a device multiplies fastest.
        case bfloat16

        /// Bytes of an element.
        @inlinable public var size: Int { self == .float32 ? 4 : 2 }
    }

    @_spi(HostMemory)
    @inlinable
    public init(
        _ start: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int? = nil, element: Element = .float32
    ) {
        self.start = start
        self.rows = rows
        self.columns = columns
        self.stride = stride ?? columns
        self.element = element
    }

    /// `rows` x `columns` elements in a buffer, from float `first` on.
    public init(_ buffer: FloatBuffer, at first: Int = 0, rows: Int, columns: Int, element: Element = .float32) {
        precondition(
            first >= 0 && first + (rows * columns * element.size + 3) / 4 <= buffer.count,
            "\(rows) x \(columns) from \(first) in a buffer of \(buffer.count) floats")
        self.init(buffer.start + first, rows: rows, columns: columns, element: element)
    }

    /// Where row `index` of a matrix of floats starts.
    @_spi(HostMemory)
    @inlinable
    public func row(_ index: Int) -> UnsafeMutablePointer<Float> { start + index * stride }

    /// Where an element is, counted from the start.
    private func place(_ element: Int) -> UnsafeMutablePointer<Float> {
        if self.element == .float32 { return start + element }
        return (UnsafeMutableRawPointer(start) + element * self.element.size).assumingMemoryBound(to: Float.self)
    }

    /// Rows `range` as a matrix of their own.
    public func rows(_ range: Range<Int>) -> Matrix {
        assert(range.lowerBound >= 0 && range.upperBound <= rows)
        return Matrix(place(range.lowerBound * stride), rows: range.count, columns: columns, stride: stride, element: element)
    }

    /// Columns `range` as a matrix of their own.
    public func columns(_ range: Range<Int>) -> Matrix {
        assert(range.lowerBound >= 0 && range.upperBound <= columns)
        return Matrix(place(range.lowerBound), rows: rows, columns: range.count, stride: stride, element: element)
    }

    /// Returns the floats of a matrix without gaps in rows of another length.
    public func reshaped(rows: Int, columns: Int) -> Matrix {
        precondition(isDense && rows * columns == self.rows * self.columns)
        return Matrix(start, rows: rows, columns: columns, element: element)
    }

    /// The matrix read as its transpose, in the same memory; only products take it.
    public var transposed: Operand { Operand(matrix: self, isTransposed: true) }

    /// True if nothing lies between two rows.
    @_spi(HostMemory) public var isDense: Bool { stride == columns }

    /// The floats of all rows of a matrix without gaps, for reading and writing files.
    @_spi(HostMemory)
    public var floats: UnsafeMutableBufferPointer<Float> {
        precondition(isDense)
        return UnsafeMutableBufferPointer(start: start, count: rows * columns)
    }

    /// Copies floats of the host, row after row, into a matrix in its memory.
    public func copy(from values: [Float]) {
        precondition(values.count == rows * columns)
        values.withUnsafeBufferPointer { values in
            guard let start = values.baseAddress else { return }
            for index in 0..<rows { row(index).update(from: start + index * columns, count: columns) }
        }
    }

    /// Sets every element of a matrix in the memory of the host.
    public func fill(_ value: Float) {
        for index in 0..<rows { row(index).update(repeating: value, count: columns) }
    }

    /// Adds a matrix of the same shape; both are in the memory of the host.
    public func add(_ other: Matrix) {
        precondition(other.rows == rows && other.columns == columns)
        for index in 0..<rows { Vector.add(other.row(index), to: row(index), count: columns) }
    }

    /// Gives back the memory of a large matrix of the host without gaps, as far as pages go, which is zero then.
    @_spi(HostMemory) public func discard() {
        let page = Int(sysconf(CInt(_SC_PAGESIZE))), first = Int(bitPattern: start), end = first + floats.count * 4
        let pages = (first + page - 1) / page * page..<max((first + page - 1) / page * page, end / page * page)
        // Memory that is not of a mapping of its own stays as it is.
        guard pages.count >= 1 << 20, let place = UnsafeMutableRawPointer(bitPattern: pages.lowerBound) else { return }
        madvise(place, pages.count, CInt(MADV_DONTNEED))
    }

    /// Copies a matrix of the same shape; both are in the memory of the host.
    public func copy(from other: Matrix) {
        precondition(other.rows == rows && other.columns == columns)
        for index in 0..<rows { row(index).update(from: other.row(index), count: columns) }
    }
}

/// A factor of a product: a matrix, or one to be read as its transpose.
public protocol Factor {
    var operand: Operand { get }
}

extension Matrix: Factor {
    public var operand: Operand { Operand(matrix: self, isTransposed: false) }
}

/// A matrix or its transpose as a factor of a product: `rows` and `columns` are those after transposition.
public struct Operand: Factor, Sendable {
    @_spi(HostMemory) public let matrix: Matrix
    @_spi(HostMemory) public let isTransposed: Bool

    @_spi(HostMemory) public init(matrix: Matrix, isTransposed: Bool) {
        self.matrix = matrix
        self.isTransposed = isTransposed
    }

    public var operand: Operand { self }
    public var rows: Int { isTransposed ? matrix.columns : matrix.rows }
    public var columns: Int { isTransposed ? matrix.rows : matrix.columns }

    /// The part of the operand that starts at (`row`, `column`).
    @_spi(HostMemory)
    public func element(_ row: Int, _ column: Int) -> UnsafeMutablePointer<Float> {
        isTransposed ? matrix.row(column) + row : matrix.row(row) + column
    }
}

/// Whole numbers of 32 bits in the memory of a backend: rows of tables, classes, places. The host writes them one by one;
/// operations read them.
public typealias Numbers = NumberRun<Int32>

/// Numbers in double precision in the memory of a backend: losses, and what each row counts. Reading one waits for the operations
/// that write it.
public typealias Scalars = NumberRun<Double>

/// A run of numbers in the memory of a backend: a handle, which neither owns nor copies. Unlike the floats of a `Matrix`, its
/// numbers can be read and written one by one.
public struct NumberRun<Number: BitwiseCopyable>: @unchecked Sendable {
    @usableFromInline let start: UnsafeMutablePointer<Number>
    public let count: Int

    /// Where the numbers are.
    @_spi(HostMemory) public var pointer: UnsafeMutablePointer<Number> { start }

    /// Their memory, for messages.
    @_spi(HostMemory) public var bytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: start, count: count * MemoryLayout<Number>.stride) }

    @usableFromInline init(_ start: UnsafeMutablePointer<Number>, count: Int) {
        self.start = start
        self.count = count
    }

    /// `count` numbers of a buffer, from the place of float `first` on, which is even for numbers of two floats.
    public init(_ buffer: FloatBuffer, at first: Int = 0, count: Int) {
        let floats = MemoryLayout<Number>.stride / MemoryLayout<Float>.stride
        precondition(
            first >= 0 && first % floats == 0 && first + floats * count <= buffer.count,
            "\(count) numbers from float \(first) in a buffer of \(buffer.count)")
        self.init(UnsafeMutableRawPointer(buffer.start + first).bindMemory(to: Number.self, capacity: count), count: count)
    }

    @inlinable
    public subscript(index: Int) -> Number {
        get {
            assert(index >= 0 && index < count)
            return start[index]
        }
        nonmutating set {
            assert(index >= 0 && index < count)
            start[index] = newValue
        }
    }

    /// The numbers in `range`.
    @inlinable
    public subscript(range: Range<Int>) -> NumberRun {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return NumberRun(start + range.lowerBound, count: range.count)
    }

    public func fill(_ value: Number) { start.update(repeating: value, count: count) }
}

/// Owned, zeroed, 64-byte aligned memory for `count` floats: the host's, or what a backend has allocated (`Backend.allocate`).
///
/// A class, because the parameters of a 76-million-weight encoder must have one owner and never be copied by accident.
/// Whoever holds a handle of memory in it keeps the buffer alive.
public final class FloatBuffer: @unchecked Sendable {
    public let count: Int
    @_spi(HostMemory) public let start: UnsafeMutablePointer<Float>

    public init(count: Int) {
        self.count = count
        let size = max(1, count) * MemoryLayout<Float>.stride
        isMapped = size >= Self.leastMapping
        let bytes = isMapped ? Self.map(size) : UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
        start = bytes.bindMemory(to: Float.self, capacity: count)
        release = nil
        if !isMapped { start.initialize(repeating: 0, count: count) }
    }

    /// Zeroed memory of a device.
    /// - Parameter release: gives it back.
    @_spi(HostMemory)
    public init(_ start: UnsafeMutablePointer<Float>, count: Int, release: @escaping (UnsafeMutablePointer<Float>) -> Void) {
        self.start = start
        self.count = count
        self.release = release
        isMapped = false
    }

    private let release: ((UnsafeMutablePointer<Float>) -> Void)?

    deinit {
        if let release { return release(start) }
        if isMapped { munmap(start, bytes) } else { UnsafeMutableRawPointer(start).deallocate() }
    }

    /// Large buffers are pages of their own, which are zero without being written, take memory when they are first
    /// used, and may be huge: products walk through columns, a page a row.
    private let isMapped: Bool
    private static let leastMapping = 1 << 20

    private static func map(_ size: Int) -> UnsafeMutableRawPointer {
        let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory, memory != MAP_FAILED else { endForWant(of: "memory for \(size) bytes") }
        madvise(memory, size, CInt(MADV_HUGEPAGE))
        return memory
    }

    public var bytes: Int { count * MemoryLayout<Float>.stride }

    /// The floats, for as long as the buffer lives.
    @_spi(HostMemory) public var elements: UnsafeMutableBufferPointer<Float> { UnsafeMutableBufferPointer(start: start, count: count) }

    public func fill(_ value: Float) { start.update(repeating: value, count: count) }

    public func copy(from other: FloatBuffer) {
        precondition(other.count == count, "buffers of \(count) and \(other.count) floats")
        start.update(from: other.start, count: count)
    }
}
