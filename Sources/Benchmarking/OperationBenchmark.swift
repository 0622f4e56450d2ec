internal import Files
public import Kernels
internal import Parallel

/// A benchmark of the operations of the processor's backend, each in turns with a yardstick. Products are compared with OpenBLAS's in
/// GFLOP/s, and all others with a plain copy of the same amount of memory in GB/s.
public struct OperationBenchmark: Sendable {
    private let threads: Int
    private let kernels: ProcessorKernels
    /// The approximate measuring time of each operation in seconds.
    private let seconds: Double

    /// Makes a benchmark.
    /// - `kernels`: Contour's kernels; `OpenBLAS.hold` limits OpenBLAS to the same vectors.
    public init(threads: Int, kernels: ProcessorKernels, seconds: Double) {
        self.threads = threads
        self.kernels = kernels
        self.seconds = seconds
    }

    /// Measures one operation. Throws `ToolError`, `unavailable` or `systemError`, for a product without OpenBLAS.
    public func run(_ operation: OperationCase, _ sizes: OperationCase.Sizes) throws -> SpeedComparison {
        let backend = ProcessorBackend(pool: ThreadPool(threads: threads), kernels: kernels), memory = OperationMemory()
        let prepared = operation.prepare(in: memory, sizes)
        let work = operation.work(sizes)
        let yardstick = operation.isProduct ? try openBLAS(memory, operation, sizes) : copy(backend, memory, floats: work)
        return compare(
            operation.isProduct ? work : 4 * work, besideOpenBLAS: operation.isProduct ? sizes.productOperations : nil,
            { prepared.run(backend) }, yardstick)
    }

    /// Measures a product with 8-bit weights beside the same product with packed floats, in billions of operations per second.
    public func runQuantized(_ sizes: OperationCase.Sizes) -> SpeedComparison {
        let backend = ProcessorBackend(pool: ThreadPool(threads: threads), kernels: kernels), memory = OperationMemory()
        let left = memory.matrix(sizes.rows, sizes.depth), right = memory.matrix(sizes.depth, sizes.columns)
        let result = memory.zeros(sizes.rows, sizes.columns)
        let packed = backend.packed(right), quantized = backend.quantize(right)
        return withExtendedLifetime(memory) {
            compare(
                sizes.productOperations, { backend.multiply(left, quantized, into: result) },
                { backend.multiply(left, packed, into: result) })
        }
    }

    private func compare(
        _ work: Double, besideOpenBLAS operations: Double? = nil, _ own: () -> Void, _ yardstick: () -> Void
    ) -> SpeedComparison {
        SpeedComparison(
            amount: 1e-9 * work, yardstickAmount: operations.map { 1e-9 * $0 }, seconds: seconds, threads: threads,
            pause: operations != nil && threads > 1 ? OpenBLAS.spinning : 0, own: own, yardstick: yardstick)
    }

    private func openBLAS(
        _ memory: OperationMemory, _ operation: OperationCase, _ sizes: OperationCase.Sizes
    ) throws -> () -> Void {
        let library = try OpenBLAS()
        let (isLeftTransposed, isRightTransposed) = (operation.isLeftTransposed, operation.isRightTransposed)
        let (left, right) = memory.factors(sizes, isLeftTransposed: isLeftTransposed, isRightTransposed: isRightTransposed)
        let result = memory.zeros(sizes.rows, sizes.columns)
        return {
            library.multiply(
                left, isTransposed: isLeftTransposed, right, isTransposed: isRightTransposed, into: result, threads: threads)
        }
    }

    /// Returns a copy that reads half of the floats and writes half of them.
    private func copy(_ backend: ProcessorBackend, _ memory: OperationMemory, floats: Double) -> () -> Void {
        let count = max(1, Int(floats / 2)), source = memory.matrix(1, count), target = memory.matrix(1, count)
        return { backend.copy(source, to: target) }
    }
}
