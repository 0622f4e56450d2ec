import Parallel
import Testing

@_spi(HostMemory) import Kernels

private func buffer(_ values: [Float]) -> FloatBuffer {
    let buffer = FloatBuffer(count: values.count)
    for (index, value) in values.enumerated() { buffer.start[index] = value }
    return buffer
}

private func randomFloats(_ count: Int, _ random: inout Random) -> [Float] {
    (0..<count).map { _ in Float(random.uniform(in: -1..<1)) }
}

/// Integers and scale of a row or a column, by the definition.
private func quantized(_ values: [Float]) -> (integers: [Int], scale: Float) {
    let magnitude = values.reduce(0) { max($0, abs($1)) }
    guard magnitude >= 1e-30 else { return (values.map { _ in 0 }, 0) }
    let inverse = 127 / magnitude
    return (values.map { Int(($0 * inverse).rounded(.toNearestOrEven)) }, magnitude / 127)
}

/// The product by its definition.
private func naiveProduct(_ left: [Float], _ right: [Float], rows: Int, columns: Int, depth: Int) -> [Float] {
    let lines = (0..<rows).map { quantized(Array(left[$0 * depth..<($0 + 1) * depth])) }
    let others = (0..<columns).map { column in quantized((0..<depth).map { right[$0 * columns + column] }) }
    return lines.flatMap { line in
        others.map { other in
            let sum = zip(line.integers, other.integers).reduce(0) { $0 + $1.0 * $1.1 }
            return Float(sum) * line.scale * other.scale
        }
    }
}

/// The product by `kernels`, in a matrix with room between its rows, which must stay as it is.
private func product(
    _ left: [Float], _ right: [Float], rows: Int, columns: Int, depth: Int, addingTo start: Float? = nil, threads: Int = 1,
    kernels: ByteKernels
) -> [Float] {
    let compute = ProcessorBackend(pool: ThreadPool(threads: threads))
    let leftMemory = buffer(left), rightMemory = buffer(right), memory = FloatBuffer(count: rows * (columns + 3))
    memory.fill(start ?? .nan)
    let result = Matrix(memory.start, rows: rows, columns: columns, stride: columns + 3)
    let weights = QuantizedMatrix(
        Matrix(rightMemory, rows: depth, columns: columns), pool: compute.pool, kernels: kernels)
    compute.multiply(Matrix(leftMemory, rows: rows, columns: depth), weights, into: result, adding: start != nil)
    return withExtendedLifetime((leftMemory, rightMemory, memory)) {
        (0..<rows).flatMap { row in
            let line = result.row(row)
            for column in columns..<columns + 3 { #expect(start.map { line[column] == $0 } ?? line[column].isNaN) }
            return (0..<columns).map { line[$0] }
        }
    }
}

@Suite struct QuantizedProductTests {
    static let shapes: [(rows: Int, columns: Int, depth: Int)] = [
        (1, 1, 1), (2, 7, 33), (33, 1, 7), (7, 33, 2), (64, 130, 257), (5, 1100, 40), (64, 128, 2050), (700, 65, 33),
        (13, 40, 5000), (400, 600, 17), (12, 32, 64), (25, 64, 128),
    ]

    /// Exactly: nothing is rounded but what the definition rounds.
    @Test(arguments: shapes) func isItsDefinition(shape: (rows: Int, columns: Int, depth: Int)) {
        let (rows, columns, depth) = shape
        var random = Random(seed: 1, stream: "bytes")
        let left = randomFloats(rows * depth, &random), right = randomFloats(depth * columns, &random)
        let expected = naiveProduct(left, right, rows: rows, columns: columns, depth: depth)
        for kernels in ByteKernels.available {
            for threads in [1, 3] {
                let written = product(
                    left, right, rows: rows, columns: columns, depth: depth, threads: threads, kernels: kernels)
                #expect(written == expected, "\(kernels.name)")
                let added = product(
                    left, right, rows: rows, columns: columns, depth: depth, addingTo: 0.3, threads: threads,
                    kernels: kernels)
                #expect(added == expected.map { 0.3 + $0 }, "\(kernels.name)")
            }
        }
    }

    @Test func approximatesTheProduct() {
        let (rows, columns, depth) = (20, 50, 512)
        var random = Random(seed: 2, stream: "bytes")
        let left = randomFloats(rows * depth, &random), right = randomFloats(depth * columns, &random)
        let result = product(left, right, rows: rows, columns: columns, depth: depth, kernels: .fastest)
        for row in 0..<rows {
            for column in 0..<columns {
                let exact = (0..<depth).reduce(0.0) {
                    $0 + Double(left[row * depth + $1]) * Double(right[$1 * columns + column])
                }
                // Errors of at most half a step of 1 / 127 in factors of at most 1: some 0.06 in sums of some 7.5.
                #expect(abs(Double(result[row * columns + column]) - exact) < 0.3)
            }
        }
    }

    /// The greatest integers everywhere, in the deepest product there is: no sum saturates or overflows.
    @Test(arguments: [(Float(1), Float(1)), (1, -1), (-1, 1), (-1, -1)]) func sumsOfExtremesAreExact(signs: (Float, Float)) {
        for depth in [2, 64, 4096, 1 << 16] {
            let left = [Float](repeating: signs.0 * 127, count: 2 * depth)
            let right = [Float](repeating: signs.1 * 127, count: depth * 3)
            let sum = Float(127 * 127 * depth) * signs.0 * signs.1
            for kernels in ByteKernels.available {
                let result = product(left, right, rows: 2, columns: 3, depth: depth, kernels: kernels)
                #expect(result.allSatisfy { $0 == sum }, "\(kernels.name), depth \(depth)")
            }
        }
    }

    /// Of the left factor and of the weights. The largest magnitude of 127 makes all scales 1.
    @Test func tiesGoToEven() {
        let values: [Float] = [127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 125.5, -126.5, 0.49999997, 3.4999998]
        let rounded: [Float] = [127, 0, 2, 2, 0, -2, -2, 126, -126, 0, 3]
        let size = values.count
        let diagonal = (0..<size * size).map { $0 / size == $0 % size ? Float(127) : 0 }
        for kernels in ByteKernels.available {
            let rows = product(values, diagonal, rows: 1, columns: size, depth: size, kernels: kernels)
            #expect(rows == rounded.map { 127 * $0 }, "\(kernels.name)")
            let columns = product(diagonal, values, rows: size, columns: 1, depth: size, kernels: kernels)
            #expect(columns == rounded.map { 127 * $0 }, "\(kernels.name)")
        }
    }

    /// Rows and columns that are zero, or too small for a scale, give zero.
    @Test(arguments: [Float(0), -0.0, 1e-31, -Float.leastNonzeroMagnitude]) func nothingGivesZero(value: Float) {
        let one = [Float](repeating: 1, count: 5 * 40), nothing = [Float](repeating: value, count: 5 * 40)
        for kernels in ByteKernels.available {
            for (left, right) in [(one, nothing), (nothing, one), (nothing, nothing)] {
                #expect(product(left, right, rows: 5, columns: 5, depth: 40, kernels: kernels).allSatisfy { $0 == 0 })
                let added = product(left, right, rows: 5, columns: 5, depth: 40, addingTo: 2, kernels: kernels)
                #expect(added.allSatisfy { $0 == 2 })
            }
        }
    }

    @Test(arguments: [Float(1e-30), 1e-20, 1e18]) func scalesReachFar(value: Float) {
        let left = [Float](repeating: value, count: 3 * 8), right = [Float](repeating: 1, count: 8 * 4)
        for kernels in ByteKernels.available {
            for result in product(left, right, rows: 3, columns: 4, depth: 8, kernels: kernels) {
                #expect(abs(result / value - 8) < 1e-5, "\(kernels.name)")
            }
        }
    }

    /// What is not finite makes NaN of its own row or column, and of nothing else.
    @Test(arguments: [Float.nan, -.nan, .infinity, -.infinity]) func whatIsNotFiniteIsSeen(value: Float) {
        let (rows, columns, depth) = (14, 37, 70)
        var random = Random(seed: 3, stream: "bytes")
        var left = randomFloats(rows * depth, &random), right = randomFloats(depth * columns, &random)
        let expected = naiveProduct(left, right, rows: rows, columns: columns, depth: depth)
        left[3 * depth + 69] = value
        right[10 * columns + 5] = value
        for kernels in ByteKernels.available {
            let result = product(left, right, rows: rows, columns: columns, depth: depth, kernels: kernels)
            for index in result.indices {
                if index / columns == 3 || index % columns == 5 {
                    #expect(result[index].isNaN, "\(kernels.name)")
                } else {
                    #expect(result[index] == expected[index], "\(kernels.name)")
                }
            }
        }
    }

    /// A sentence's vectors do not depend on its batch: a row is the same whatever rows are beside it.
    @Test func aRowDependsOnNoOther() {
        let (rows, columns, depth) = (300, 70, 130)
        var random = Random(seed: 4, stream: "bytes")
        let left = randomFloats(rows * depth, &random), right = randomFloats(depth * columns, &random)
        for kernels in ByteKernels.available {
            let whole = product(
                left, right, rows: rows, columns: columns, depth: depth, addingTo: 0.1, threads: 2, kernels: kernels)
            for range in [0..<1, 7..<20, 299..<300, 100..<171] {
                let part = product(
                    Array(left[range.lowerBound * depth..<range.upperBound * depth]), right, rows: range.count,
                    columns: columns, depth: depth, addingTo: 0.1, kernels: kernels)
                #expect(part == Array(whole[range.lowerBound * columns..<range.upperBound * columns]), "\(kernels.name)")
            }
        }
    }

    @Test func emptyDepthGivesZero() {
        for kernels in ByteKernels.available {
            #expect(product([], [], rows: 2, columns: 2, depth: 0, kernels: kernels) == [0, 0, 0, 0])
            #expect(product([], [], rows: 2, columns: 2, depth: 0, addingTo: 3, kernels: kernels) == [3, 3, 3, 3])
            #expect(product([], [1, 2], rows: 0, columns: 2, depth: 1, kernels: kernels) == [])
        }
    }

    /// A quarter of the floats' memory, and a scale and a correction for each column.
    @Test func bytesAreCounted() {
        let memory = buffer([Float](repeating: 1, count: 64 * 96))
        for kernels in ByteKernels.available {
            let matrix = QuantizedMatrix(
                Matrix(memory, rows: 64, columns: 96), pool: ThreadPool(threads: 1), kernels: kernels)
            #expect(matrix.bytes == 64 * 96 + 2 * 4 * 96)
        }
        withExtendedLifetime(memory) {}
    }
}
