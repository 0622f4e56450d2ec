internal import Glibc
internal import Kernels
internal import Parallel

/// How fast this machine multiplies large matrices in single precision: what no training step can exceed, because nearly
/// all of a step is such products.
///
/// Two ways are tried, since either may be the better one: our tiles on our threads, and OpenBLAS with threads of its own.
final class ProductCeiling {
    /// Large enough that reading the factors costs nothing beside the multiplications.
    private let size: Int
    private let compute: Compute
    private let threads: Int
    private let left, right, result: FloatBuffer

    /// - Parameter size: rows and columns of all matrices.
    init(size: Int, pool: ThreadPool, kernels: ProcessorKernels = .fastest) {
        self.size = size
        compute = Compute(pool: pool, kernels: kernels)
        threads = pool.threads
        left = FloatBuffer(count: size * size)
        right = FloatBuffer(count: size * size)
        result = FloatBuffer(count: size * size)
        var random = Random(seed: 1, stream: "ceiling")
        for index in 0..<size * size {
            left.start[index] = Float(random.uniform() - 0.5)
            right.start[index] = Float(random.uniform() - 0.5)
        }
    }

    /// GFLOP/s of our own products, over at least `duration` seconds.
    func ownProducts(for duration: Double) -> Double {
        rate(duration) { compute.multiply(matrix(left), matrix(right), into: matrix(result)) }
    }

    /// GFLOP/s of OpenBLAS on its own threads. Throws what `OpenBLAS` throws.
    func openBLASProducts(for duration: Double) throws -> Double {
        let library = try OpenBLAS()
        let rate = rate(duration) { library.multiply(matrix(left), matrix(right), into: matrix(result), threads: threads) }
        // Its threads spin for some 30 ms after their last product, in the way of what is measured next.
        usleep(50_000)
        return rate
    }

    private func matrix(_ buffer: FloatBuffer) -> Matrix { Matrix(buffer, rows: size, columns: size) }

    /// A product is `size`^3 multiplications and as many additions. The first is left out: threads wake up in it.
    private func rate(_ duration: Double, _ product: () -> Void) -> Double {
        product()
        var products = 0
        let start = now()
        repeat {
            product()
            products += 1
        } while now() - start < duration
        let operations = 2 * Double(size) * Double(size) * Double(size) * Double(products)
        return operations / (now() - start) / 1e9
    }
}
