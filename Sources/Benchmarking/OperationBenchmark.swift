internal import Files
public import Kernels
internal import Parallel

/// The speed of the operations of the processor's backend, each beside a yardstick, by turns: products beside OpenBLAS's, all
/// others beside a plain copy of as much memory.
public struct OperationBenchmark: Sendable {
    /// GFLOP/s of products, GB/s of what is read and written otherwise; one of a turn.
    public struct Round: Sendable {
        public let own, yardstick: Double
        public var ratio: Double { own / yardstick }
    }

    public var threads: Int
    public let kernels: ProcessorKernels
    /// The time that each operation is measured for, about.
    public var seconds = 1.0

    /// - Parameter kernels: those that OpenBLAS is held to, too.
    public init(threads: Int, kernels: ProcessorKernels = .fastest) {
        self.threads = threads
        self.kernels = kernels
        OpenBLAS.hold(to: kernels)
    }

    /// The processor whose kernels OpenBLAS has taken. Throws what `run` throws.
    public var openBLASCore: String { get throws { try OpenBLAS().core } }

    /// Measures one operation, in at least three rounds. Throws `ToolError` if a product is to be measured and there is no
    /// OpenBLAS: `unavailable`, `systemError`.
    public func run(_ operation: OperationCase, _ sizes: OperationCase.Sizes) throws -> [Round] {
        let backend = ProcessorBackend(pool: ThreadPool(threads: threads), kernels: kernels), memory = OperationMemory()
        let prepared = operation.prepare(in: memory, sizes)
        let work = operation.work(sizes), amount = 1e-9 * work * (operation.isProduct ? 1 : 4)
        let yardstick = operation.isProduct ? try openBLAS(memory, sizes) : copy(backend, memory, floats: work)
        prepared.run(backend)
        yardstick()
        // So many in a turn that clocks and waking threads do not count.
        let turn = max(1, Int(0.02 / max(1e-7, Benchmarking.seconds { prepared.run(backend) })))
        var rounds: [Round] = []
        let start = now()
        while rounds.count < 3 || now() - start < seconds {
            let own = Benchmarking.seconds { for _ in 0..<turn { prepared.run(backend) } }
            let other = Benchmarking.seconds { for _ in 0..<turn { yardstick() } }
            rounds.append(Round(own: amount * Double(turn) / own, yardstick: amount * Double(turn) / other))
        }
        return rounds
    }

    private func openBLAS(_ memory: OperationMemory, _ sizes: OperationCase.Sizes) throws -> () -> Void {
        let library = try OpenBLAS(), left = memory.matrix(sizes.rows, sizes.depth)
        let right = memory.matrix(sizes.depth, sizes.columns), result = memory.matrix(sizes.rows, sizes.columns)
        return { library.multiply(left, right, into: result, threads: threads) }
    }

    /// Half is read, half is written.
    private func copy(_ backend: ProcessorBackend, _ memory: OperationMemory, floats: Double) -> () -> Void {
        let count = max(1, Int(floats / 2)), source = memory.matrix(1, count), target = memory.matrix(1, count)
        return { backend.copy(source, to: target) }
    }
}
