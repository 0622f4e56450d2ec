internal import Glibc

/// Arithmetic on runs of floats, on one thread. Sums have a fixed order, so that the same floats give the same bits.
///
/// ```swift
/// let product = Vector.dot(a, b, count: 300)
/// ```
@_spi(HostMemory) public enum Vector {
    /// `target += source`
    static func add(_ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, count: Int) {
        for index in 0..<count { target[index] += source[index] }
    }

    /// `target += factor * source`
    static func add(
        _ source: UnsafePointer<Float>, times factor: Float, to target: UnsafeMutablePointer<Float>, count: Int
    ) {
        for index in 0..<count { target[index] += factor * source[index] }
    }

    /// `target *= factor`
    static func scale(_ target: UnsafeMutablePointer<Float>, by factor: Float, count: Int) {
        for index in 0..<count { target[index] *= factor }
    }

    /// `target *= source`, element by element
    static func multiply(
        _ target: UnsafeMutablePointer<Float>, by source: UnsafePointer<Float>, count: Int
    ) {
        for index in 0..<count { target[index] *= source[index] }
    }

    /// Returns the inner product: sixteen running sums in single precision, moved to double precision every 1,024 elements.
    public static func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int) -> Double {
        var total = 0.0
        var start = 0
        while start < count {
            let end = min(start + 1024, count)
            var even = SIMD8<Float>.zero
            var odd = SIMD8<Float>.zero
            var index = start
            while index + 16 <= end {
                even += a[vector: index] * b[vector: index]
                odd += a[vector: index + 8] * b[vector: index + 8]
                index += 16
            }
            var rest: Float = 0
            while index < end {
                rest += a[index] * b[index]
                index += 1
            }
            total += Double((even + odd).sum()) + Double(rest)
            start = end
        }
        return total
    }

    /// Returns |a - b|^2.
    static func squaredDistance(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int) -> Double {
        total(
            count,
            {
                let difference = a[vector: $0] - b[vector: $0]
                return difference * difference
            },
            { (a[$0] - b[$0]) * (a[$0] - b[$0]) })
    }

    /// Returns the sum of all elements.
    public static func sum(_ a: UnsafePointer<Float>, count: Int) -> Double { total(count, { a[vector: $0] }, { a[$0] }) }

    /// Returns the sum of `eight` over every eight elements, given their first index, and of `one` over the remaining ones. Eight
    /// running sums in single precision are moved to double precision every 1,024 elements.
    @inline(__always)
    static func total(_ count: Int, _ eight: (Int) -> SIMD8<Float>, _ one: (Int) -> Float) -> Double {
        var total = 0.0, start = 0
        while start < count {
            let end = min(start + 1024, count)
            var lanes = SIMD8<Float>.zero, rest: Float = 0, index = start
            while index + 8 <= end {
                lanes += eight(index)
                index += 8
            }
            while index < end {
                rest += one(index)
                index += 1
            }
            total += Double(lanes.sum()) + Double(rest)
            start = end
        }
        return total
    }

    /// Returns the Euclidean norm; not finite if an element is not.
    public static func norm(_ a: UnsafePointer<Float>, count: Int) -> Double {
        let norm = dot(a, a, count: count).squareRoot()
        // Valid where squares of the elements neither overflow nor underflow.
        return norm > 1e-15 && norm < 1e18 ? norm : normOfExtremes(a, count: count)
    }

    /// Returns the Euclidean norm where squares of the elements overflow or underflow.
    @inline(never)
    private static func normOfExtremes(_ a: UnsafePointer<Float>, count: Int) -> Double {
        let greatest = magnitude(a, count: count)
        guard greatest > 0 && isFinite(a, count: count) else { return dot(a, a, count: count).squareRoot() }
        let sum = (0..<count).reduce(0.0) { sum, index in
            let part = Double(a[index] / greatest)
            return sum + part * part
        }
        return Double(greatest) * sum.squareRoot()
    }

    private static func magnitude(_ a: UnsafePointer<Float>, count: Int) -> Float {
        (0..<count).reduce(0) { max($0, abs(a[$1])) }
    }

    /// Scales to unit norm and returns the previous norm. A vector that is zero or not finite is left alone.
    @discardableResult
    public static func normalize(_ a: UnsafeMutablePointer<Float>, count: Int) -> Double {
        let norm = norm(a, count: count)
        guard norm > 1e-15 && norm < 1e18 else { return normalizeExtreme(a, count: count) }
        scale(a, by: Float(1 / norm), count: count)
        return norm
    }

    /// Scales to unit norm where squares of the elements overflow or underflow, after scaling the greatest element to 1.
    @inline(never)
    private static func normalizeExtreme(_ a: UnsafeMutablePointer<Float>, count: Int) -> Double {
        guard isFinite(a, count: count) else { return .nan }
        let greatest = magnitude(a, count: count)
        guard greatest > 0 else { return 0 }
        for index in 0..<count { a[index] /= greatest }
        let rest = norm(a, count: count)
        scale(a, by: Float(1 / rest), count: count)
        return Double(greatest) * rest
    }

    /// Returns the cosine of the angle between two vectors; 0 if one is zero.
    public static func cosine(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int) -> Double {
        let norms = norm(a, count: count) * norm(b, count: count)
        return norms > 0 ? dot(a, b, count: count) / norms : 0
    }

    /// Returns true if no element is NaN or infinite.
    public static func isFinite(_ a: UnsafePointer<Float>, count: Int) -> Bool {
        // x - x is 0 for finite x and NaN otherwise, and sums keep NaN.
        total(count, { a[vector: $0] - a[vector: $0] }, { a[$0] - a[$0] }) == 0
    }

    /// `target = function(source)`, eight elements at a time; `source` may be `target`.
    @inline(__always)
    static func map(
        _ source: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>, count: Int,
        _ function: (SIMD8<Float>) -> SIMD8<Float>
    ) {
        var index = 0
        while index + 8 <= count {
            target[vector: index] = function(source[vector: index])
            index += 8
        }
        while index < count {
            target[index] = function(SIMD8(repeating: source[index]))[0]
            index += 1
        }
    }

    /// `target = 1 / (1 + e^-source)`
    public static func sigmoid(_ source: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>, count: Int) {
        map(source, into: target, count: count) { $0.sigmoid() }
    }

    /// `target = tanh(source)`
    public static func hyperbolicTangent(
        _ source: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>, count: Int
    ) {
        map(source, into: target, count: count) { $0.hyperbolicTangent() }
    }
}

// Softmax arithmetic on runs of logits.
@_spi(HostMemory) extension Vector {
    /// `target = factor * source`
    static func scaled(
        _ source: UnsafePointer<Float>, by factor: Float, into target: UnsafeMutablePointer<Float>, count: Int
    ) {
        for index in 0..<count { target[index] = factor * source[index] }
    }

    /// `target = max(target, source + shift)`; NaN in the source is skipped.
    static func raise(
        _ target: UnsafeMutablePointer<Float>, to source: UnsafePointer<Float>, plus shift: Float, count: Int
    ) {
        var index = 0
        while index + 8 <= count {
            let value = source[vector: index] + shift
            target[vector: index] = target[vector: index].replacing(with: value, where: value .> target[vector: index])
            index += 8
        }
        while index < count {
            let value = source[index] + shift
            if value > target[index] { target[index] = value }
            index += 1
        }
    }

    /// Returns log(sum of e^value); NaN if a value is NaN.
    public static func logSumOfExponentials(_ values: UnsafePointer<Float>, count: Int) -> Double {
        var maxima = SIMD8<Float>(repeating: -.infinity), index = 0
        while index + 8 <= count {
            let value = values[vector: index]
            maxima = maxima.replacing(with: value, where: value .> maxima)
            index += 8
        }
        let highest = (index..<count).reduce(maxima.max()) { values[$1] > $0 ? values[$1] : $0 }
        guard highest.isFinite else { return Double(highest) }
        var total = 0.0, first = 0
        // Runs short enough to be summed in single precision.
        while first < count {
            let end = min(first + 1024, count)
            var sums = SIMD8<Float>(repeating: 0), index = first
            while index + 8 <= end {
                sums += (values[vector: index] - highest).exponential()
                index += 8
            }
            total += Double(sums.sum())
            while index < end {
                total += Double(SIMD8(repeating: values[index] - highest).exponential()[0])
                index += 1
            }
            first = end
        }
        return Double(highest) + log(total)
    }

    /// `sums += e^(values + shift - base)`, element by element. The exponentials replace the values; NaN stays NaN.
    public static func addExponentials(
        of values: UnsafeMutablePointer<Float>, plus shift: Float, minus base: UnsafePointer<Float>,
        to sums: UnsafeMutablePointer<Float>, count: Int
    ) {
        var index = 0
        while index + 8 <= count {
            let value = (values[vector: index] + shift - base[vector: index]).exponential()
            sums[vector: index] += value
            values[vector: index] = value
            index += 8
        }
        while index < count {
            let value = SIMD8(repeating: values[index] + shift - base[index]).exponential()[0]
            sums[index] += value
            values[index] = value
            index += 1
        }
    }
}
