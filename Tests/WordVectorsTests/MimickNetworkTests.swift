@_spi(HostMemory) import Kernels
import Layers
import Testing
import WordVectors

@Suite struct MimickNetworkTests {
    /// Value, loss and gradients of the same network in PyTorch (two `nn.LSTM`, Float64), whose weights come from the
    /// same formula; PyTorch's matrices are the transposes of these.
    @Test func agreesWithPyTorch() throws {
        let network = try network("lstm 4 3 2", dimension: 3)
        let parameters = ParameterStore(network.layout, training: Adam(), backend: ProcessorBackend())
        for (parameter, offset) in zip(network.layout.parameters, [1, 2, 3, 4, 3, 4, 5, 5, 6, 7, 8]) {
            forEach(parameter, parameters.value(parameter)) { value, index in
                value.pointee = Float((index * 7 + offset) % 11 - 5) / 10
            }
        }
        let workspace = MimickWorkspace(network, parameters, ProcessorBackend())
        workspace.take([1, 2, 0, 3, 2, 1], words: 2)
        workspace.targets.copy(from: [0.5, -0.25, 1, -1, 0.75, 0.25])
        workspace.weights.copy(from: [1, 2])
        expectClose(workspace.predict(), [0.504484, 0.10519, -0.294104, 0.527791, 0.118019, -0.291754], "output")
        let loss = workspace.train(Distance.squared, scale: 1 / 3) / 3
        #expect(abs(loss - 2.618324) < 1e-5)
        let expected: [[Float]] = [
            [0.001661, -0.000601, -0.005708, -0.008566, 0.005022, 0.010727, 0.027154, 0.000691, -0.016885, 0.013979,
             -0.000702, -0.000607],
            [-0.002954, -0.00195, 0.003687, 9.4e-05, 2.1e-05, 0.001177, -0.001244, -0.000872, 0.00159, 0.002553,
             -0.001203, 0.001769, 0.002895, -0.007086, 0.007968, 0.019181, -0.006069, 0.01189, -0.006586, -0.001951,
             0.005165, 0.004539, -0.000835, 5.6e-05],
            [-0.00131, -0.000206, -0.000229, -0.000426, -0.000703, -0.000152, -0.001233, -0.000825, -0.003049,
             -0.000687, -0.008768, -0.007157, -0.002176, -0.000397, -0.000604, -0.000614],
            [-0.014091, -0.002891, -0.006154, -0.00743, -0.037634, -0.044895, -0.017792, -0.002228],
            [-0.005279, 0.000409, 0.002521, 0.001643, 0.000692, -0.001258, -0.007666, -8.5e-05, 0.00384, -0.001473,
             0.001084, -0.000844, 0.04019, 0.002996, -0.026727, -0.016019, 0.012541, -0.010511, -0.013009, 0.001214,
             0.001452, -0.000802, 0.000685, -0.000613],
            [0.000302, 2.6e-05, -0.000271, 0.000282, 0.001314, -0.000688, -0.000507, 0.000449, -0.009592, 0.004909,
             -0.006066, 0.004954, -0.000134, -0.000466, -0.00049, 0.000358],
            [-0.00528, 0.004876, -0.009812, 0.004821, 0.074309, 0.057631, -0.000593, 0.003245],
            [0.057735, 0.019922, -0.044365, 0.048757, 0.065632, 0.026816, -0.072372, 0.030627, 0.041233, 0.011113,
             -0.015292, 0.05335],
            [0.347189, 0.374435, 0.263075],
            [0.05487, -0.545103, 0.689279, -0.02405, 0.155332, -0.215299, -0.014561, 0.447252, -0.497191],
            [2.040044, -0.605849, -1.585074],
        ]
        for (parameter, expected) in zip(network.layout.parameters, expected) {
            #expect(parameter.count == expected.count)
            forEach(parameter, parameters.gradient(parameter)) { value, index in
                #expect(abs(value.pointee - expected[index]) < 2e-6, "\(parameter.name) \(index)")
            }
        }
    }

    /// Calls `body` with each element and its place in PyTorch's layout: transposed, but for the embedding.
    private func forEach(_ parameter: Parameter, _ matrix: Matrix, _ body: (UnsafeMutablePointer<Float>, Int) -> Void) {
        let isTransposed = parameter.shape.count == 2 && parameter.name != "embedding"
        for row in 0..<matrix.rows {
            for column in 0..<matrix.columns {
                body(matrix.row(row) + column, isTransposed ? column * matrix.rows + row : row * matrix.columns + column)
            }
        }
    }

    @Test(arguments: [1, 2, 7, 32], [MimickLoss.squared, .cosine])
    func gradientsAreThoseOfFiniteDifferences(words: Int, kind: MimickLoss) throws {
        let network = try network("lstm 5 3 5", dimension: 7)
        let parameters = ParameterStore(network.layout, training: Adam(), backend: ProcessorBackend())
        network.initialize(parameters, seed: 3)
        var random = TestRandom(UInt64(words))
        let characters = (0..<words * 3).map { _ in Int32(random.below(5)) }
        let targets = (0..<words * 7).map { _ in 2 * random.unit() - 1 }
        let weights = (0..<words).map { _ in 0.5 + random.unit() }
        let distance: Distance = switch kind {
        case .squared: .squared
        case .cosine: .cosine
        }
        let workspace = MimickWorkspace(network, parameters, ProcessorBackend())
        let scratch = MimickWorkspace(network, ParameterStore(sharing: parameters), ProcessorBackend())
        func loss(_ workspace: MimickWorkspace) -> Double {
            workspace.take(characters, words: words)
            workspace.targets.copy(from: targets)
            workspace.weights.copy(from: weights)
            return workspace.train(distance, scale: 1)
        }
        _ = loss(workspace)
        for parameter in network.layout.parameters {
            let values = parameters.value(parameter).start
            for _ in 0..<6 {
                let index = random.below(parameter.count)
                let value = values[index]
                // Two central differences remove the error of second order (Richardson).
                func difference(_ step: Float) -> Double {
                    values[index] = value + step
                    let above = loss(scratch)
                    values[index] = value - step
                    let below = loss(scratch)
                    values[index] = value
                    return (above - below) / Double(2 * step)
                }
                let slope = (4 * difference(0x1p-7) - difference(0x1p-6)) / 3
                let gradient = Double(parameters.gradient(parameter).start[index])
                #expect(abs(slope - gradient) < 2e-3 * (Double(words) + abs(gradient)), "\(parameter.name) \(index)")
            }
        }
    }

    @Test func gradientsOfSeveralStoresAreAdded() throws {
        let network = try network("lstm 3 2 2", dimension: 2)
        let parameters = ParameterStore(network.layout, training: Adam(), backend: ProcessorBackend())
        let others = (1...3).map { number in
            let store = ParameterStore(sharing: parameters)
            store.training?.gradients.fill(Float(number))
            return store
        }
        parameters.addGradients(of: others[..<2])
        withExtendedLifetime((parameters, others)) {
            #expect(parameters.training?.gradients.elements.allSatisfy { $0 == 3 } == true)
            #expect(others[1].training?.gradients.elements.allSatisfy { $0 == 0 } == true)
            #expect(others[2].training?.gradients.elements.allSatisfy { $0 == 3 } == true)
        }
    }

    private func network(_ shape: String, dimension: Int) throws -> MimickNetwork {
        MimickNetwork(try #require(MimickShape(shape, dimension: dimension)), ProcessorBackend(), isTraining: true)
    }

    private func expectClose(_ matrix: Matrix, _ expected: [Float], _ name: String) {
        #expect(matrix.floats.count == expected.count)
        for (value, expected) in zip(matrix.floats, expected) { #expect(abs(value - expected) < 2e-6, "\(name)") }
    }
}

extension MimickWorkspace {
    /// Begins a group with the numbers of its characters, [length, words].
    fileprivate func take(_ numbers: [Int32], words: Int) {
        let characters = begin(words: words, length: numbers.count / words)
        for (index, number) in numbers.enumerated() { characters[index] = number }
    }
}
