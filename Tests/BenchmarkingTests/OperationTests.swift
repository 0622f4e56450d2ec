import Benchmarking
@_spi(HostMemory) import Kernels
import Parallel
import PlainBackend
import Testing

/// Every operation on every backend there is, beside the plain one, which computes in double precision; and its gradient beside
/// central differences.
@Suite struct OperationTests {
    struct Sizes: Sendable, CustomTestStringConvertible {
        let value: OperationCase.Sizes
        var testDescription: String { "\(value.rows) x \(value.columns), depth \(value.depth)" }

        init(_ rows: Int, _ columns: Int, _ depth: Int) { value = .init(rows: rows, columns: columns, depth: depth) }
    }

    static let sizes = [Sizes(1, 1, 1), Sizes(2, 7, 33), Sizes(7, 33, 2), Sizes(33, 2, 7), Sizes(19, 50, 130), Sizes(45, 18, 3)]

    static var backends: [(name: String, make: () -> any Backend)] {
        ProcessorKernels.available.flatMap { kernels in
            [1, 3].map { threads in
                ("\(kernels.name), \(threads) threads", { ProcessorBackend(pool: ThreadPool(threads: threads), kernels: kernels) })
            }
        }
    }

    private func values(_ prepared: OperationCase.Prepared) -> [[Double]] {
        prepared.results.map { matrix in ProcessorBackend().read(matrix).map(Double.init) }
            + prepared.scalars.map { scalars in (0..<scalars.count).map { scalars[$0] } }
    }

    @Test(arguments: sizes) func agreesWithThePlainBackend(sizes: Sizes) {
        for operation in OperationCase.all {
            let memory = OperationMemory(), prepared = operation.prepare(in: memory, sizes.value), before = memory.snapshot()
            prepared.run(PlainBackend())
            let expected = values(prepared)
            #expect(!expected.isEmpty && expected.allSatisfy { !$0.isEmpty })
            for (name, make) in Self.backends {
                memory.restore(before)
                prepared.run(make())
                for (own, plain) in zip(values(prepared), expected) {
                    // Sums of many terms are as exact as their greatest.
                    let magnitude = plain.reduce(1) { $1.isFinite ? max($0, abs($1)) : $0 }
                    let isNear = zip(own, plain).allSatisfy { $0 == $1 || abs($0 - $1) <= 2e-5 * magnitude }
                    #expect(isNear, "\(operation.name) on \(name)")
                }
            }
        }
    }

    /// Repeated with other threads, an operation gives the same bits.
    @Test func threadsDoNotShow() {
        let sizes = OperationCase.Sizes(rows: 150, columns: 130, depth: 70)
        for operation in OperationCase.all {
            let results = [1, 2, 3].map { threads in
                let prepared = operation.prepare(in: OperationMemory(), sizes)
                prepared.run(ProcessorBackend(pool: ThreadPool(threads: threads)))
                return values(prepared).map { $0.map(\.bitPattern) }
            }
            #expect(results[0] == results[1] && results[0] == results[2], "\(operation.name)")
        }
    }

    @Test(arguments: sizes) func gradientsAreDifferences(sizes: Sizes) {
        let backends = [("plain", { PlainBackend() as any Backend })] + Self.backends.map { ($0.name, $0.make) }
        var checked = 0
        for operation in OperationCase.all {
            for (name, make) in backends {
                let memory = OperationMemory(), prepared = operation.prepare(in: memory, sizes.value), backend = make()
                guard let slope = prepared.slope else { continue }
                let before = memory.snapshot()
                prepared.run(backend)
                slope.run(backend)
                let gradients = slope.gradients.map { backend.read($0).map(Double.init) }
                for (input, gradient) in zip(slope.inputs, gradients) {
                    verify(operation.name + " on " + name, prepared, slope, input, gradient, backend) { memory.restore(before) }
                    checked += 1
                }
            }
        }
        #expect(checked > 15 * Self.backends.count)
    }

    /// Compares slopes of the result along random directions; inputs that bend are left alone by short steps and a wide bound.
    private func verify(
        _ name: String, _ prepared: OperationCase.Prepared, _ slope: OperationCase.Slope, _ input: Matrix, _ gradient: [Double],
        _ backend: any Backend, restore: () -> Void
    ) {
        var random = Random(seed: 5)
        restore()
        let start = backend.read(input)
        func value(_ step: Double, _ direction: [Double]) -> Double {
            restore()
            backend.write(zip(start, direction).map { Float(Double($0) + step * $1) }, to: input)
            prepared.run(backend)
            guard let output = slope.output, let outputGradient = slope.outputGradient else { return prepared.scalars[0][0] }
            return backend.rowProducts(output, outputGradient).reduce(0, +)
        }
        let norm = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
        for _ in 0..<2 {
            let raw = gradient.map { _ in random.normal() }, length = raw.reduce(0) { $0 + $1 * $1 }.squareRoot()
            let direction = raw.map { $0 / length }, expected = zip(direction, gradient).reduce(0) { $0 + $1.0 * $1.1 }
            let wide = (value(1e-2, direction) - value(-1e-2, direction)) / 2e-2
            let narrow = (value(5e-3, direction) - value(-5e-3, direction)) / 1e-2
            let measured = (4 * narrow - wide) / 3
            #expect(abs(measured - expected) <= 2e-2 * norm + 2e-3, "\(name): slope \(measured), gradient \(expected), norm \(norm)")
        }
    }
}
