import Differentiation
import Glibc
@_spi(HostMemory) import Kernels
import Layers
import Parallel
import Testing

/// A network on a tape, whose inputs are parameters too, so that all gradients can be compared with differences of the loss.
struct TapeCheck<Network> {
    let network: Network
    let parameters: ParameterStore
    let tape: Tape
    private let names: [Parameter]

    /// - Parameter declare: declares the parameters, which get values that are the same everywhere: sin(1 + index / 7 + number) / 2, those
    ///   of the first parameter with the number 0.
    init(threads: Int = 1, _ declare: (inout Plan) -> Network) {
        let backend = ProcessorBackend(pool: ThreadPool(threads: threads))
        var plan = Plan(backend, capacity: WindowCapacity(batch: 1, rows: 1), isTraining: true)
        network = declare(&plan)
        parameters = ParameterStore(plan.own, training: Adam(), backend: backend)
        tape = Tape(parameters, on: backend)
        names = plan.own.parameters
        for (number, parameter) in names.enumerated() {
            var index = 0
            parameters.fill(parameter) {
                defer { index += 1 }
                return sin(1 + Double(index) / 7 + Double(number)) / 2
            }
        }
    }

    func gradient(_ parameter: Parameter) -> Matrix { parameters.gradient(parameter) }

    /// The loss of a pass, whose gradients are added to those that there are.
    func loss(step: Int = 1, _ pass: (Network, Tape) -> Void) -> Double {
        tape.begin(.training(seed: 5, step: step))
        pass(network, tape)
        tape.backward()
        return tape.loss
    }

    /// Compares the gradient of every parameter with the slope of the loss, along the gradient and along its largest element.
    func verify(tolerance: Double = 2e-3, length: Double = 1e-2, _ pass: (Network, Tape) -> Void) {
        for parameter in names { parameters.gradient(parameter).fill(0) }
        _ = loss(pass)
        let gradients = names.map { Array(parameters.gradient($0).floats).map(Double.init) }
        for (parameter, gradient) in zip(names, gradients) {
            let norm = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
            #expect(norm > 0, "\(parameter.name) has no gradient")
            let largest = gradient.indices.max { abs(gradient[$0]) < abs(gradient[$1]) } ?? 0
            for direction in [gradient.map { $0 / norm }, gradient.indices.map { $0 == largest ? 1 : 0 }] {
                let expected = zip(direction, gradient).reduce(0) { $0 + $1.0 * $1.1 }
                let values = parameters.value(parameter).floats, before = Array(values)
                func slope(_ length: Double) -> Double {
                    let losses = [length, -length].map { length in
                        for index in values.indices { values[index] = Float(Double(before[index]) + length * direction[index]) }
                        return loss(pass)
                    }
                    for index in values.indices { values[index] = before[index] }
                    return (losses[0] - losses[1]) / (2 * length)
                }
                let measured = (4 * slope(length / 2) - slope(length)) / 3
                #expect(
                    abs(measured - expected) <= tolerance * norm + 2e-4,
                    "\(parameter.name): slope \(measured), gradient \(expected), norm \(norm)")
            }
        }
    }
}

extension Tape {
    /// Makes a loss of a node: the sum of its elements, each times cos of its index.
    func addWeightedSum(_ node: Node) {
        var sum = 0.0
        for row in 0..<node.rows {
            for column in 0..<node.columns {
                let weight = cos(Double(row * node.columns + column))
                sum += weight * Double(node.value.row(row)[column])
                if let gradient = node.gradient { gradient.row(row)[column] += Float(weight) }
            }
        }
        add(loss: sum)
    }
}
