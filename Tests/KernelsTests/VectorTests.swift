import Glibc
import Parallel
import Testing

@_spi(HostMemory) import Kernels

@Suite struct VectorTests {
    static let sizes = [1, 2, 7, 8, 33, 1025, 20_011]

    private func floats(_ count: Int, from lower: Double, to upper: Double, seed: UInt64 = 3) -> [Float] {
        var random = Random(seed: seed, stream: "vector")
        return (0..<count).map { _ in Float(random.uniform(in: lower..<upper)) }
    }

    private func map(
        _ values: [Float], _ function: (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void
    ) -> [Float] {
        [Float](unsafeUninitializedCapacity: values.count) { target, count in
            values.withUnsafeBufferPointer { function($0.baseAddress!, target.baseAddress!, values.count) }
            count = values.count
        }
    }

    private func exponential(_ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
        var sums = [Float](repeating: 0, count: count)
        target.update(from: source, count: count)
        Vector.addExponentials(of: target, plus: 0, minus: [Float](repeating: 0, count: count), to: &sums, count: count)
        #expect(zip(sums, UnsafeBufferPointer(start: target, count: count)).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN })
    }

    @Test(arguments: [1, 7, 33, 20_001]) func elementaryFunctionsAreAccurate(count: Int) {
        let wide = floats(count, from: -80, to: 80) + floats(count, from: -1, to: 1) + [0, -0.0, 1e-20, -1e-6]
        let exponential = map(wide, exponential)
        let sigmoid = map(wide) { Vector.sigmoid($0, into: $1, count: $2) }
        let tangent = map(wide) { Vector.hyperbolicTangent($0, into: $1, count: $2) }
        for (index, value) in wide.enumerated() {
            let x = Double(value)
            #expect(abs(Double(exponential[index]) / exp(x) - 1) < 3e-7, "exp(\(x))")
            #expect(abs(Double(sigmoid[index]) * (1 + exp(-x)) - 1) < 4e-7, "sigmoid(\(x))")
            #expect(x == 0 ? tangent[index] == 0 : abs(Double(tangent[index]) / tanh(x) - 1) < 6e-7, "tanh(\(x))")
        }
    }

    @Test func elementaryFunctionsAtTheEdges() {
        let edges: [Float] = [.infinity, -.infinity, 1e30, -1e30, .nan]
        let sigmoid = map(edges) { Vector.sigmoid($0, into: $1, count: $2) }
        #expect(sigmoid[0] == 1 && sigmoid[1] < 1e-37 && sigmoid[2] == 1 && sigmoid[3] < 1e-37 && sigmoid[4].isNaN)
        let tangent = map(edges) { Vector.hyperbolicTangent($0, into: $1, count: $2) }
        #expect(tangent[0] == 1 && tangent[1] == -1 && tangent[2] == 1 && tangent[3] == -1 && tangent[4].isNaN)
        #expect(map(edges, exponential)[4].isNaN)
    }

    @Test(arguments: sizes) func sumsAgreeWithDoublePrecision(count: Int) {
        let a = floats(count, from: -1, to: 1)
        let b = floats(count, from: -1, to: 1, seed: 4)
        let dot = zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        let square = a.reduce(0) { $0 + Double($1) * Double($1) }
        let bound = 1e-6 * Double(count).squareRoot() + 1e-7
        #expect(abs(Vector.dot(a, b, count: count) - dot) < bound)
        #expect(abs(Vector.sum(a, count: count) - a.reduce(0) { $0 + Double($1) }) < bound)
        #expect(abs(Vector.norm(a, count: count) - square.squareRoot()) < bound)
        #expect(abs(Vector.cosine(a, a, count: count) - 1) < 1e-6)
        for threads in [1, 2] {
            let norm = norm(a, threads: threads)
            #expect(abs(norm - square.squareRoot()) < bound)
        }
    }

    @Test func normOfManyBlocksHasTheSameBitsForAnyThreads() {
        let a = floats(3_000_017, from: -1, to: 1)
        #expect(norm(a, threads: 1) == norm(a, threads: 2))
    }

    private func norm(_ values: [Float], threads: Int) -> Double {
        let buffer = FloatBuffer(count: values.count), row = Matrix(buffer, rows: 1, columns: values.count)
        row.copy(from: values)
        return withExtendedLifetime(buffer) { ProcessorBackend(pool: ThreadPool(threads: threads)).squaredNorm(row).squareRoot() }
    }

    @Test(arguments: sizes) func normalizeGivesUnitNorm(count: Int) {
        var a = floats(count, from: 1, to: 2)
        let before = a.withUnsafeMutableBufferPointer { Vector.normalize($0.baseAddress!, count: count) }
        #expect(before > 0.9)
        #expect(abs(Vector.norm(a, count: count) - 1) < 1e-6)
        var zero = [Float](repeating: 0, count: count)
        #expect(zero.withUnsafeMutableBufferPointer { Vector.normalize($0.baseAddress!, count: count) } == 0)
        #expect(Vector.cosine(zero, a, count: count) == 0)
    }

    /// Where the squares of the elements overflow, or vanish.
    @Test(arguments: [1e30, 3e38, 1e19, 1e-20, 1e-38, 1e-40] as [Float], [1, 9, 50])
    func normalizeIsRightForAnySize(size: Float, count: Int) {
        var a = (0..<count).map { $0 % 3 == 0 ? size : -size }
        let norm = Vector.norm(a, count: count)
        let before = a.withUnsafeMutableBufferPointer { Vector.normalize($0.baseAddress!, count: count) }
        #expect(abs(norm / before - 1) < 1e-5 && abs(before / (Double(size) * Double(count).squareRoot()) - 1) < 1e-5)
        for (index, value) in a.enumerated() {
            #expect(abs(Double(value) - (index % 3 == 0 ? 1 : -1) / Double(count).squareRoot()) < 1e-6)
        }
        a[0] = size.isFinite ? .infinity : 0
        #expect(a.withUnsafeMutableBufferPointer { Vector.normalize($0.baseAddress!, count: count) }.isNaN && a[0] == .infinity)
    }

    @Test(arguments: sizes) func logSumOfExponentials(count: Int) {
        var a = floats(count, from: -20, to: 90)
        let highest = Double(a.max() ?? 0)
        let expected = highest + log(a.reduce(0.0) { $0 + exp(Double($1) - highest) })
        #expect(abs(Vector.logSumOfExponentials(a, count: count) - expected) < 1e-5)
        a[count - 1] = .nan
        #expect(count == 1 || Vector.logSumOfExponentials(a, count: count).isNaN)
        a[count / 2] = .infinity
        #expect(Vector.logSumOfExponentials(a, count: count) == .infinity)
    }

    @Test(arguments: sizes) func oneBadElementIsFound(count: Int) {
        var a = floats(count, from: -1e30, to: 1e30)
        #expect(Vector.isFinite(a, count: count))
        for bad in [Float.nan, .infinity, -.infinity] {
            for place in Set([0, count / 2, count - 1]) {
                let good = a[place]
                a[place] = bad
                #expect(!Vector.isFinite(a, count: count))
                a[place] = good
            }
        }
    }

    @Test(arguments: [(1, 1), (7, 33), (33, 600)]) func columnSums(rows: Int, columns: Int) {
        let values = FloatBuffer(count: rows * columns)
        for index in 0..<values.count { values.start[index] = Float(index % 97) }
        let sums = FloatBuffer(count: columns)
        sums.fill(1)
        ProcessorBackend(pool: ThreadPool(threads: 2)).addColumnSums(
            of: Matrix(values, rows: rows, columns: columns), to: Matrix(sums, rows: 1, columns: columns))
        for column in 0..<columns {
            #expect(sums.start[column] == (0..<rows).reduce(1) { $0 + Float(($1 * columns + column) % 97) })
        }
    }
}
