import Files
@_spi(HostMemory) import Kernels

/// Rows whose sums are the vectors of words, [count, dimension]: the rows of words and n-grams of a fastText model, in a mapped
/// file or in memory.
protocol SummableRows: Sendable {
    var count: Int { get }
    var dimension: Int { get }

    /// Adds the rows `numbers` to `sum` [dimension], one after another, in fastText's order, because the order determines the last
    /// bits.
    func add(_ numbers: UnsafeBufferPointer<Int>, to sum: UnsafeMutableBufferPointer<Float>)
}

extension SummableRows {
    /// Writes the mean of the rows that `name` passes to its argument to `row` [1, dimension], and returns their number; the mean
    /// of no rows is zero.
    func writeMean(to row: Matrix, of name: (_ add: (Int) -> Void) -> Void) -> Int {
        row.fill(0)
        let sum = row.floats
        // Several at a time, so that the waits for memory overlap.
        let total = withUnsafeTemporaryAllocation(of: Int.self, capacity: 32) { waiting in
            var filled = 0, total = 0
            func flush() {
                add(UnsafeBufferPointer(rebasing: waiting[..<filled]), to: sum)
                total += filled
                filled = 0
            }
            name { row in
                waiting[filled] = row
                filled += 1
                if filled == waiting.count { flush() }
            }
            flush()
            return total
        }
        if total > 0 { row.scale(by: Float(1 / Double(total))) }
        return total
    }
}

/// Returns the Float32 values in some bytes, little-endian and at any alignment.
func littleEndianFloats(_ bytes: UnsafeRawBufferPointer) -> [Float] {
    guard let start = bytes.baseAddress else { return [] }
    return (0..<bytes.count / 4).map { littleEndianFloat(start, $0) }
}

@inline(__always)
private func littleEndianFloat(_ start: UnsafeRawPointer, _ index: Int) -> Float {
    Float(bitPattern: UInt32(littleEndian: start.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)))
}

/// Rows of little-endian Float32 in a mapped file or in memory, at any alignment, [count, dimension].
///
/// fastText writes its matrices directly after words of any length, so their floats are not aligned.
struct UnalignedRows: SummableRows, @unchecked Sendable {
    let bytes: UnsafeRawBufferPointer
    let count: Int
    let dimension: Int
    /// Keeps the bytes in memory.
    let owner: AnyObject

    /// Creates rows from a matrix in memory.
    init(_ rows: RowMatrix) {
        self.init(
            bytes: UnsafeRawBufferPointer(rows.matrix.floats), count: rows.count,
            dimension: rows.dimension, owner: rows)
    }

    init(bytes: UnsafeRawBufferPointer, count: Int, dimension: Int, owner: AnyObject) {
        precondition(bytes.count == 4 * count * dimension)
        self.bytes = bytes
        self.count = count
        self.dimension = dimension
        self.owner = owner
    }

    func add(_ numbers: UnsafeBufferPointer<Int>, to sum: UnsafeMutableBufferPointer<Float>) {
        precondition(sum.count == dimension && numbers.allSatisfy { $0 >= 0 && $0 < count })
        guard let start = bytes.baseAddress, let sum = sum.baseAddress else { return }
        func row(_ index: Int) -> UnsafeRawPointer { start + numbers[index] * dimension * 4 }
        var index = 0
        // Four streams from memory at once; each number is added in the same order as row by row.
        while index + 4 <= numbers.count {
            let (a, b, c, d) = (row(index), row(index + 1), row(index + 2), row(index + 3))
            for place in 0..<dimension {
                sum[place] = sum[place] + littleEndianFloat(a, place) + littleEndianFloat(b, place)
                    + littleEndianFloat(c, place) + littleEndianFloat(d, place)
            }
            index += 4
        }
        while index < numbers.count {
            let row = row(index)
            for place in 0..<dimension { sum[place] += littleEndianFloat(row, place) }
            index += 1
        }
    }
}

/// Rows in the form of a table's tensors, in the pieces in which they were read, [count, dimension].
struct ChunkedRows: SummableRows {
    let count: Int
    let dimension: Int
    private let chunks: [[Float]]
    /// Rows in each chunk except the last, which may have fewer.
    private let size: Int

    init(_ chunks: [[Float]], size: Int, count: Int, dimension: Int) {
        precondition(chunks.reduce(0) { $0 + $1.count } == count * dimension)
        self.chunks = chunks
        self.size = size
        self.count = count
        self.dimension = dimension
    }

    func add(_ numbers: UnsafeBufferPointer<Int>, to sum: UnsafeMutableBufferPointer<Float>) {
        precondition(sum.count == dimension && numbers.allSatisfy { $0 >= 0 && $0 < count })
        for number in numbers {
            chunks[number / size].withUnsafeBufferPointer { chunk in
                let first = number % size * dimension
                for place in 0..<dimension { sum[place] += chunk[first + place] }
            }
        }
    }
}

/// The rows of a quantised fastText model (.ftz): product quantisation (Jégou, Douze and Schmid 2011; Joulin et al. 2016).
///
/// A row is divided into parts, each of which is one of 256 centroids of its own. With `-qnorm` the row was scaled to unit norm
/// before, and its norm is one of 256 numbers.
struct QuantisedRows: SummableRows, @unchecked Sendable {
    let count: Int
    let dimension: Int
    /// Numbers in each part of a row except the last, which may have fewer.
    private let width: Int
    private let parts: Int
    /// Codes, [rows, parts].
    private let codes: UnsafeRawBufferPointer
    /// Centroids of the parts, one part after another, each [256, numbers of the part].
    private let centroids: [Float]
    /// Code of each row's norm; `nil` if rows are not scaled.
    private let normCodes: UnsafeRawBufferPointer?
    private let norms: [Float]
    /// Keeps the bytes in memory.
    private let owner: AnyObject

    private static let centroidCount = 256

    /// Reads a quantised matrix as fastText writes it: a byte that says whether norms are separate; Int64 rows and columns; Int32
    /// number of codes, the codes; the quantiser; then the codes of norms and their quantiser. A quantiser is Int32 `dimension`,
    /// parts, width of a part, width of the last one, and Float32 centroids. Throws `ToolError.data`.
    init(_ cursor: inout BinaryCursor, _ what: String, owner: AnyObject) throws {
        let hasNorms = try cursor.read(UInt8.self, what) != 0
        let rows = try cursor.read(Int64.self, what), columns = try cursor.read(Int64.self, what)
        let codeCount = Int(try cursor.read(Int32.self, what))
        let place = "byte \(cursor.offset)"
        guard rows >= 0, rows <= Int64(cursor.remaining), columns >= 1, columns <= Int64(largestDimension), codeCount >= 0 else {
            throw ToolError.data(
                cursor.name, place,
                "\(what) of \(rows) rows of \(columns) numbers in \(codeCount) codes cannot be: it is damaged or cut short")
        }
        count = Int(rows)
        dimension = Int(columns)
        codes = try cursor.take(codeCount, what)
        let quantiser = try Quantiser(&cursor, what)
        guard quantiser.dimension == dimension, codeCount == count * quantiser.parts else {
            throw ToolError.data(
                cursor.name, place, "\(what)'s codes do not fit its \(rows) rows of \(columns) numbers: the file is damaged")
        }
        width = quantiser.width
        parts = quantiser.parts
        centroids = quantiser.centroids
        if hasNorms {
            normCodes = try cursor.take(count, what)
            let quantiser = try Quantiser(&cursor, what)
            guard quantiser.dimension == 1 else {
                throw ToolError.data(cursor.name, place, "\(what)'s norms are vectors: the file is damaged")
            }
            norms = quantiser.centroids
        } else {
            normCodes = nil
            norms = []
        }
        self.owner = owner
    }

    private struct Quantiser {
        let dimension: Int
        let parts: Int
        let width: Int
        let centroids: [Float]

        init(_ cursor: inout BinaryCursor, _ what: String) throws {
            let place = "byte \(cursor.offset)"
            let numbers = try (0..<4).map { _ in Int(try cursor.read(Int32.self, what)) }
            dimension = numbers[0]
            parts = numbers[1]
            width = numbers[2]
            guard dimension >= 1, dimension <= largestDimension, width >= 1, width <= dimension,
                parts == (dimension + width - 1) / width, numbers[3] == dimension - (parts - 1) * width
            else {
                throw ToolError.data(
                    cursor.name, place, "\(what)'s \(parts) parts of \(width) numbers do not make \(dimension): the file is damaged")
            }
            let bytes = try cursor.take(4 * QuantisedRows.centroidCount * dimension, what)
            centroids = littleEndianFloats(bytes)
        }
    }

    func add(_ numbers: UnsafeBufferPointer<Int>, to sum: UnsafeMutableBufferPointer<Float>) {
        precondition(sum.count == dimension && numbers.allSatisfy { $0 >= 0 && $0 < count })
        centroids.withUnsafeBufferPointer { centroids in
            for row in numbers {
                let norm = normCodes.map { norms[Int($0[row])] } ?? 1
                for part in 0..<parts {
                    let first = part * width
                    let size = min(width, dimension - first)
                    let centroid = Self.centroidCount * first + Int(codes[row * parts + part]) * size
                    for place in 0..<size { sum[first + place] += norm * centroids[centroid + place] }
                }
            }
        }
    }
}
