internal import Glibc

/// What a softmax does to runs of logits.
@_spi(HostMemory) extension Vector {
    /// `target = factor * source`
    @inlinable
    public static func scaled(
        _ source: UnsafePointer<Float>, by factor: Float, into target: UnsafeMutablePointer<Float>, count: Int
    ) {
        for index in 0..<count { target[index] = factor * source[index] }
    }

    /// `target = max(target, source + shift)`; NaN in the source is passed over.
    @inlinable
    public static func raise(
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

    /// log(sum of e^value); NaN if one of the values is.
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
        // Runs short enough for single precision to add up.
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

    /// `sums += e^(values + shift - base)`, element by element; the exponentials take the place of the values. NaN stays NaN.
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
