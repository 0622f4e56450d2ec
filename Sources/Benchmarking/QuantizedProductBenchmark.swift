@_spi(HostMemory) internal import Kernels
public import Model
internal import Parallel

/// The matrix products of encoding with weights of 8 bits, beside the same with packed weights of floats, by turns.
public struct QuantizedProductBenchmark: Sendable {
    /// A left factor [rows, depth] times weights [depth, columns].
    public struct Product: Sendable {
        public let name: String
        public let rows, columns, depth: Int

        var operations: Double { 2 * Double(rows) * Double(columns) * Double(depth) }
    }

    /// Billions of operations in a second, one of a turn.
    public struct Round: Sendable {
        public let floats, bytes: Double
        public var ratio: Double { bytes / floats }
    }

    public var threads: Int
    /// Of each product, about.
    public var seconds = 2.0

    public init(threads: Int) { self.threads = threads }

    /// What a layer of the LSTM multiplies to encode: of one sentence, of some, of a whole batch.
    public static func products(_ encoder: EncoderConfiguration, batch: Int, window: Int) -> [Product] {
        let (gates, cell, width) = (4 * encoder.encoder.cell, encoder.encoder.cell, encoder.width)
        let batches = [1, 16, 64].filter { $0 < batch } + [batch]
        return batches.map { Product(name: "state", rows: $0, columns: gates, depth: width) }
            + batches.map { Product(name: "projection", rows: $0, columns: width, depth: cell) }
            + [Product(name: "input", rows: batch * window, columns: gates, depth: width),
               Product(name: "large", rows: 2048, columns: 2048, depth: 2048)]
    }

    /// Measures one product, in at least three rounds.
    public func run(_ product: Product) -> [Round] {
        let compute = ProcessorBackend(pool: ThreadPool(threads: threads))
        var random = Random(seed: 1, stream: "products")
        func filled(_ count: Int) -> FloatBuffer {
            let buffer = FloatBuffer(count: count)
            for index in 0..<count { buffer.start[index] = Float(random.uniform() - 0.5) }
            return buffer
        }
        let leftMemory = filled(product.rows * product.depth), rightMemory = filled(product.depth * product.columns)
        let resultMemory = FloatBuffer(count: product.rows * product.columns)
        let left = Matrix(leftMemory, rows: product.rows, columns: product.depth)
        let right = Matrix(rightMemory, rows: product.depth, columns: product.columns)
        let result = Matrix(resultMemory, rows: product.rows, columns: product.columns)
        let packed = compute.packed(right), quantized = compute.quantize(right)
        // Products in a turn, so that clocks and waking threads do not count: some 4 billion operations.
        let turn = max(1, Int(4e9 / product.operations))
        let operations = 1e-9 * product.operations * Double(turn)
        var rounds: [Round] = []
        compute.multiply(left, packed, into: result)
        compute.multiply(left, quantized, into: result)
        let start = now()
        while rounds.count < 3 || now() - start < seconds {
            let floats = Benchmarking.seconds { for _ in 0..<turn { compute.multiply(left, packed, into: result) } }
            let bytes = Benchmarking.seconds { for _ in 0..<turn { compute.multiply(left, quantized, into: result) } }
            rounds.append(Round(floats: operations / floats, bytes: operations / bytes))
        }
        withExtendedLifetime((leftMemory, rightMemory, resultMemory)) {}
        return rounds
    }
}
