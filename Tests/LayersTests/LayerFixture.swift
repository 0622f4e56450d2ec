@_spi(HostMemory) import Kernels
import Layers
import Parallel
import PlainBackend
import Testing

/// A backend that the layers are tested on.
struct TestedBackend: Sendable, CustomTestStringConvertible {
    let name: String
    let make: @Sendable (_ threads: Int) -> any Backend

    var testDescription: String { name }
}

/// The backends that the layers are tested on. Another one needs only a line here.
let backends = [
    TestedBackend(name: "processor") { ProcessorBackend(pool: ThreadPool(threads: $0)) },
    TestedBackend(name: "plain") { _ in PlainBackend() },
]

/// The processor's backend.
func processor(threads: Int = 1) -> any Backend { backends[0].make(threads) }

/// Every backend with each of the cases.
func onEach<Case>(_ cases: [Case]) -> [(TestedBackend, Case)] {
    backends.flatMap { backend in cases.map { (backend, $0) } }
}

/// Every pair of elements.
func pairs<One, Other>(_ ones: [One], _ others: [Other]) -> [(One, Other)] {
    ones.flatMap { one in others.map { (one, $0) } }
}

/// Layers with all that a pass takes: their plan, weights, memory and backend.
final class LayerFixture<Layer> {
    let layer: Layer
    let plan: Plan
    let parameters: ParameterStore
    let memory: PassMemory
    let backend: any Backend
    /// What passes are for.
    var mode = PassMode.inference
    private let loss: ScalarSlot

    /// - Parameters:
    ///   - capacity: the most in one pass.
    ///   - optimizer: `nil` for layers that are only used.
    ///   - declare: makes the layer.
    init(
        _ capacity: WindowCapacity, training optimizer: (any Optimizer)? = Adam(), on backend: any Backend = processor(),
        _ declare: (inout Plan) -> Layer
    ) {
        var plan = Plan(backend, capacity: capacity, isTraining: optimizer != nil)
        layer = declare(&plan)
        loss = plan.scalars(1)
        self.plan = plan
        self.backend = backend
        parameters = ParameterStore(plan.own, training: optimizer, backend: backend)
        memory = PassMemory(plan)
    }

    /// For layers without sequences: rows that come at once.
    convenience init(
        rows: Int, training optimizer: (any Optimizer)? = Adam(), on backend: any Backend = processor(),
        _ declare: (inout Plan) -> Layer
    ) {
        self.init(WindowCapacity(batch: rows, rows: rows), training: optimizer, on: backend, declare)
    }

    var run: Run { Run(parameters, memory: memory, backend: backend, mode: mode) }

    /// What `body` adds to a loss that is zero before.
    func loss(_ body: (Scalars, Run) -> Void) -> Double {
        let run = run, loss = run.scalars(loss)
        loss[0] = 0
        body(loss, run)
        return loss[0]
    }

    func parameter(_ name: String) throws -> Parameter { try #require(plan.own.parameters.first { $0.name == name }) }

    /// The gradient of any parameter, with a row for each of its own.
    func gradient(of parameter: Parameter) -> OwnedMatrix {
        let shape = parameters.value(parameter)
        let result = OwnedMatrix(shape.rows, shape.columns)
        if parameter.isSparse {
            let table = parameters.rows(parameter)
            for place in 0..<table.touchedCount {
                let row = Int(table.touchedRows[place])
                result.matrix.rows(row..<row + 1).copy(from: table.gradient.rows(place..<place + 1))
            }
        } else {
            result.matrix.copy(from: parameters.gradient(parameter))
        }
        return result
    }

    /// The gradients of all parameters, one after the other.
    var gradients: [Float] { plan.own.parameters.flatMap { gradient(of: $0).values } }

    /// Sets all gradients to zero.
    func clearGradients() {
        parameters.training?.gradients.fill(0)
        parameters.clearSparseGradients()
    }
}

extension LayerFixture where Layer: Layers.Layer {
    /// The outputs of a pass, row after row.
    func outputs(_ input: Layer.Input, _ shape: WindowShape) -> [Float] {
        backend.read(layer.forward(input, shape, run))
    }

    /// A pass forward, and one back from the gradient given, which stays as it is.
    func pass(
        _ input: Layer.Input, outputGradient: OwnedMatrix, inputGradient: OwnedMatrix?, _ shape: WindowShape
    ) {
        let gradient = OwnedMatrix(copying: outputGradient), run = run
        _ = layer.forward(input, shape, run)
        layer.backward(
            input, outputGradient: gradient.matrix, inputGradient: inputGradient?.matrix, adding: false, shape, run)
        withExtendedLifetime(gradient) {}
    }

    /// Checks the gradients of the sum of outputs times factors: of all parameters, and of the input's matrix, if it has one.
    func verifyGradients(
        _ input: Layer.Input, factors: OwnedMatrix, of matrix: OwnedMatrix? = nil, _ shape: WindowShape,
        tolerance: Double = 2e-3, step: Double = 1e-2
    ) {
        let inputGradient = matrix.map { OwnedMatrix($0.matrix.rows, $0.matrix.columns) }
        pass(input, outputGradient: factors, inputGradient: inputGradient, shape)
        var check = GradientCheck()
        check.add(self)
        if let matrix, let inputGradient { check.add("input", matrix, inputGradient) }
        check.verify(tolerance: tolerance, step: step) { factors.dot(layer.forward(input, shape, run)) }
    }
}

extension LayerFixture where Layer: Layers.Layer<Matrix> {
    /// The same of a layer whose input is a matrix.
    func verifyGradients(
        _ input: OwnedMatrix, factors: OwnedMatrix, _ shape: WindowShape? = nil, tolerance: Double = 2e-3, step: Double = 1e-2
    ) {
        verifyGradients(
            input.matrix, factors: factors, of: input, shape ?? WindowShape(steps: 1, batch: input.matrix.rows),
            tolerance: tolerance, step: step)
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

    /// Every parameter a wave of its own.
    func fillWaves() {
        for (index, parameter) in layout.parameters.enumerated() { value(parameter).fillWave(Double(index) + 2) }
    }
}
