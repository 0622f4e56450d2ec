import Kernels
import Testing
import WordVectors

@Suite struct MimickNetworkTests {
    private let shape = MimickShape(characters: 4, embedding: 3, hidden: 2, dimension: 3)

    /// Value, loss and gradients of the same network in PyTorch (two `nn.LSTM`, Float64), whose weights come from the
    /// same formula.
    @Test func agreesWithPyTorch() {
        let parameters = MimickParameters(shape), gradients = MimickParameters(shape)
        for ((_, _, values), offset) in zip(parameters.named, [1, 2, 3, 4, 3, 4, 5, 5, 6, 7, 8]) {
            for index in 0..<values.rows * values.columns {
                values.start[index] = Float((index * 7 + offset) % 11 - 5) / 10
            }
        }
        let targets: [Float] = [0.5, -0.25, 1, -1, 0.75, 0.25]
        let workspace = MimickWorkspace(shape)
        let characters: [Int32] = [1, 2, 0, 3, 2, 1]
        let output = workspace.predict(parameters, characters: characters, group: 2)
        expectClose(
            UnsafeBufferPointer(start: output.start, count: 6),
            [0.504484, 0.10519, -0.294104, 0.527791, 0.118019, -0.291754], "output")
        let loss = targets.withUnsafeBufferPointer { targets in
            workspace.train(
                parameters, gradients, characters: characters, group: 2,
                targets: [targets.baseAddress!, targets.baseAddress! + 3], weights: [1, 2], scale: 1)
        }
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
        for ((name, _, values), expected) in zip(gradients.named, expected) {
            expectClose(
                UnsafeBufferPointer(start: values.start, count: values.rows * values.columns), expected, name)
        }
    }

    @Test(arguments: [1, 2, 7, 32], [1, 2, 7])
    func gradientsAreThoseOfFiniteDifferences(group: Int, time: Int) {
        let shape = MimickShape(characters: 5, embedding: 3, hidden: 5, dimension: 7)
        let parameters = MimickParameters(shape), gradients = MimickParameters(shape)
        parameters.initialise(seed: 3)
        var random = TestRandom(UInt64(group * 10 + time))
        let characters = (0..<group * time).map { _ in Int32(random.below(5)) }
        let targets = (0..<group * 7).map { _ in 2 * random.unit() - 1 }
        let weights = (0..<group).map { _ in 0.5 + random.unit() }
        let workspace = MimickWorkspace(shape), scratch = MimickParameters(shape)
        targets.withUnsafeBufferPointer { targets in
            let rows = (0..<group).map { targets.baseAddress! + 7 * $0 }
            func loss(_ sums: MimickParameters) -> Double {
                workspace.train(
                    parameters, sums, characters: characters, group: group, targets: rows, weights: weights, scale: 1)
            }
            _ = loss(gradients)
            for (name, _, values) in parameters.named {
                let offset = values.start - parameters.buffer.start
                for _ in 0..<6 {
                    let index = offset + random.below(values.rows * values.columns)
                    let value = parameters.buffer.start[index]
                    parameters.buffer.start[index] = value + 0x1p-7
                    let above = loss(scratch)
                    parameters.buffer.start[index] = value - 0x1p-7
                    let below = loss(scratch)
                    parameters.buffer.start[index] = value
                    let slope = (above - below) / 0x1p-6, gradient = Double(gradients.buffer.start[index])
                    #expect(abs(slope - gradient) < 2e-3 * (Double(group) / 7 + abs(gradient)), "\(name) \(index)")
                }
            }
        }
    }

    private func expectClose(_ values: UnsafeBufferPointer<Float>, _ expected: [Float], _ name: String) {
        #expect(values.count == expected.count)
        for (value, expected) in zip(values, expected) { #expect(abs(value - expected) < 2e-6, "\(name)") }
    }
}
