internal import Parallel

/// A function of single numbers.
public enum Activation: Sendable {
    case relu, tanh, sigmoid
}

/// The function between the two products of a feed-forward layer.
public enum HiddenFunction: String, Sendable, Codable, CaseIterable {
    case relu
    /// x times the normal distribution up to x (Hendrycks and Gimpel 2016), in the approximation that GPT and BERT compute:
    /// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
    case gelu
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

    /// Calls `body` with the index and the factor of each of `count` elements, the first of them at `position`.
    @inline(__always)
    func forEachFactor(_ count: Int, at position: Int, _ body: (_ index: Int, _ factor: Float) -> Void) {
        let kept = 1 / (1 - rate)
        var index = 0
        if position % 2 == 1 && count > 0 {
            body(0, factor(at: position))
            index = 1
        }
        while index < count {
            let bits = bits(position + index)
            body(index, UInt32(truncatingIfNeeded: bits) < threshold ? 0 : kept)
            if index + 1 < count { body(index + 1, UInt32(bits >> 32) < threshold ? 0 : kept) }
            index += 2
        }
    }
}

/// Rows of matrices, each computed by itself, so many to a task that it is worth handing out.
private protocol RowJob: ParallelJob {
    var rows: Int { get }
    var columns: Int { get }

    func run(row: Int)
}

extension RowJob {
    private var rowsPerTask: Int { max(1, 8192 / max(1, columns)) }
    var tasks: Int { rows.groups(of: rowsPerTask) }

    func run(_ task: Int) { for row in rows.group(task, of: rowsPerTask) { run(row: row) } }
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
        pool.run(MaskRows(mask: mask, draw: draw))
    }

    public func drop(_ source: Matrix, _ draw: DropoutDraw?, into target: Matrix) {
        precondition(source.rows == target.rows && source.columns == target.columns)
        pool.run(DroppedRows(source: source, target: target, draw: draw))
    }

    public func addResidual(_ input: Matrix, bias: Matrix, _ draw: DropoutDraw?, to values: Matrix) {
        precondition(input.rows == values.rows && input.columns == values.columns && bias.columns == values.columns)
        pool.run(ResidualRows(input: input, values: values, bias: bias.start, draw: draw))
    }

    public func activate(_ input: Matrix, bias: Matrix, _ function: HiddenFunction, into output: Matrix) {
        precondition(input.rows == output.rows && input.columns == output.columns && bias.columns == input.columns)
        pool.run(ActivatedRows(input: input, output: output, bias: bias.start, function: function))
    }

    public func activateBackward(
        _ input: Matrix, bias: Matrix, _ function: HiddenFunction, gradient: Matrix, into output: Matrix
    ) {
        precondition(input.rows == output.rows && input.columns == output.columns && bias.columns == input.columns)
        precondition(gradient.rows == input.rows && gradient.columns == input.columns)
        pool.run(BentRows(input: input, output: output, gradient: gradient, bias: bias.start, function: function))
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
        pool.run(
            NormedRows(input: input, output: output, statistics: statistics, gain: gain.start, bias: bias.start, epsilon: epsilon))
    }

    public func layerNormBackward(
        _ input: Matrix, gain: Matrix, statistics: Matrix, gradient: Matrix, gainGradient: Matrix, biasGradient: Matrix
    ) {
        pool.run(
            NormParameters(
                input: input, statistics: statistics, gradient: gradient, gainGradient: gainGradient.start,
                biasGradient: biasGradient.start))
        pool.run(NormedRowsBackward(input: input, statistics: statistics, gradient: gradient, gain: gain.start))
    }
}

private struct MaskRows: RowJob {
    let mask: Matrix
    let draw: DropoutDraw

    var rows: Int { mask.rows }
    var columns: Int { mask.columns }

    func run(row: Int) {
        let target = mask.row(row)
        draw.forEachFactor(columns, at: row * columns) { target[$0] = $1 }
    }
}

private struct DroppedRows: RowJob {
    let source, target: Matrix
    let draw: DropoutDraw?

    var rows: Int { source.rows }
    var columns: Int { source.columns }

    func run(row: Int) {
        let source = source.row(row), target = target.row(row)
        if let draw {
            draw.forEachFactor(columns, at: row * columns) { target[$0] = source[$0] * $1 }
        } else if source != target {
            target.update(from: source, count: columns)
        }
    }
}

private struct ResidualRows: RowJob {
    let input, values: Matrix
    let bias: UnsafeMutablePointer<Float>
    let draw: DropoutDraw?

    var rows: Int { values.rows }
    var columns: Int { values.columns }

    func run(row: Int) {
        let input = input.row(row), values = values.row(row)
        if let draw {
            draw.forEachFactor(columns, at: row * columns) { values[$0] = input[$0] + (values[$0] + bias[$0]) * $1 }
        } else {
            for index in 0..<columns { values[index] = input[index] + (values[index] + bias[index]) }
        }
    }
}

/// The parts of GELU: 2 sqrt(2 / pi) and the factor of the cube.
private enum GELU {
    static let slope: Float = 1.595_769_1, cube: Float = 0.044_715
}

private struct ActivatedRows: RowJob {
    let input, output: Matrix
    let bias: UnsafeMutablePointer<Float>
    let function: HiddenFunction

    var rows: Int { input.rows }
    var columns: Int { input.columns }

    func run(row: Int) {
        let x = input.row(row), y = output.row(row)
        switch function {
        case .relu:
            forEachEight(columns) { index in
                let value = x[vector: index] + bias[vector: index]
                // Written so that NaN stays.
                y[vector: index] = value.replacing(with: 0, where: value .< 0)
            } rest: { index in
                let value = x[index] + bias[index]
                y[index] = value < 0 ? 0 : value
            }
        case .gelu:
            forEachEight(columns) { index in
                let value = x[vector: index] + bias[vector: index]
                y[vector: index] = value * sigmoid(value)
            } rest: { index in
                let value = SIMD8(repeating: x[index] + bias[index])
                y[index] = (value * sigmoid(value))[0]
            }
        }
    }

    /// 0.5 (1 + tanh(u)) is the sigmoid of 2u.
    @inline(__always)
    private func sigmoid(_ x: SIMD8<Float>) -> SIMD8<Float> { (GELU.slope * (x + GELU.cube * x * x * x)).sigmoid() }
}

private struct BentRows: RowJob {
    let input, output, gradient: Matrix
    let bias: UnsafeMutablePointer<Float>
    let function: HiddenFunction

    var rows: Int { input.rows }
    var columns: Int { input.columns }

    func run(row: Int) {
        let x = input.row(row), y = output.row(row), slope = gradient.row(row)
        switch function {
        case .relu:
            forEachEight(columns) { index in
                let value = x[vector: index] + bias[vector: index], own = slope[vector: index]
                y[vector: index] = value.replacing(with: 0, where: value .< 0)
                slope[vector: index] = own.replacing(with: 0, where: value .<= 0)
            } rest: { index in
                let value = x[index] + bias[index]
                y[index] = value < 0 ? 0 : value
                slope[index] = value > 0 ? slope[index] : 0
            }
        case .gelu:
            forEachEight(columns) { index in
                let (value, own) = bend(x[vector: index] + bias[vector: index])
                y[vector: index] = value
                slope[vector: index] *= own
            } rest: { index in
                let (value, own) = bend(SIMD8(repeating: x[index] + bias[index]))
                y[index] = value[0]
                slope[index] *= own[0]
            }
        }
    }

    /// The function and its derivative: s + x s (1 - s) du/dx, with s the sigmoid of u.
    @inline(__always)
    private func bend(_ x: SIMD8<Float>) -> (SIMD8<Float>, SIMD8<Float>) {
        let square = x * x, s = (GELU.slope * (x + GELU.cube * square * x)).sigmoid()
        return (x * s, s + x * s * (1 - s) * (GELU.slope * (1 + 3 * GELU.cube * square)))
    }
}

/// Calls `body` for every eight of `count` places, by the first of them, and `rest` for each of those left over.
@inline(__always)
private func forEachEight(_ count: Int, _ body: (Int) -> Void, rest: (Int) -> Void) {
    var index = 0
    while index + 8 <= count {
        body(index)
        index += 8
    }
    while index < count {
        rest(index)
        index += 1
    }
}

private struct NormedRows: RowJob {
    let input, output, statistics: Matrix
    let gain, bias: UnsafeMutablePointer<Float>
    let epsilon: Double

    var rows: Int { input.rows }
    var columns: Int { input.columns }

    func run(row: Int) {
        let x = input.row(row), y = output.row(row), statistics = statistics.row(row), size = columns
        let mean = Float(Vector.sum(x, count: size) / Double(size))
        for index in 0..<size { y[index] = x[index] - mean }
        let variance = Vector.dot(y, y, count: size) / Double(size)
        let inverse = Float(1 / (variance + epsilon).squareRoot())
        for index in 0..<size { y[index] = y[index] * inverse * gain[index] + bias[index] }
        statistics[0] = mean
        statistics[1] = inverse
    }
}

/// The gradients of a layer norm's gain and bias: some columns of all rows.
private struct NormParameters: ParallelJob {
    let input, statistics, gradient: Matrix
    let gainGradient, biasGradient: UnsafeMutablePointer<Float>

    /// Columns of a task: whole cache lines, and at least 16,384 elements.
    private var width: Int { (1 << 14).groups(of: 64 * max(1, input.rows)) * 64 }
    var tasks: Int { input.columns.groups(of: width) }

    func run(_ task: Int) {
        let columns = input.columns.group(task, of: width)
        for row in 0..<input.rows {
            let x = input.row(row), dy = gradient.row(row), mean = statistics.row(row)[0], inverse = statistics.row(row)[1]
            for index in columns {
                gainGradient[index] += dy[index] * (x[index] - mean) * inverse
                biasGradient[index] += dy[index]
            }
        }
    }
}

/// With z = (x - mean) * inverse deviation and u = gain * dy: dx = inverse * (u - mean(u) - z * mean(u z)).
private struct NormedRowsBackward: RowJob {
    let input, statistics, gradient: Matrix
    let gain: UnsafeMutablePointer<Float>

    var rows: Int { input.rows }
    var columns: Int { input.columns }

    func run(row: Int) {
        let x = input.row(row), dx = gradient.row(row), size = columns
        let mean = statistics.row(row)[0], inverse = statistics.row(row)[1]
        for index in 0..<size { dx[index] *= gain[index] }
        let meanGradient = Float(Vector.sum(dx, count: size) / Double(size))
        // sum(u x) - mean * sum(u) is sum(u (x - mean)).
        let slope = Float(
            (Vector.dot(dx, x, count: size) / Double(size) - Double(mean) * Double(meanGradient)) * Double(inverse))
        for index in 0..<size {
            dx[index] = inverse * (dx[index] - meanGradient - (x[index] - mean) * inverse * slope)
        }
    }
}
