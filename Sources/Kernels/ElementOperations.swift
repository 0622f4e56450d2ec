internal import Parallel

/// An activation function, applied to single elements.
///
/// ```swift
/// backend.activate(values, .tanh)
/// ```
public enum Activation: Sendable {
    /// max(x, 0), the hyperbolic tangent, and 1 / (1 + e^-x).
    case relu, tanh, sigmoid
}

/// The activation between the two products of a feed-forward layer.
///
/// ```swift
/// backend.activate(input, bias: bias, HiddenFunction.gelu, into: output)
/// ```
public enum HiddenFunction: String, Sendable, Codable, CaseIterable {
    /// max(x, 0).
    case relu
    /// x times the cumulative normal distribution at x (Hendrycks and Gimpel 2016), in the approximation used by GPT and BERT: 0.5
    /// x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
    case gelu
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

    public func activate(_ input: Matrix, bias: Matrix, _ function: HiddenFunction, into output: Matrix) {
        precondition(input.rows == output.rows && input.columns == output.columns && bias.columns == input.columns)
        pool.run(ActivatedRows(input: input, output: output, bias: bias.start, function: function))
    }

    public func activateBackward(
        _ input: Matrix, bias: Matrix, _ function: HiddenFunction, gradient: Matrix, biasGradient: Matrix, into output: Matrix
    ) {
        precondition(input.rows == output.rows && input.columns == output.columns && bias.columns == input.columns)
        precondition(gradient.rows == input.rows && gradient.columns == input.columns && biasGradient.columns == input.columns)
        run(
            BentRows(input: input, output: output, gradient: gradient, bias: bias.start, function: function),
            addingTo: biasGradient.start)
    }

    public func multiply(_ target: Matrix, by factors: Matrix) {
        precondition(factors.rows >= target.rows && factors.columns == target.columns)
        pool.run(MultipliedRows(target: target, factors: factors))
    }

    public func clip(_ values: Matrix, to bound: Float) {
        for row in 0..<values.rows {
            let row = values.row(row)
            for index in 0..<values.columns {
                // Comparisons are written so that NaN stays NaN.
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
}

private struct MultipliedRows: RowJob {
    let target, factors: Matrix

    var rows: Int { target.rows }
    var columns: Int { target.columns }

    func run(row: Int) { Vector.multiply(target.row(row), by: factors.row(row), count: columns) }
}

/// The constants of GELU: 2 sqrt(2 / pi) and the factor of the cube.
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
                // Written so that NaN stays NaN.
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

/// The backward pass of `ActivatedRows`; its sums are the gradient of the bias.
private struct BentRows: SummedRowJob {
    let input, output, gradient: Matrix
    let bias: UnsafeMutablePointer<Float>
    let function: HiddenFunction

    var rows: Int { input.rows }
    var columns: Int { input.columns }

    func run(row: Int, sums: UnsafeMutablePointer<Float>) {
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
        Vector.add(slope, to: sums, count: columns)
    }

    /// Returns the function and its derivative s + x s (1 - s) du/dx, with s the sigmoid of u.
    @inline(__always)
    private func bend(_ x: SIMD8<Float>) -> (SIMD8<Float>, SIMD8<Float>) {
        let square = x * x, s = (GELU.slope * (x + GELU.cube * square * x)).sigmoid()
        return (x * s, s + x * s * (1 - s) * (GELU.slope * (1 + 3 * GELU.cube * square)))
    }
}

/// Calls `body` with the first index of every eight of `count` elements, and `rest` with the index of each remaining one.
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
