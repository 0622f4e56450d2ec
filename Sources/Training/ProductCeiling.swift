import Kernels
public import Parallel

/// GFLOP/s of large matrix products on this machine: what no training step can exceed, measured for a third of a second
/// before it begins.
public func productCeiling(_ pool: ThreadPool, size: Int = 1024, seconds: Double = 0.3) -> Double {
    let compute = Compute(pool: pool)
    let (left, right, result) = (
        FloatBuffer(count: size * size), FloatBuffer(count: size * size), FloatBuffer(count: size * size)
    )
    var random = Random(seed: 1, stream: "ceiling")
    for index in 0..<size * size {
        left.start[index] = Float(random.uniform() - 0.5)
        right.start[index] = Float(random.uniform() - 0.5)
    }
    func square(_ buffer: FloatBuffer) -> Matrix { Matrix(buffer, rows: size, columns: size) }
    return withExtendedLifetime((left, right, result)) {
        compute.multiply(square(left), square(right), into: square(result))
        var products = 0.0
        let start = monotonicSeconds()
        repeat {
            compute.multiply(square(left), square(right), into: square(result))
            products += 1
        } while monotonicSeconds() - start < seconds
        return 2e-9 * products * Double(size) * Double(size) * Double(size) / (monotonicSeconds() - start)
    }
}
