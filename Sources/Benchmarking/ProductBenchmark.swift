internal import Glibc
@_spi(HostMemory) public import Kernels
public import Model
internal import Parallel

/// The matrix products of a training step, ours beside OpenBLAS's on its own threads, by turns.
public struct ProductBenchmark: Sendable {
    /// `left` [rows, depth] times `right` [depth, columns].
    public struct Product: Sendable {
        public let name: String
        public let rows, columns, depth: Int
        let isLeftTransposed, isRightTransposed: Bool
        /// Whether the right factor serves all steps of a window, and ours therefore packs it before.
        let isPacked: Bool

        var operations: Double { 2 * Double(rows) * Double(columns) * Double(depth) }
    }

    /// GFLOP/s, one of a turn.
    public struct Round: Sendable {
        public let own, openBLAS: Double
        public var ratio: Double { own / openBLAS }
    }

    public var threads: Int
    /// Of each product, about.
    public var seconds = 2.0

    /// What Contour's products run on.
    public let kernels: ProcessorKernels

    /// - Parameter kernels: what OpenBLAS is held to, too; `nil`: the fastest, and what OpenBLAS takes by itself.
    public init(threads: Int, kernels: ProcessorKernels? = nil) {
        self.threads = threads
        self.kernels = kernels ?? .fastest
        if let kernels { OpenBLAS.hold(to: kernels) }
    }

    /// The processor whose kernels OpenBLAS has taken. Throws what `run` throws.
    public var openBLASCore: String { get throws { try OpenBLAS().core } }

    /// What a layer of the LSTM multiplies in a training step, and the large product that is `bench train`'s ceiling.
    public static func products(_ encoder: EncoderConfiguration, batch: Int, window: Int) -> [Product] {
        let (gates, cell, width, positions) = (4 * encoder.encoder.cell, encoder.encoder.cell, encoder.width, batch * window)
        func step(_ name: String, _ columns: Int, _ depth: Int, transposed: Bool) -> Product {
            Product(
                name: name, rows: batch, columns: columns, depth: depth, isLeftTransposed: false,
                isRightTransposed: transposed, isPacked: true)
        }
        func whole(_ name: String, _ rows: Int, _ columns: Int, _ depth: Int, left: Bool = false, right: Bool = false)
            -> Product
        {
            Product(
                name: name, rows: rows, columns: columns, depth: depth, isLeftTransposed: left,
                isRightTransposed: right, isPacked: false)
        }
        return [
            step("state, forward", gates, width, transposed: false),
            step("projection, forward", width, cell, transposed: false),
            step("state, backward", width, gates, transposed: true),
            step("projection, backward", cell, width, transposed: true),
            whole("input, forward", positions, gates, width),
            whole("input, backward", positions, width, gates, right: true),
            whole("gradient of weights", width, gates, positions, left: true),
            whole("gradient of projection", cell, width, positions, left: true),
            whole("large", 2048, 2048, 2048),
        ]
    }

    /// Measures one product, in at least three rounds. Throws `ToolError` if there is no OpenBLAS: `unavailable`, `systemError`.
    public func run(_ product: Product) throws -> [Round] {
        let factors = try Factors(product, threads: threads, kernels: kernels)
        var rounds: [Round] = []
        factors.own()
        factors.openBLAS(threads: threads)
        let start = now()
        while rounds.count < 3 || now() - start < seconds {
            // OpenBLAS's threads spin for some 30 ms after their last product.
            if threads > 1 { usleep(50_000) }
            let own = time { for _ in 0..<factors.turn { factors.own() } }
            let openBLAS = time { for _ in 0..<factors.turn { factors.openBLAS(threads: threads) } }
            let operations = 1e-9 * product.operations * Double(factors.turn)
            rounds.append(Round(own: operations / own, openBLAS: operations / openBLAS))
        }
        return rounds
    }

    /// Seconds of a turn. Those of one thread are the processor's, which other processes do not take.
    private func time(_ turn: () -> Void) -> Double {
        guard threads == 1 else { return Benchmarking.seconds(turn) }
        let start = processorTime()
        turn()
        return processorTime() - start
    }

    private func processorTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
    }
}

/// The memory of a product.
private final class Factors {
    private let product: ProductBenchmark.Product
    private let compute: ProcessorBackend
    private let leftMemory, rightMemory, resultMemory: FloatBuffer
    private var packed: PackedFactor?
    private let library: OpenBLAS
    /// Products in a turn, so that clocks and waking threads do not count: some 2.5 GFLOP, and 1,000 products at most.
    let turn: Int

    init(_ product: ProductBenchmark.Product, threads: Int, kernels: ProcessorKernels) throws {
        library = try OpenBLAS()
        self.product = product
        compute = ProcessorBackend(pool: ThreadPool(threads: threads), kernels: kernels)
        turn = max(1, min(1000, Int(2.5e9 / product.operations)))
        var random = Random(seed: 1, stream: "products")
        func filled(_ count: Int) -> FloatBuffer {
            let buffer = FloatBuffer(count: count)
            for index in 0..<count { buffer.start[index] = Float(random.uniform() - 0.5) }
            return buffer
        }
        leftMemory = filled(product.rows * product.depth)
        rightMemory = filled(product.depth * product.columns)
        resultMemory = FloatBuffer(count: product.rows * product.columns)
        guard product.isPacked else { return }
        packed = product.isRightTransposed ? compute.packed(right.transposed) : compute.packed(right)
    }

    private var left: Matrix { stored(leftMemory, product.rows, product.depth, product.isLeftTransposed) }
    private var right: Matrix { stored(rightMemory, product.depth, product.columns, product.isRightTransposed) }
    private var result: Matrix { Matrix(resultMemory, rows: product.rows, columns: product.columns) }

    private func stored(_ buffer: FloatBuffer, _ rows: Int, _ columns: Int, _ isTransposed: Bool) -> Matrix {
        Matrix(buffer, rows: isTransposed ? columns : rows, columns: isTransposed ? rows : columns)
    }

    func own() {
        if let packed {
            compute.multiply(left, packed, into: result)
        } else if product.isLeftTransposed {
            compute.multiply(left.transposed, right, into: result)
        } else if product.isRightTransposed {
            compute.multiply(left, right.transposed, into: result)
        } else {
            compute.multiply(left, right, into: result)
        }
    }

    func openBLAS(threads: Int) {
        library.multiply(
            left, isTransposed: product.isLeftTransposed, right, isTransposed: product.isRightTransposed, into: result,
            threads: threads)
    }
}
