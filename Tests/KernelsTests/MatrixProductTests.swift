import Parallel
import Testing

import Kernels

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
        (33, 40, 5000), (400, 1600, 17),
    ]

    @Test(arguments: shapes, [(false, false), (true, false), (false, true), (true, true)])
    func agreesWithTheDefinition(shape: (rows: Int, columns: Int, depth: Int), transposed: (Bool, Bool)) {
        let (rows, columns, depth) = shape
        var random = Random(seed: 1, stream: "product")
        let left = randomFloats(rows * depth, &random)
        let right = randomFloats(depth * columns, &random)
        let expected = naiveProduct(left, right, rows: rows, columns: columns, depth: depth)
        let compute = Compute(pool: ThreadPool(threads: 2))
        let leftMemory = buffer(transposed.0 ? transpose(left, rows: rows, columns: depth) : left)
        let rightMemory = buffer(transposed.1 ? transpose(right, rows: depth, columns: columns) : right)
        let result = FloatBuffer(count: rows * (columns + 3))
        let target = Matrix(result.start, rows: rows, columns: columns, stride: columns + 3)

        func multiply(adding: Bool) {
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
        for times in 1...2 {
            multiply(adding: times == 2)
            var worst = 0.0
            for row in 0..<rows {
                for column in 0..<columns {
                    let difference = Double(target.row(row)[column]) - Double(times) * expected[row * columns + column]
                    worst = max(worst, abs(difference))
                }
                // What lies between two rows is not touched.
                #expect(result.start[row * (columns + 3) + columns] == 0)
            }
            #expect(worst < tolerance)
        }
    }

    @Test func emptyDepthGivesZero() {
        let result = buffer([1, 2, 3, 4])
        let empty = FloatBuffer(count: 0)
        let target = Matrix(result, rows: 2, columns: 2)
        let compute = Compute()
        compute.multiply(
            Matrix(empty, rows: 2, columns: 0), Matrix(empty, rows: 0, columns: 2), into: target, adding: true)
        #expect(Array(result.elements) == [1, 2, 3, 4])
        compute.multiply(Matrix(empty, rows: 2, columns: 0), Matrix(empty, rows: 0, columns: 2), into: target)
        #expect(Array(result.elements) == [0, 0, 0, 0])
    }

    @Test(arguments: shapes) func bitsDoNotDependOnThreads(shape: (rows: Int, columns: Int, depth: Int)) {
        var random = Random(seed: 2, stream: "product")
        let left = buffer(randomFloats(shape.rows * shape.depth, &random))
        let right = buffer(randomFloats(shape.depth * shape.columns, &random))
        let results = [1, 2, 3].map { threads in
            let result = FloatBuffer(count: shape.rows * shape.columns)
            Compute(pool: ThreadPool(threads: threads)).multiply(
                Matrix(left, rows: shape.rows, columns: shape.depth),
                Matrix(right, rows: shape.depth, columns: shape.columns),
                into: Matrix(result, rows: shape.rows, columns: shape.columns))
            return result.elements.map(\.bitPattern)
        }
        #expect(results[0] == results[1])
        #expect(results[0] == results[2])
    }

    @Test(arguments: [(64, 4096, 256), (64, 256, 4096), (128, 16384, 512), (1280, 2048, 300), (64, 256, 1024)])
    func largeProductsKeepThreadsBusy(rows: Int, columns: Int, depth: Int) {
        let plan = ProductPlan(rows: rows, columns: columns, depth: depth)
        #expect(plan.tasks >= 4)
        #expect(plan.tileRows * plan.tileColumns * plan.sliceDepth >= 1 << 20)
    }

    @Test func smallProductsStayWhole() {
        #expect(ProductPlan(rows: 7, columns: 33, depth: 33).tasks == 1)
    }
}
