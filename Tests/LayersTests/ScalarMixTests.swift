@_spi(HostMemory) import Kernels
import Layers
import Testing

struct ScalarMixTests {
    /// A mix of waves, and the gradients for a wave that comes back.
    private final class Setup {
        let fixture: LayerFixture<ScalarMix>
        let shape: WindowShape
        let input, inputGradient, outputGradient: OwnedMatrix

        init(rows: Int = 5, layers: Int = 3, width: Int = 4, on backend: any Backend = processor()) {
            fixture = LayerFixture(rows: rows, on: backend) {
                ScalarMix("mix", layers: layers, width: width, rows: rows, in: &$0)
            }
            shape = WindowShape(steps: 1, batch: rows)
            (input, inputGradient) = (OwnedMatrix(rows, layers * width), OwnedMatrix(rows, layers * width))
            outputGradient = OwnedMatrix(rows, width)
            input.matrix.fillWave(1)
            fixture.parameters.value(fixture.layer.weight).fillWave(2)
            fixture.parameters.value(fixture.layer.gain).fillWave(3)
            outputGradient.matrix.fillWave(4)
        }

        func forward() -> [Float] { fixture.outputs(input.matrix, shape) }

        func backward(isFrozen: Bool = false) {
            fixture.pass(
                input.matrix, outputGradient: outputGradient, inputGradient: isFrozen ? nil : inputGradient, shape)
        }

        func gradient(_ parameter: Parameter) -> [Float] { fixture.gradient(of: parameter).values }
    }

    private func isNear(_ values: some Sequence<Float>, _ expected: [Float]) -> Bool {
        zip(values, expected).allSatisfy { abs($0 - $1) < 1e-6 }
    }

    @Test(arguments: onEach([(1, 1, 1), (2, 3, 7), (7, 2, 33), (33, 3, 2), (70, 4, 5)]))
    func gradients(backend: TestedBackend, sizes: (rows: Int, layers: Int, width: Int)) {
        let setup = Setup(rows: sizes.rows, layers: sizes.layers, width: sizes.width, on: backend.make(1))
        setup.fixture.verifyGradients(setup.input, factors: setup.outputGradient)
    }

    /// Numbers from PyTorch, in double precision.
    @Test(arguments: backends) func asInPyTorch(backend: TestedBackend) {
        let setup = Setup(on: backend.make(1)), mix = setup.fixture.layer
        let output = setup.forward()
        setup.backward()
        #expect(isNear(mix.layerShares(setup.fixture.run).map(Float.init), [0.42654482, 0.33521050, 0.23824468]))
        #expect(isNear(output[4..<8], [0.00160218, -0.00546666, -0.00996444, -0.00977579]))
        #expect(isNear(setup.gradient(mix.weight), [-0.01239824, 0.00291369, 0.00948455]))
        #expect(isNear(setup.gradient(mix.gain), [-0.09895881]))
        #expect(isNear(
            setup.inputGradient.values[48..<60],
            [0.00731957, -0.00287214, -0.01171303, -0.01504511, 0.00575226, -0.00225714, -0.00920497, -0.01182356, 0.00408831,
             -0.00160422, -0.00654226, -0.00840338]))
    }

    @Test func itBeginsAsTheMean() {
        let setup = Setup()
        var random = Random(seed: 1)
        setup.fixture.layer.initialize(setup.fixture.parameters, random: &random)
        for (index, value) in setup.forward().enumerated() {
            let layers = (0..<3).map { setup.input.matrix.row(index / 4)[$0 * 4 + index % 4] }
            #expect(abs(value - layers.reduce(0, +) / 3) < 1e-6)
        }
    }

    @Test(arguments: [2, 3]) func theNumberOfThreadsDoesNotShow(threads: Int) {
        let results = [1, threads].map { threads in
            let setup = Setup(rows: 70, on: processor(threads: threads))
            let output = setup.forward()
            setup.backward(isFrozen: true)
            return [output, setup.gradient(setup.fixture.layer.weight), setup.gradient(setup.fixture.layer.gain)]
        }
        #expect(results[0] == results[1])
    }
}
