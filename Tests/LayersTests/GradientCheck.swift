import Glibc
@_spi(HostMemory) import Kernels
import Layers
import Testing

/// Compares gradients with differences of the loss.
///
/// For each tensor the loss is differentiated along its gradient, where the slope must be the gradient's norm, along a
/// random direction, and along the element of greatest gradient. Losses are sums in double precision of
/// single-precision outputs; two central differences (Richardson) remove the error of second order, so that steps can
/// be long enough to rise above the rounding, which is some 1e-6 of the loss.
struct GradientCheck {
    private struct Tensor {
        let name: String
        let values: Matrix
        let gradient: [Double]
        /// Owners of the values, which stay as long as the check.
        let owner: Any

        var count: Int { gradient.count }
    }

    private var tensors: [Tensor] = []

    /// Takes the values of a tensor and their gradient as it is now.
    mutating func add(_ name: String, _ values: OwnedMatrix, _ gradient: OwnedMatrix) {
        tensors.append(
            Tensor(name: name, values: values.matrix, gradient: gradient.values.map(Double.init), owner: values))
    }

    /// Takes all parameters with their gradients as they are now.
    mutating func add<Layer>(_ fixture: LayerFixture<Layer>) {
        for parameter in fixture.plan.own.parameters {
            tensors.append(
                Tensor(
                    name: parameter.name, values: fixture.parameters.value(parameter),
                    gradient: fixture.gradient(of: parameter).values.map(Double.init), owner: fixture.parameters))
        }
    }

    /// - Parameter tolerance: of a slope, relative to the gradient's norm; clipping bends the loss, and needs more.
    func verify(tolerance: Double = 2e-3, step: Double = 1e-2, loss: () -> Double) {
        var random = Random(seed: 99, stream: "directions")
        for tensor in tensors {
            let gradient = tensor.gradient
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
        let values = tensor.values.floats, before = Array(values)
        func move(_ step: Double) {
            for index in values.indices { values[index] = Float(Double(before[index]) + step * direction[index]) }
        }
        move(step)
        let above = loss()
        move(-step)
        let below = loss()
        move(0)
        return (above - below) / (2 * step)
    }
}

func exponential(_ value: Double) -> Double { exp(value) }
func sine(_ angle: Double) -> Double { sin(angle) }
