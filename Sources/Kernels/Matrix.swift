internal import Glibc
internal import Parallel

/// A row-major matrix in a backend's memory: a handle with a shape that neither owns nor copies its elements. Rows start `stride`
/// floats apart.
///
/// Layers pass matrices to the operations of a `Backend` and never look inside. Only code that imports this module with
/// `@_spi(HostMemory)`, in order to read and write files, sees where the floats are.
///
/// The owner of the memory must outlive the handle: keep it in a stored property, or use `withExtendedLifetime` for a local one.
///
/// ```swift
/// let buffer = FloatBuffer(count: 6)
/// let matrix = Matrix(buffer, rows: 2, columns: 3)
/// matrix.copy(from: [1, 2, 3, 4, 5, 6])
/// let second = matrix.rows(1..<2)            // [1, 3]: 4, 5, 6
/// ```
public struct Matrix: @unchecked Sendable {
    /// Address of the first element.
    @_spi(HostMemory) public let start: UnsafeMutablePointer<Float>
    /// Number of rows.
    public let rows: Int
    /// Number of columns.
    public let columns: Int
    /// Distance between the starts of two rows, in elements.
    @_spi(HostMemory) public let stride: Int
    /// Type of the elements. Only devices have types other than `float32`.
    public let element: Element

    /// An element type of a matrix.
    ///
    /// ```swift
    /// let size = Matrix.Element.bfloat16.size      // 2
    /// ```
    public enum Element: Int32, Sendable {
        /// A 32-bit float.
        case float32
        /// The upper half of a float, the type that devices multiply fastest.
        case bfloat16

        /// Size of an element in bytes.
        @inlinable public var size: Int { self == .float32 ? 4 : 2 }
    }

    /// Creates a handle for memory at `start`; the default stride leaves no gaps between rows.
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

    /// Creates a handle for `rows` x `columns` elements of a buffer, starting at float `first`.
    public init(_ buffer: FloatBuffer, at first: Int = 0, rows: Int, columns: Int, element: Element = .float32) {
        precondition(
            first >= 0 && first + (rows * columns * element.size + 3) / 4 <= buffer.count,
            "\(rows) x \(columns) from \(first) in a buffer of \(buffer.count) floats")
        self.init(buffer.start + first, rows: rows, columns: columns, element: element)
    }

    /// Address of row `index`, in a matrix of floats.
    @_spi(HostMemory)
    @inlinable
    public func row(_ index: Int) -> UnsafeMutablePointer<Float> { start + index * stride }

    /// Address of an element, counted from the start.
    private func place(_ element: Int) -> UnsafeMutablePointer<Float> {
        if self.element == .float32 { return start + element }
        return (UnsafeMutableRawPointer(start) + element * self.element.size).assumingMemoryBound(to: Float.self)
    }

    /// Returns rows `range` as a matrix over the same memory.
    public func rows(_ range: Range<Int>) -> Matrix {
        assert(range.lowerBound >= 0 && range.upperBound <= rows)
        return Matrix(place(range.lowerBound * stride), rows: range.count, columns: columns, stride: stride, element: element)
    }

    /// Returns columns `range` as a matrix over the same memory.
    public func columns(_ range: Range<Int>) -> Matrix {
        assert(range.lowerBound >= 0 && range.upperBound <= columns)
        return Matrix(place(range.lowerBound), rows: rows, columns: range.count, stride: stride, element: element)
    }

    /// Returns a dense matrix's floats with another row length.
    public func reshaped(rows: Int, columns: Int) -> Matrix {
        precondition(isDense && rows * columns == self.rows * self.columns)
        return Matrix(start, rows: rows, columns: columns, element: element)
    }

    /// The matrix read as its transpose, in the same memory. Only products accept it.
    public var transposed: Operand { Operand(matrix: self, isTransposed: true) }

    /// True if there is no gap between rows.
    @_spi(HostMemory) public var isDense: Bool { stride == columns }

    /// The floats of all rows of a dense matrix, for reading and writing files.
    @_spi(HostMemory)
    public var floats: UnsafeMutableBufferPointer<Float> {
        precondition(isDense)
        return UnsafeMutableBufferPointer(start: start, count: rows * columns)
    }

    /// Copies the host's floats, in row order, to a matrix in the host's memory.
    public func copy(from values: [Float]) {
        precondition(values.count == rows * columns)
        values.withUnsafeBufferPointer { values in
            guard let start = values.baseAddress else { return }
            for index in 0..<rows { row(index).update(from: start + index * columns, count: columns) }
        }
    }

    /// Sets every element of a matrix in the host's memory.
    public func fill(_ value: Float) {
        for index in 0..<rows { row(index).update(repeating: value, count: columns) }
    }

    /// Adds a matrix of the same shape; both must be in the host's memory.
    public func add(_ other: Matrix) {
        precondition(other.rows == rows && other.columns == columns)
        for index in 0..<rows { Vector.add(other.row(index), to: row(index), count: columns) }
    }

    /// Gives the pages of a large dense matrix in the host's memory back to the system; its elements are zero afterwards.
    @_spi(HostMemory) public func discard() {
        let page = Int(sysconf(CInt(_SC_PAGESIZE))), first = Int(bitPattern: start), end = first + floats.count * 4
        let pages = (first + page - 1) / page * page..<max((first + page - 1) / page * page, end / page * page)
        // Memory that is not part of its own mapping is left alone.
        guard pages.count >= 1 << 20, let place = UnsafeMutableRawPointer(bitPattern: pages.lowerBound) else { return }
        madvise(place, pages.count, CInt(MADV_DONTNEED))
    }

    /// Copies a matrix of the same shape; both must be in the host's memory.
    public func copy(from other: Matrix) {
        precondition(other.rows == rows && other.columns == columns)
        for index in 0..<rows { row(index).update(from: other.row(index), count: columns) }
    }
}

/// A factor of a product: a matrix, or a matrix to be read as its transpose.
///
/// ```swift
/// backend.multiply(left, right.transposed, into: result, adding: false)
/// ```
public protocol Factor {
    /// The matrix and whether it is transposed.
    var operand: Operand { get }
}

extension Matrix: Factor {
    /// The matrix itself, not transposed.
    public var operand: Operand { Operand(matrix: self, isTransposed: false) }
}

/// A factor of a product, a matrix or its transpose. `rows` and `columns` are those after transposition.
///
/// ```swift
/// let operand = matrix.transposed            // rows and columns exchanged, same memory
/// ```
public struct Operand: Factor, Sendable {
    /// The matrix as stored.
    @_spi(HostMemory) public let matrix: Matrix
    /// True if the product uses the transpose of `matrix`.
    @_spi(HostMemory) public let isTransposed: Bool

    /// Creates a factor from a matrix.
    @_spi(HostMemory) public init(matrix: Matrix, isTransposed: Bool) {
        self.matrix = matrix
        self.isTransposed = isTransposed
    }

    /// The operand itself.
    public var operand: Operand { self }
    /// Number of rows after transposition.
    public var rows: Int { isTransposed ? matrix.columns : matrix.rows }
    /// Number of columns after transposition.
    public var columns: Int { isTransposed ? matrix.rows : matrix.columns }

    /// Address of the part of the operand that starts at (`row`, `column`).
    @_spi(HostMemory)
    public func element(_ row: Int, _ column: Int) -> UnsafeMutablePointer<Float> {
        isTransposed ? matrix.row(column) + row : matrix.row(row) + column
    }
}

/// 32-bit integers in a backend's memory: rows of tables, classes, places. The host writes them one by one, and operations read
/// them.
///
/// ```swift
/// let rows = Numbers(backend.allocateShared(3), count: 3)
/// rows[0] = 7
/// ```
public typealias Numbers = NumberRun<Int32>

/// Double-precision numbers in a backend's memory: losses, and factors of rows. Call `Backend.wait` before reading what operations
/// write.
///
/// ```swift
/// let loss = Scalars(backend.allocateShared(2), count: 1)
/// backend.wait()
/// let value = loss[0]
/// ```
public typealias Scalars = NumberRun<Double>

/// A run of numbers in a backend's memory: a handle that neither owns nor copies them. Unlike the floats of a `Matrix`, they can be
/// read and written one by one.
///
/// ```swift
/// let numbers = NumberRun<Int32>(FloatBuffer(count: 8), count: 8)
/// numbers.fill(-1)
/// ```
public struct NumberRun<Number: BitwiseCopyable>: @unchecked Sendable {
    @usableFromInline let start: UnsafeMutablePointer<Number>
    /// Number of elements.
    public let count: Int

    /// Address of the numbers.
    @_spi(HostMemory) public var pointer: UnsafeMutablePointer<Number> { start }

    /// The memory of the numbers as bytes, for messages.
    @_spi(HostMemory) public var bytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: start, count: count * MemoryLayout<Number>.stride) }

    @usableFromInline init(_ start: UnsafeMutablePointer<Number>, count: Int) {
        self.start = start
        self.count = count
    }

    /// Creates a handle for `count` numbers of a buffer, starting at float `first`, which must be even for numbers of 8 bytes.
    public init(_ buffer: FloatBuffer, at first: Int = 0, count: Int) {
        let floats = MemoryLayout<Number>.stride / MemoryLayout<Float>.stride
        precondition(
            first >= 0 && first % floats == 0 && first + floats * count <= buffer.count,
            "\(count) numbers from float \(first) in a buffer of \(buffer.count)")
        self.init(UnsafeMutableRawPointer(buffer.start + first).bindMemory(to: Number.self, capacity: count), count: count)
    }

    /// The number at `index`.
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

    /// The numbers in `range`, as a handle to the same memory.
    @inlinable
    public subscript(range: Range<Int>) -> NumberRun {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return NumberRun(start + range.lowerBound, count: range.count)
    }

    /// Sets all numbers to `value`.
    public func fill(_ value: Number) { start.update(repeating: value, count: count) }
}

/// Owned, zeroed, 64-byte aligned memory for `count` floats, in the host's memory or allocated by a backend (`Backend.allocate`).
///
/// A class, because the parameters of an encoder with 76 million weights must have one owner and never be copied by accident. A
/// handle does not keep the buffer alive; the owner of the buffer must.
///
/// ```swift
/// let buffer = FloatBuffer(count: 1024)
/// buffer.fill(1)
/// ```
public final class FloatBuffer: @unchecked Sendable {
    /// Number of floats.
    public let count: Int
    /// Address of the first float.
    @_spi(HostMemory) public let start: UnsafeMutablePointer<Float>

    /// Allocates zeroed memory in the host. Ends the process with a message if the system has no memory left.
    public init(count: Int) {
        self.count = count
        let size = max(1, count) * MemoryLayout<Float>.stride
        isMapped = size >= Self.leastMapping
        let bytes = isMapped ? Self.map(size) : UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
        start = bytes.bindMemory(to: Float.self, capacity: count)
        release = nil
        if !isMapped { start.initialize(repeating: 0, count: count) }
    }

    /// Wraps zeroed memory of a device.
    /// - Parameter release: frees the memory when the buffer is destroyed.
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

    /// Large buffers are mapped pages of their own. They are zero without being written, take memory only once used, and may be
    /// huge pages, which helps products that walk through columns, one page for each row.
    private let isMapped: Bool
    private static let leastMapping = 1 << 20

    private static func map(_ size: Int) -> UnsafeMutableRawPointer {
        let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory, memory != MAP_FAILED else { endForWant(of: "memory for \(size) bytes") }
        madvise(memory, size, CInt(MADV_HUGEPAGE))
        return memory
    }

    /// Size in bytes.
    public var bytes: Int { count * MemoryLayout<Float>.stride }

    /// The floats, valid as long as the buffer lives.
    @_spi(HostMemory) public var elements: UnsafeMutableBufferPointer<Float> { UnsafeMutableBufferPointer(start: start, count: count) }

    /// Sets every float to `value`.
    public func fill(_ value: Float) { start.update(repeating: value, count: count) }

    /// Copies the floats of another buffer of the same size.
    public func copy(from other: FloatBuffer) {
        precondition(other.count == count, "buffers of \(count) and \(other.count) floats")
        start.update(from: other.start, count: count)
    }
}
