internal import Glibc
public import Parallel

/// The speed at which this machine multiplies large matrices in single precision. No training step can exceed it, because nearly
/// all of a step is such products.
///
/// ```swift
/// let ceiling = ProductCeiling(pool: pool)
/// print(ceiling.rate(seconds: 1), "GFLOP/s")
/// ```
public final class ProductCeiling {
    /// Rows and columns of all matrices, large enough that the cost of reading the factors is negligible.
    public let size: Int
    private let backend: ProcessorBackend
    private let buffer: FloatBuffer

    /// Allocates the matrices.
    public init(size: Int = 1024, pool: ThreadPool, kernels: ProcessorKernels = .fastest) {
        self.size = size
        backend = ProcessorBackend(pool: pool, kernels: kernels)
        buffer = FloatBuffer(count: 3 * size * size)
        var random = Random(seed: 1, stream: "ceiling")
        for index in 0..<2 * size * size { buffer.start[index] = Float(random.uniform() - 0.5) }
    }

    /// Two factors and their product, each [size, size].
    public var matrices: (left: Matrix, right: Matrix, product: Matrix) {
        func matrix(_ index: Int) -> Matrix { Matrix(buffer, at: index * size * size, rows: size, columns: size) }
        return (matrix(0), matrix(1), matrix(2))
    }

    /// Measures these products for at least `seconds`, in GFLOP/s.
    public func rate(seconds: Double) -> Double {
        let (left, right, product) = matrices
        return rate(seconds: seconds) { backend.multiply(left, right, into: product) }
    }

    /// Measures `multiply`, which computes one such product, in GFLOP/s. The first call is not timed, because threads wake up in
    /// it.
    public func rate(seconds: Double, _ multiply: () -> Void) -> Double {
        func now() -> Double {
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
        }
        multiply()
        var products = 0.0
        let start = now()
        repeat {
            multiply()
            products += 1
        } while now() - start < seconds
        return 2e-9 * products * Double(size) * Double(size) * Double(size) / (now() - start)
    }
}
