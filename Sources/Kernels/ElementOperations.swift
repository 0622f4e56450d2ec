/// A function of single numbers.
public enum Activation: Sendable {
    case relu, tanh, sigmoid
}

/// The random decisions of dropout, computed from where they are used instead of drawn one after the other.
///
/// An element is kept or not by the seed, the layer, the training step and the element's position, and by nothing else: not
/// by the number of threads, nor by what was computed before, so a resumed run drops the same units.
public struct DropoutDraw: Sendable {
    /// Probability that an element becomes zero, in 0 ..< 1.
    public let rate: Float
    /// The bits of seed and site, and the step, which together are the key.
    @_spi(HostMemory) public let site: UInt64
    @_spi(HostMemory) public let step: UInt64
    private let key: UInt64
    @_spi(HostMemory) public let threshold: UInt32

    /// - Parameters:
    ///   - site: a number for the layer, unique in the network.
    ///   - step: the training step.
    public init(rate: Float, seed: UInt64, site: Int, step: Int) {
        precondition(rate >= 0 && rate < 1)
        self.rate = rate
        threshold = UInt32(Double(rate) * 0x1p32)
        self.site = SplitMix64.mix(SplitMix64.mix(seed) ^ UInt64(bitPattern: Int64(site)))
        self.step = UInt64(bitPattern: Int64(step))
        key = SplitMix64.mix(self.site ^ self.step)
    }

    /// The factor of the element at `position`: 0 with probability `rate`, otherwise 1 / (1 - rate).
    public func factor(at position: Int) -> Float {
        let half = bits(position & ~1) >> (position % 2 == 0 ? 0 : 32)
        return UInt32(truncatingIfNeeded: half) < threshold ? 0 : 1 / (1 - rate)
    }

    /// The random bits of the element at `position`, which is even, and of that behind it: 32 each.
    func bits(_ position: Int) -> UInt64 { SplitMix64.mix(key &+ UInt64(position) &* 0xD134_2543_DE82_EF95) }
}

extension ProcessorBackend {
    public func activate(_ values: Matrix, _ function: Activation) {
        for row in 0..<values.rows {
            let start = values.row(row)
            switch function {
            case .relu: for index in 0..<values.columns { start[index] = max(0, start[index]) }
            case .tanh: Vector.hyperbolicTangent(start, into: start, count: values.columns)
            case .sigmoid: Vector.sigmoid(start, into: start, count: values.columns)
            }
        }
    }

    public func bend(_ gradient: Matrix, by values: Matrix, _ function: Activation) {
        for row in 0..<gradient.rows {
            let gradient = gradient.row(row), value = values.row(row)
            switch function {
            case .relu: for index in 0..<values.columns where !(value[index] > 0) { gradient[index] = 0 }
            case .tanh: for index in 0..<values.columns { gradient[index] *= 1 - value[index] * value[index] }
            case .sigmoid: for index in 0..<values.columns { gradient[index] *= value[index] * (1 - value[index]) }
            }
        }
    }

    public func fill(_ mask: Matrix, with draw: DropoutDraw) {
        precondition(mask.isDense)
        let kept = 1 / (1 - draw.rate), limit = draw.threshold, count = mask.rows * mask.columns, target = mask.start
        var index = 0
        while index < count {
            let bits = draw.bits(index)
            target[index] = UInt32(truncatingIfNeeded: bits) < limit ? 0 : kept
            if index + 1 < count { target[index + 1] = UInt32(bits >> 32) < limit ? 0 : kept }
            index += 2
        }
    }

    public func multiply(_ target: Matrix, by factors: Matrix) {
        precondition(factors.rows >= target.rows && factors.columns == target.columns)
        for row in 0..<target.rows { Vector.multiply(target.row(row), by: factors.row(row), count: target.columns) }
    }

    public func clip(_ values: Matrix, to bound: Float) {
        for row in 0..<values.rows {
            let row = values.row(row)
            for index in 0..<values.columns {
                // Written so that NaN stays.
                if row[index] > bound { row[index] = bound }
                if row[index] < -bound { row[index] = -bound }
            }
        }
    }

    public func maskClipped(_ gradient: Matrix, by values: Matrix, bound: Float) {
        for row in 0..<gradient.rows {
            let target = gradient.row(row), clipped = values.row(row)
            for index in 0..<gradient.columns where abs(clipped[index]) >= bound { target[index] = 0 }
        }
    }

    public func layerNorm(_ input: Matrix, gain: Matrix, bias: Matrix, epsilon: Double, into output: Matrix, statistics: Matrix) {
        let size = input.columns, gain = gain.start, bias = bias.start
        for row in 0..<input.rows {
            let x = input.row(row), y = output.row(row), statistics = statistics.row(row)
            let mean = Float(Vector.sum(x, count: size) / Double(size))
            for index in 0..<size { y[index] = x[index] - mean }
            let variance = Vector.dot(y, y, count: size) / Double(size)
            let inverse = Float(1 / (variance + epsilon).squareRoot())
            for index in 0..<size { y[index] = y[index] * inverse * gain[index] + bias[index] }
            statistics[0] = mean
            statistics[1] = inverse
        }
    }

    /// With z = (x - mean) * inverse deviation and u = gain * dy: dx = inverse * (u - mean(u) - z * mean(u z)).
    public func layerNormBackward(
        _ input: Matrix, gain: Matrix, statistics: Matrix, gradient: Matrix, gainGradient: Matrix, biasGradient: Matrix
    ) {
        let size = input.columns, gain = gain.start, gainGradient = gainGradient.start, biasGradient = biasGradient.start
        for row in 0..<input.rows {
            let x = input.row(row), dx = gradient.row(row)
            let mean = statistics.row(row)[0], inverse = statistics.row(row)[1]
            for index in 0..<size {
                let dy = dx[index]
                gainGradient[index] += dy * (x[index] - mean) * inverse
                biasGradient[index] += dy
                dx[index] = dy * gain[index]
            }
            let meanGradient = Float(Vector.sum(dx, count: size) / Double(size))
            // sum(u x) - mean * sum(u) is sum(u (x - mean)).
            let slope = Float(
                (Vector.dot(dx, x, count: size) / Double(size) - Double(mean) * Double(meanGradient)) * Double(inverse))
            for index in 0..<size {
                dx[index] = inverse * (dx[index] - meanGradient - (x[index] - mean) * inverse * slope)
            }
        }
    }
}
