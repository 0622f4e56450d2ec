import Glibc
import Kernels
import Layers
import Testing

/// Compares gradients with differences of the loss.
///
/// For each tensor the loss is differentiated along its gradient, where the slope must be the gradient's norm, along a
/// random direction, and along the element of greatest gradient. Losses are sums in double precision of
/// single-precision outputs; two central differences (Richardson) remove the error of second order, so that steps can
/// be long enough to rise above the rounding, which is some 1e-6 of the loss.
struct GradientCheck {
    struct Tensor {
        let name: String
        let values: UnsafeMutablePointer<Float>
        let gradient: UnsafeMutablePointer<Float>
        let count: Int
    }

    var tensors: [Tensor] = []

    mutating func add(_ name: String, _ values: Matrix, _ gradient: Matrix) {
        tensors.append(
            Tensor(name: name, values: values.start, gradient: gradient.start, count: values.rows * values.columns))
    }

    mutating func add(_ parameters: ParameterStore) {
        for parameter in parameters.layout.parameters {
            add(parameter.name, parameters.value(parameter), parameters.gradient(parameter))
        }
    }

    /// - Parameter tolerance: of a slope, relative to the gradient's norm; clipping bends the loss, and needs more.
    func verify(tolerance: Double = 2e-3, step: Double = 1e-2, loss: () -> Double) {
        var random = Random(seed: 99, stream: "directions")
        for tensor in tensors {
            let gradient = (0..<tensor.count).map { Double(tensor.gradient[$0]) }
            let norm = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
            let largest = gradient.indices.max { abs(gradient[$0]) < abs(gradient[$1]) } ?? 0
            var directions = [gradient, gradient.map { _ in random.normal() }]
            directions.append(gradient.indices.map { $0 == largest ? 1 : 0 })
            for direction in directions {
                let length = direction.reduce(0) { $0 + $1 * $1 }.squareRoot()
                guard length > 0 else { continue }
                let unit = direction.map { $0 / length }
                let expected = zip(unit, gradient).reduce(0) { $0 + $1.0 * $1.1 }
                let wide = slope(tensor, unit, step, loss)
                let narrow = slope(tensor, unit, step / 2, loss)
                let measured = (4 * narrow - wide) / 3
                #expect(
                    abs(measured - expected) <= tolerance * norm + 2e-4,
                    "\(tensor.name): slope \(measured), gradient \(expected), norm \(norm)")
            }
        }
    }

    private func slope(_ tensor: Tensor, _ direction: [Double], _ step: Double, _ loss: () -> Double) -> Double {
        let before = (0..<tensor.count).map { tensor.values[$0] }
        for index in 0..<tensor.count { tensor.values[index] = Float(Double(before[index]) + step * direction[index]) }
        let above = loss()
        for index in 0..<tensor.count { tensor.values[index] = Float(Double(before[index]) - step * direction[index]) }
        let below = loss()
        for index in 0..<tensor.count { tensor.values[index] = before[index] }
        return (above - below) / (2 * step)
    }
}

/// A matrix of its own memory.
struct OwnedMatrix {
    let buffer: FloatBuffer
    let matrix: Matrix

    init(_ rows: Int, _ columns: Int) {
        buffer = FloatBuffer(count: rows * columns)
        matrix = Matrix(buffer, rows: rows, columns: columns)
    }

    /// Normal numbers of deviation `scale`.
    init(_ rows: Int, _ columns: Int, random: inout Random, scale: Double = 1) {
        self.init(rows, columns)
        for index in 0..<buffer.count { buffer.start[index] = Float(scale * random.normal()) }
    }

    var values: [Float] { Array(buffer.elements) }

    func dot(_ other: Matrix) -> Double {
        (0..<other.rows).reduce(0) { sum, row in
            (0..<other.columns).reduce(sum) { $0 + Double(matrix.row(row)[$1]) * Double(other.row(row)[$1]) }
        }
    }
}

extension ParameterStore {
    /// Every parameter normal with deviation `scale`.
    func randomize(_ random: inout Random, scale: Double = 0.5) {
        for parameter in layout.parameters {
            let matrix = value(parameter)
            for index in 0..<parameter.count { matrix.start[index] = Float(scale * random.normal()) }
        }
    }
}

extension Matrix {
    /// Element i, counted row by row, is sin(0.7 i + salt) / 2: numbers that other programs can make too.
    func fillWave(_ salt: Double) {
        for row in 0..<rows {
            for column in 0..<columns { self.row(row)[column] = Float(sin(0.7 * Double(row * columns + column) + salt) * 0.5) }
        }
    }
}

func exponential(_ value: Double) -> Double { exp(value) }
