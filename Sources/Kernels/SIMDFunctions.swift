// Elementary functions on eight floats, built from operations that every target vectorises. On plain x86-64, `.rounded()`,
// `.clamped()` and fused multiplication fall back to one lane at a time; instead, rounding adds and subtracts 1.5 * 2^23, and
// clamping selects. NaN gives NaN.

extension UnsafeMutablePointer<Float> {
    /// The eight floats from `index` on, at any alignment.
    @inline(__always)
    subscript(vector index: Int) -> SIMD8<Float> {
        get { UnsafeRawPointer(self + index).loadUnaligned(as: SIMD8<Float>.self) }
        nonmutating set { UnsafeMutableRawPointer(self + index).storeBytes(of: newValue, as: SIMD8<Float>.self) }
    }
}

extension UnsafePointer<Float> {
    /// The eight floats from `index` on, at any alignment.
    @inline(__always)
    subscript(vector index: Int) -> SIMD8<Float> {
        UnsafeRawPointer(self + index).loadUnaligned(as: SIMD8<Float>.self)
    }
}

extension SIMD8<Float> {
    /// Returns each lane limited to -bound ... bound; NaN stays NaN.
    @inline(__always)
    func clipped(to bound: Float) -> SIMD8<Float> {
        let upper = SIMD8(repeating: bound)
        let lower = SIMD8(repeating: -bound)
        return replacing(with: upper, where: self .> upper).replacing(with: lower, where: self .< lower)
    }

    /// Returns 2^exponent and q such that e^x = 2^exponent * (1 + q) and |q| < 0.42; q has a relative error of about 2^-23.
    @inline(__always)
    func splitExponential() -> (power: SIMD8<Float>, q: SIMD8<Float>) {
        let bounded = clipped(to: 87)
        let magic = SIMD8<Float>(repeating: 12_582_912)
        let shifted = bounded * SIMD8(repeating: 1.442_695_04) + magic
        let exponent = shifted - magic
        // ln 2 as a sum of two numbers, so that the product of the first with a small integer is exact.
        let r = bounded - exponent * SIMD8(repeating: 0.693_359_375) - exponent * SIMD8(repeating: -2.121_944_4e-4)
        // Taylor series to r^7; with |r| <= 0.347 the remainder is below 2^-27 of r.
        var series = SIMD8<Float>(repeating: 1.0 / 5040)
        series = series * r + SIMD8(repeating: 1.0 / 720)
        series = series * r + SIMD8(repeating: 1.0 / 120)
        series = series * r + SIMD8(repeating: 1.0 / 24)
        series = series * r + SIMD8(repeating: 1.0 / 6)
        series = series * r + SIMD8(repeating: 0.5)
        let q = r + r * r * series
        // The low bits of `shifted` are the exponent; move them to a float's exponent field.
        let bits = unsafeBitCast(shifted, to: SIMD8<Int32>.self) &<< 23 &+ SIMD8<Int32>(repeating: 127 << 23)
        return (unsafeBitCast(bits, to: SIMD8<Float>.self), q)
    }

    /// Returns e^x for x clipped to ±87; the relative error is below 3e-7.
    @inline(__always)
    func exponential() -> SIMD8<Float> {
        let (power, q) = splitExponential()
        return power + power * q
    }

    /// Returns 1 / (1 + e^-x); the relative error is below 4e-7.
    @inline(__always)
    func sigmoid() -> SIMD8<Float> {
        let (power, q) = (-self).splitExponential()
        return 1 / (1 + (power + power * q))
    }

    /// Returns (e^2x - 1) / (e^2x + 1), with e^2x - 1 computed without cancellation; the relative error is below 6e-7.
    @inline(__always)
    func hyperbolicTangent() -> SIMD8<Float> {
        // Beyond ±9.1, tanh rounds to ±1.
        let (power, q) = (clipped(to: 10) * 2).splitExponential()
        let minusOne = (power - 1) + power * q
        return minusOne / (minusOne + 2)
    }
}
