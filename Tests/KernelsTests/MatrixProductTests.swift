import Parallel
import Testing

@_spi(HostMemory) import Kernels

/// The product by its definition, in double precision.
private func naiveProduct(_ left: [Float], _ right: [Float], rows: Int, columns: Int, depth: Int) -> [Double] {
    var result = [Double](repeating: 0, count: rows * columns)
    for row in 0..<rows {
        for column in 0..<columns {
            for inner in 0..<depth {
                result[row * columns + column] += Double(left[row * depth + inner] * right[inner * columns + column])
            }
        }
    }
    return result
}

private func transpose(_ matrix: [Float], rows: Int, columns: Int) -> [Float] {
    (0..<rows * columns).map { matrix[$0 % rows * columns + $0 / rows] }
}

private func randomFloats(_ count: Int, _ random: inout Random) -> [Float] {
    (0..<count).map { _ in Float(random.uniform(in: -1..<1)) }
}

private func buffer(_ values: [Float]) -> FloatBuffer {
    let buffer = FloatBuffer(count: values.count)
    for (index, value) in values.enumerated() { buffer.start[index] = value }
    return buffer
}

@Suite struct MatrixProductTests {
    static let shapes: [(rows: Int, columns: Int, depth: Int)] = [
        (1, 1, 1), (2, 7, 33), (33, 1, 7), (7, 33, 2), (64, 130, 257), (5, 1100, 40), (64, 128, 2050), (700, 65, 33),
        (33, 40, 5000), (400, 1600, 17), (1, 33, 7), (257, 33, 1031), (33, 257, 1031), (130, 129, 520),
    ]

    @Test(arguments: shapes, [(false, false), (true, false), (false, true), (true, true)])
    func agreesWithTheDefinition(shape: (rows: Int, columns: Int, depth: Int), transposed: (Bool, Bool)) {
        let (rows, columns, depth) = shape
        var random = Random(seed: 1, stream: "product")
        let left = randomFloats(rows * depth, &random)
        let right = randomFloats(depth * columns, &random)
        let expected = naiveProduct(left, right, rows: rows, columns: columns, depth: depth)
        let pool = ThreadPool(threads: 2)
        let leftMemory = buffer(transposed.0 ? transpose(left, rows: rows, columns: depth) : left)
        let rightMemory = buffer(transposed.1 ? transpose(right, rows: depth, columns: columns) : right)
        let result = FloatBuffer(count: rows * (columns + 3))
        let target = Matrix(result.start, rows: rows, columns: columns, stride: columns + 3)

        func multiply(_ compute: ProcessorBackend, adding: Bool) {
            let a = Matrix(leftMemory, rows: transposed.0 ? depth : rows, columns: transposed.0 ? rows : depth)
            let b = Matrix(rightMemory, rows: transposed.1 ? columns : depth, columns: transposed.1 ? depth : columns)
            switch transposed {
            case (false, false): compute.multiply(a, b, into: target, adding: adding)
            case (true, false): compute.multiply(a.transposed, b, into: target, adding: adding)
            case (false, true): compute.multiply(a, b.transposed, into: target, adding: adding)
            case (true, true): compute.multiply(a.transposed, b.transposed, into: target, adding: adding)
            }
        }

        let tolerance = 2e-7 * Double(depth) + 1e-6
        for kernels in ProcessorKernels.available {
            for times in 1...2 {
                multiply(ProcessorBackend(pool: pool, kernels: kernels), adding: times == 2)
                var worst = 0.0
                for row in 0..<rows {
                    for column in 0..<columns {
                        let wanted = Double(times) * expected[row * columns + column]
                        worst = max(worst, abs(Double(target.row(row)[column]) - wanted))
                    }
                    // What lies between two rows is not touched.
                    #expect(result.start[row * (columns + 3) + columns] == 0)
                }
                #expect(worst < tolerance, "\(kernels.name)")
            }
        }
    }

    @Test func emptyDepthGivesZero() {
        let result = buffer([1, 2, 3, 4])
        let empty = FloatBuffer(count: 0)
        let target = Matrix(result, rows: 2, columns: 2)
        let compute = ProcessorBackend()
        compute.multiply(
            Matrix(empty, rows: 2, columns: 0), Matrix(empty, rows: 0, columns: 2), into: target, adding: true)
        #expect(Array(result.elements) == [1, 2, 3, 4])
        compute.multiply(Matrix(empty, rows: 2, columns: 0), Matrix(empty, rows: 0, columns: 2), into: target)
        #expect(Array(result.elements) == [0, 0, 0, 0])
        let bias = buffer([5, 6])
        compute.multiply(
            Matrix(empty, rows: 2, columns: 0), Matrix(empty, rows: 0, columns: 2), bias: Matrix(bias, rows: 1, columns: 2), into: target)
        #expect(Array(result.elements) == [5, 6, 5, 6])
    }

    /// A bias gives the bits of a product that is added to rows of it, packed or not, for all kernels.
    @Test(arguments: shapes) func addsABias(shape: (rows: Int, columns: Int, depth: Int)) {
        let (rows, columns, depth) = shape
        var random = Random(seed: 3, stream: "product")
        let memory = (
            buffer(randomFloats(rows * depth, &random)), buffer(randomFloats(depth * columns, &random)),
            buffer(randomFloats(columns, &random)), FloatBuffer(count: rows * columns), FloatBuffer(count: rows * (columns + 3)))
        let left = Matrix(memory.0, rows: rows, columns: depth), right = Matrix(memory.1, rows: depth, columns: columns)
        let bias = Matrix(memory.2, rows: 1, columns: columns), expected = Matrix(memory.3, rows: rows, columns: columns)
        let result = Matrix(memory.4.start, rows: rows, columns: columns, stride: columns + 3)
        for kernels in ProcessorKernels.available {
            let compute = ProcessorBackend(pool: ThreadPool(threads: 2), kernels: kernels)
            compute.broadcast(bias, to: expected)
            compute.multiply(left, right, into: expected, adding: true)
            memory.4.fill(.nan)
            compute.multiply(left, right, bias: bias, into: result)
            #expect(result.values == expected.values, "\(kernels.name)")
            memory.4.fill(.nan)
            compute.multiply(left, compute.packed(right), bias: bias, into: result)
            #expect(result.values == expected.values, "\(kernels.name)")
            #expect((0..<rows).allSatisfy { result.row($0)[columns].isNaN })
        }
    }

    @Test(arguments: shapes) func bitsDoNotDependOnThreads(shape: (rows: Int, columns: Int, depth: Int)) {
        var random = Random(seed: 2, stream: "product")
        let left = buffer(randomFloats(shape.rows * shape.depth, &random))
        let right = buffer(randomFloats(shape.depth * shape.columns, &random))
        let results = [1, 2, 3].map { threads in
            let result = FloatBuffer(count: shape.rows * shape.columns)
            ProcessorBackend(pool: ThreadPool(threads: threads)).multiply(
                Matrix(left, rows: shape.rows, columns: shape.depth),
                Matrix(right, rows: shape.depth, columns: shape.columns),
                into: Matrix(result, rows: shape.rows, columns: shape.columns))
            return result.elements.map(\.bitPattern)
        }
        #expect(results[0] == results[1])
        #expect(results[0] == results[2])
    }

    /// The bits of each row of the result.
    private static func rowBits(
        _ left: Matrix, _ right: Matrix, transposed: (Bool, Bool), packed: Bool, kernels: ProcessorKernels, threads: Int
    ) -> [[UInt32]] {
        let compute = ProcessorBackend(pool: ThreadPool(threads: threads), kernels: kernels)
        let rows = transposed.0 ? left.columns : left.rows
        let columns = transposed.1 ? right.rows : right.columns
        let memory = FloatBuffer(count: rows * (columns + 5))
        memory.fill(0.25)
        let result = Matrix(memory.start, rows: rows, columns: columns, stride: columns + 5)
        func multiply(_ right: some Factor) {
            if packed {
                let packed = compute.packed(right)
                if transposed.0 {
                    compute.multiply(left.transposed, packed, into: result, adding: true)
                } else {
                    compute.multiply(left, packed, into: result, adding: true)
                }
            } else if transposed.0 {
                compute.multiply(left.transposed, right, into: result, adding: true)
            } else {
                compute.multiply(left, right, into: result, adding: true)
            }
        }
        if transposed.1 { multiply(right.transposed) } else { multiply(right) }
        return (0..<rows).map { row in (0..<columns).map { result.row(row)[$0].bitPattern } }
    }

    /// A row of the result is the same whatever rows are beside it, however many threads there are, whether a factor is
    /// stored as its transpose or packed before: a sentence's vectors do not depend on its batch.
    @Test(arguments: [(33, 70, 1100), (64, 33, 31), (7, 257, 16), (100, 5000, 7)])
    func aRowsBitsDependOnNothingElse(_ rows: Int, _ columns: Int, _ depth: Int) {
        var random = Random(seed: 3, stream: "product")
        let values = randomFloats(rows * depth, &random)
        let others = randomFloats(depth * columns, &random)
        let left = buffer(values), leftTransposed = buffer(transpose(values, rows: rows, columns: depth))
        let right = buffer(others), rightTransposed = buffer(transpose(others, rows: depth, columns: columns))
        for kernels in ProcessorKernels.available {
            let expected = Self.rowBits(
                Matrix(left, rows: rows, columns: depth), Matrix(right, rows: depth, columns: columns),
                transposed: (false, false), packed: false, kernels: kernels, threads: 1)
            for (first, count) in [(0, 1), (rows - 1, 1), (1, 2), (3, 4), (0, rows)] {
                for (isLeft, isRight) in [(false, false), (true, false), (false, true), (true, true)] {
                    let part = isLeft
                        ? Matrix(leftTransposed.start + first, rows: depth, columns: count, stride: rows)
                        : Matrix(left.start + first * depth, rows: count, columns: depth)
                    let whole = isRight
                        ? Matrix(rightTransposed, rows: columns, columns: depth)
                        : Matrix(right, rows: depth, columns: columns)
                    for packed in [false, true] {
                        let bits = Self.rowBits(
                            part, whole, transposed: (isLeft, isRight), packed: packed, kernels: kernels, threads: 3)
                        #expect(bits == Array(expected[first..<first + count]), "\(kernels.name)")
                    }
                }
            }
        }
        withExtendedLifetime((left, leftTransposed, right, rightTransposed)) {}
    }

    private static let fused = ProcessorKernels.available.filter { $0.name != "sse2" }

    /// Processors with fused multiply-adds compute the same bits, however wide their vectors are.
    @Test(.enabled(if: fused.count > 1, "this processor has no two kernels with fused operations"))
    func kernelsWithFusedOperationsAgree() throws {
        var random = Random(seed: 4, stream: "product")
        let left = buffer(randomFloats(19 * 600, &random)), right = buffer(randomFloats(600 * 47, &random))
        let results = Self.fused.map {
            Self.rowBits(
                Matrix(left, rows: 19, columns: 600), Matrix(right, rows: 600, columns: 47), transposed: (false, false),
                packed: false, kernels: $0, threads: 2)
        }
        #expect(results.allSatisfy { $0 == results[0] })
        withExtendedLifetime((left, right)) {}
    }

    /// Every way of cutting a product: by rows or by columns, of factors that are packed before or as they are needed. So are the
    /// order of a sum and with it the bits of each element.
    @Test(
        .enabled(if: !fused.isEmpty, "this processor has no kernels with fused operations"),
        arguments: [
            (1, 1, 1), (2, 7, 33), (7, 33, 1), (33, 2, 7), (1, 257, 1030), (257, 1, 1030), (7, 130, 513), (101, 97, 700),
            (97, 101, 700), (430, 33, 514), (33, 430, 514),
        ], [(false, false), (true, false), (false, true), (true, true)])
    func addsUpChainsOfMultiplyAdds(_ shape: (rows: Int, columns: Int, depth: Int), _ transposed: (Bool, Bool)) {
        let (rows, columns, depth) = shape
        var random = Random(seed: 6, stream: "product")
        let values = randomFloats(rows * depth, &random), others = randomFloats(depth * columns, &random)
        let expected = (0..<rows).map { row in
            (0..<columns).map { column in
                var sum: Float = 0.25
                for first in stride(from: 0, to: depth, by: 512) {
                    var chain: Float = 0
                    for inner in first..<min(first + 512, depth) {
                        chain.addProduct(values[row * depth + inner], others[inner * columns + column])
                    }
                    sum += chain
                }
                return sum.bitPattern
            }
        }
        let left = buffer(transposed.0 ? transpose(values, rows: rows, columns: depth) : values)
        let right = buffer(transposed.1 ? transpose(others, rows: depth, columns: columns) : others)
        for kernels in Self.fused {
            for threads in [1, 2, 5] {
                for packed in [false, true] {
                    let bits = Self.rowBits(
                        Matrix(left, rows: transposed.0 ? depth : rows, columns: transposed.0 ? rows : depth),
                        Matrix(right, rows: transposed.1 ? columns : depth, columns: transposed.1 ? depth : columns),
                        transposed: transposed, packed: packed, kernels: kernels, threads: threads)
                    #expect(bits == expected, "\(kernels.name), \(threads) threads, packed before: \(packed)")
                }
            }
        }
        withExtendedLifetime((left, right)) {}
    }

    /// More rows and columns than are packed at once.
    @Test(arguments: [(4101, 4099, 2), (4099, 4101, 2)])
    func blocksOfRowsAndColumns(_ rows: Int, _ columns: Int, _ depth: Int) {
        var random = Random(seed: 7, stream: "product")
        let left = buffer(randomFloats(rows * depth, &random)), right = buffer(randomFloats(depth * columns, &random))
        let result = FloatBuffer(count: rows * columns)
        for threads in [1, 2, 200] {
            result.fill(.nan)
            ProcessorBackend(pool: ThreadPool(threads: threads)).multiply(
                Matrix(left, rows: rows, columns: depth), Matrix(right, rows: depth, columns: columns),
                into: Matrix(result, rows: rows, columns: columns))
            var worst = 0.0
            for row in 0..<rows {
                for column in 0..<columns {
                    let wanted = Double(left.start[2 * row]) * Double(right.start[column])
                        + Double(left.start[2 * row + 1]) * Double(right.start[columns + column])
                    let difference = abs(Double(result.start[row * columns + column]) - wanted)
                    if !(difference <= worst) { worst = difference }
                }
            }
            #expect(worst < 1e-6, "\(threads) threads")
        }
        withExtendedLifetime((left, right)) {}
    }

    @Test func packsAgainAndAgain() {
        var random = Random(seed: 5, stream: "product")
        let compute = ProcessorBackend(pool: ThreadPool(threads: 2))
        let memory = FloatBuffer(count: compute.packedCount(rows: 40, columns: 30))
        for (depth, columns) in [(40, 30), (30, 40), (3, 2)] {
            let left = buffer(randomFloats(5 * depth, &random)), right = buffer(randomFloats(depth * columns, &random))
            let a = Matrix(left, rows: 5, columns: depth), b = Matrix(right, rows: depth, columns: columns)
            let direct = FloatBuffer(count: 5 * columns), indirect = FloatBuffer(count: 5 * columns)
            compute.multiply(a, b, into: Matrix(direct, rows: 5, columns: columns))
            let packed = compute.pack(b, into: Matrix(memory, rows: 1, columns: memory.count))
            compute.multiply(a, packed, into: Matrix(indirect, rows: 5, columns: columns))
            #expect(Array(direct.elements) == Array(indirect.elements))
            withExtendedLifetime((left, right)) {}
        }
    }
}
