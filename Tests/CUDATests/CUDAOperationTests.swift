import Benchmarking
import CUDA
import Kernels
import PlainBackend
import Testing

/// Every operation on a GPU, or what stands in for one, beside the plain backend.
@Suite(.serialized) struct CUDAOperationTests {
    static let sizes = [(1, 1, 1), (2, 7, 33), (33, 2, 7), (70, 50, 130), (45, 300, 3)].map {
        OperationCase.Sizes(rows: $0.0, columns: $0.1, depth: $0.2)
    }

    private func values(_ prepared: OperationCase.Prepared, _ backend: any Backend) -> [[Double]] {
        backend.wait()
        return prepared.results.map { backend.read($0).map(Double.init) }
            + prepared.scalars.map { scalars in (0..<scalars.count).map { scalars[$0] } }
    }

    @Test(arguments: sizes.indices) func agreesWithThePlainBackend(index: Int) throws {
        let plain = PlainBackend(), sizes = Self.sizes[index]
        for precision in CUDABackend.Precision.allCases {
            let own = try FakeGPU.backend(precision)
            for operation in OperationCase.all {
                let expected = operation.prepare(in: OperationMemory(on: plain), sizes)
                expected.run(plain)
                let prepared = operation.prepare(in: OperationMemory(on: own), sizes)
                prepared.run(own)
                let bound = DeviceBenchmark.bound(operation, isRounded: precision == .bfloat16)
                for (result, plain) in zip(values(prepared, own), values(expected, plain)) {
                    let magnitude = plain.reduce(1) { $1.isFinite ? max($0, abs($1)) : $0 }
                    let worst = zip(result, plain).reduce(0) { $1.0 == $1.1 ? $0 : max($0, abs($1.0 - $1.1)) }
                    #expect(worst <= bound * magnitude, "\(operation.name) in \(precision), \(sizes): \(worst) of \(magnitude)")
                }
            }
        }
    }
}
