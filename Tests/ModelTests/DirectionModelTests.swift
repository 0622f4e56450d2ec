import Glibc
@_spi(HostMemory) import Kernels
import Layers
import Parallel
import Testing

import Model

/// Losses and gradient norms of an independent implementation.
///
/// The same network was written in PyTorch from `torch.nn.functional.layer_norm`, `sigmoid`, `tanh`, `clamp`,
/// `cosine_similarity`, `clip_grad_norm_`, `torch.optim.Adam` and `Adagrad`, in double precision and with autograd. Element i of
/// the k-th parameter began as 0.9 sin(2.3 i + k), plus 1 for gains; window s had the input sin(0.37 i + s) and the
/// targets cos(0.53 i + s). Dropout masks were computed there from the same counters.
///
/// Adam divides by the root of small squares, and a norm by small deviations, so rounding grows from step to step:
/// PyTorch in single precision is off from these numbers by up to 2e-5 in loss and 0.3% in norm, which sets the bounds
/// below.
struct Reference: Sendable, CustomTestStringConvertible {
    let name: String
    let vectorSize, cell, projection, steps, batch: Int
    var layerNorm = true
    var cellClip: Float?
    var projectionClip: Float?
    var dropout: Float = 0
    var dropoutKind = DropoutKind.recurrent
    var residual = true
    var carry = true
    var optimizer: any Optimizer = Adam()
    var rate: Float = 0.01
    let clip: Double
    var lossScale = 1.0
    let losses: [Double]
    let norms: [Double]

    var testDescription: String { name }

    static let all = [
        Reference(
            name: "everything on", vectorSize: 7, cell: 9, projection: 16, steps: 4, batch: 3, cellClip: 0.6,
            projectionClip: 0.5, dropout: 0.25, rate: 0.003, clip: 0.2,
            losses: [1.025926036, 0.984208126, 0.995390373, 0.982138770, 1.033552568, 1.020816005],
            norms: [1.500612410, 0.777922553, 1.248371656, 0.585244832, 4.104210006, 0.860488947]),
        Reference(
            name: "clips alone, state not carried", vectorSize: 7, cell: 9, projection: 5, steps: 4, batch: 3,
            layerNorm: false, cellClip: 0.6, projectionClip: 0.5, residual: false, carry: false, clip: 0.05,
            losses: [0.999260942, 1.001535130, 1.001606516, 1.001386016, 1.000596187, 1.000406522],
            norms: [0.013782674, 0.017630961, 0.015351731, 0.016239065, 0.023667234, 0.017967214]),
        Reference(
            name: "one sequence, 33 cells", vectorSize: 6, cell: 33, projection: 2, steps: 7, batch: 1,
            layerNorm: false, dropout: 0.1, clip: 100,
            losses: [1.010923071, 1.007809702, 1.151639252, 1.087664610, 0.996329251, 0.988179261],
            norms: [0.527668877, 0.190787525, 0.555372579, 2.675237912, 0.045895932, 1.517560327]),
        Reference(
            name: "wide vectors", vectorSize: 33, cell: 7, projection: 17, steps: 3, batch: 2, cellClip: 1,
            projectionClip: 0.7, dropout: 0.1, rate: 0.003, clip: 0.2,
            losses: [1.002145059, 1.012103050, 1.001148012, 1.000741592, 0.998947226],
            norms: [0.275694435, 0.408158187, 0.729027209, 0.833188997, 0.633606832]),
        Reference(
            name: "non-recurrent dropout", vectorSize: 7, cell: 9, projection: 16, steps: 4, batch: 3, cellClip: 0.6,
            projectionClip: 0.5, dropout: 0.25, dropoutKind: .nonRecurrent, rate: 0.001, clip: 0.2,
            losses: [1.001245837, 0.974609892, 0.993918797, 1.018912943, 1.008146253, 0.994238223],
            norms: [0.809570962, 1.116658533, 2.210484760, 1.720147956, 3.616528563, 1.370226401]),
        Reference(
            name: "ELMo's way of training", vectorSize: 7, cell: 9, projection: 6, steps: 4, batch: 3, layerNorm: false,
            cellClip: 0.6, projectionClip: 0.5, dropout: 0.25, dropoutKind: .nonRecurrent, optimizer: Adagrad(), rate: 0.2,
            clip: 10, lossScale: 4,
            losses: [1.001814235, 1.007207310, 1.005568382, 0.998863030, 1.001577336, 0.998683245],
            norms: [0.301831909, 0.405026555, 0.345803720, 0.318819123, 0.223202839, 0.253950041]),
    ]

    var shape: WindowShape { WindowShape(steps: steps, batch: batch) }

    func makeModel() -> DirectionModel {
        var configuration = EncoderConfiguration(vectorSize: vectorSize, cell: cell, projection: projection)
        configuration.lstm.layerNorm = layerNorm
        configuration.lstm.cellClip = cellClip
        configuration.lstm.projectionClip = projectionClip
        configuration.lstm.dropout = dropout
        configuration.lstm.dropoutKind = dropoutKind
        configuration.lstm.residual = residual
        let model = DirectionModel(
            .forward, configuration, capacity: WindowCapacity(shape), training: optimizer, backend: ProcessorBackend())
        for (number, parameter) in model.parameters.layout.parameters.enumerated() {
            let base = parameter.name.hasSuffix("gain") ? 1.0 : 0
            let values = model.parameters.value(parameter).start
            for index in 0..<parameter.count {
                values[index] = Float(base + 0.9 * sin(2.3 * Double(index) + Double(number)))
            }
        }
        return model
    }

    func window(_ number: Int) -> (input: FloatBuffer, targets: FloatBuffer) {
        let input = FloatBuffer(count: shape.rows * vectorSize)
        let targets = FloatBuffer(count: shape.rows * vectorSize)
        for index in 0..<input.count {
            input.start[index] = Float(sin(0.37 * Double(index) + Double(number)))
            targets.start[index] = Float(cos(0.53 * Double(index) + Double(number)))
        }
        return (input, targets)
    }
}

@Suite struct DirectionModelTests {
    @Test(arguments: Reference.all) func trainsAsPyTorchDoes(reference: Reference) {
        let model = reference.makeModel()
        for step in 1...reference.losses.count {
            let window = reference.window(step)
            model.accumulate(
                .vectors(Matrix(window.input, rows: reference.shape.rows, columns: reference.vectorSize)),
                targets: .vectors(Matrix(window.targets, rows: reference.shape.rows, columns: reference.vectorSize)),
                shape: reference.shape, carry: reference.carry, seed: 11, step: step)
            let loss = model.takeLoss()
            var update = ParameterStore.Update(step: step, rate: reference.rate, clip: reference.clip)
            update.lossScale = reference.lossScale
            let norm = model.update(update)
            #expect(abs(loss - reference.losses[step - 1]) < (step == 1 ? 2e-6 : 5e-5), "step \(step)")
            #expect(abs(norm / reference.norms[step - 1] - 1) < (step == 1 ? 2e-4 : 1e-2), "step \(step)")
        }
    }

    /// Slopes of the loss of a whole direction along the gradient of each of its tensors.
    @Test func gradientsOfTheWholeDirection() throws {
        var reference = Reference.all[3]
        (reference.cellClip, reference.projectionClip) = (nil, nil)
        let model = reference.makeModel()
        let window = reference.window(1)
        let shape = reference.shape
        let rows = shape.rows
        let input = Matrix(window.input, rows: rows, columns: reference.vectorSize)
        let targets = Matrix(window.targets, rows: rows, columns: reference.vectorSize)
        let weightBuffer = FloatBuffer(count: 6), weights = Matrix(weightBuffer, rows: 1, columns: 6)
        weights.copy(from: [1, 0, 0.5, 1, 2, 1])
        func loss() -> Double {
            model.accumulate(
                .vectors(input), targets: .vectors(targets), weights: weights, shape: shape, carry: false, seed: 1, step: 1)
            return withExtendedLifetime(weightBuffer) { model.takeLoss() }
        }
        _ = loss()
        let training = try #require(model.parameters.training)
        let gradients = FloatBuffer(count: training.gradients.count)
        gradients.copy(from: training.gradients)
        for parameter in model.parameters.layout.parameters {
            let gradient = model.parameters.view(parameter, of: gradients).start
            let values = model.parameters.value(parameter).start
            let norm = Vector.norm(gradient, count: parameter.count)
            #expect(norm > 1e-4, "\(parameter.name)")
            var losses: [Double] = []
            let before = (0..<parameter.count).map { values[$0] }
            for step in [4e-3, 2e-3, -2e-3, -4e-3] {
                let factor = Float(step / norm)
                for index in 0..<parameter.count { values[index] = before[index] + factor * gradient[index] }
                losses.append(loss())
            }
            for index in 0..<parameter.count { values[index] = before[index] }
            let slope = (8 * (losses[1] - losses[2]) - (losses[0] - losses[3])) / (12 * 2e-3)
            #expect(abs(slope - norm) < 3e-2 * norm + 5e-4, "\(parameter.name): slope \(slope), gradient \(norm)")
        }
    }

    @Test func evaluationLearnsNothingAndDropsNothing() {
        let reference = Reference.all[0]
        let model = reference.makeModel()
        let window = reference.window(1)
        let input = Matrix(window.input, rows: 12, columns: 7)
        let targets = Matrix(window.targets, rows: 12, columns: 7)
        let first = model.evaluate(.vectors(input), targets: .vectors(targets), shape: reference.shape, carry: false)
        let second = model.evaluate(.vectors(input), targets: .vectors(targets), shape: reference.shape, carry: true)
        #expect(first == second)
        let carried = model.evaluate(.vectors(input), targets: .vectors(targets), shape: reference.shape, carry: true)
        #expect(carried != first)
        let state = model.savedState(batch: 3)
        let next = model.evaluate(.vectors(input), targets: .vectors(targets), shape: reference.shape, carry: false)
        model.restoreState(state, batch: 3)
        #expect(model.evaluate(.vectors(input), targets: .vectors(targets), shape: reference.shape, carry: false) == next)
        #expect(model.parameters.training?.gradients.elements.allSatisfy { $0 == 0 } == true)
    }

    @Test func trainingLowersTheLoss() {
        var configuration = EncoderConfiguration(vectorSize: 20, cell: 32, projection: 16)
        configuration.lstm.dropout = 0
        let shape = WindowShape(steps: 5, batch: 8)
        let model = DirectionModel(
            .backward, configuration, capacity: WindowCapacity(shape), training: Adam(), backend: ProcessorBackend())
        model.initialize(seed: 3)
        var random = Random(seed: 4)
        let (input, targets) = (FloatBuffer(count: 800), FloatBuffer(count: 800))
        for index in 0..<800 {
            input.start[index] = Float(random.normal())
            targets.start[index] = Float(random.normal())
        }
        var losses: [Double] = []
        for step in 1...150 {
            model.accumulate(
                .vectors(Matrix(input, rows: 40, columns: 20)), targets: .vectors(Matrix(targets, rows: 40, columns: 20)),
                shape: shape, carry: false, seed: 1, step: step)
            losses.append(model.takeLoss())
            _ = model.update(.init(step: step, rate: 0.005, clip: 1))
        }
        #expect(losses[0] > 0.9)
        #expect(losses[149] < 0.2)
    }
}
