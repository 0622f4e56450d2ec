import Kernels
import Layers
import Parallel
import Testing

struct ScalarMixTests {
    /// A mix of waves, and the gradients for a wave that comes back.
    private final class Setup {
        let mix: ScalarMix
        let parameters: ParameterStore
        let input, inputGradient, output, outputGradient: OwnedMatrix
        let compute: Compute

        init(rows: Int = 5, layers: Int = 3, width: Int = 4, threads: Int = 1) {
            var layout = ParameterLayout()
            mix = ScalarMix("mix", layers: layers, width: width, in: &layout)
            parameters = ParameterStore(layout, training: Adam())
            (input, inputGradient) = (OwnedMatrix(rows, layers * width), OwnedMatrix(rows, layers * width))
            (output, outputGradient) = (OwnedMatrix(rows, width), OwnedMatrix(rows, width))
            compute = Compute(pool: ThreadPool(threads: threads))
            input.matrix.fillWave(1)
            parameters.value(mix.weight).fillWave(2)
            parameters.value(mix.gain).fillWave(3)
            outputGradient.matrix.fillWave(4)
        }

        func forward() { mix.forward(input.matrix, into: output.matrix, parameters, compute) }

        func backward(isFrozen: Bool = false) {
            mix.backward(
                input.matrix, outputGradient: outputGradient.matrix, inputGradient: isFrozen ? nil : inputGradient.matrix,
                parameters, compute)
        }

        func gradient(_ parameter: Parameter) -> [Float] { values(parameters.gradient(parameter)) }
        private func values(_ matrix: Matrix) -> [Float] { (0..<matrix.columns).map { matrix.start[$0] } }
    }

    private func isNear(_ values: some Sequence<Float>, _ expected: [Float]) -> Bool {
        zip(values, expected).allSatisfy { abs($0 - $1) < 1e-6 }
    }

    @Test(arguments: [(1, 1, 1), (2, 3, 7), (7, 2, 33), (33, 3, 2), (70, 4, 5)])
    func gradients(rows: Int, layers: Int, width: Int) {
        let setup = Setup(rows: rows, layers: layers, width: width)
        setup.backward()
        var check = GradientCheck()
        check.add(setup.parameters)
        check.add("input", setup.input.matrix, setup.inputGradient.matrix)
        check.verify {
            setup.forward()
            return setup.outputGradient.dot(setup.output.matrix)
        }
    }

    /// Numbers from PyTorch, in double precision.
    @Test func asInPyTorch() {
        let setup = Setup()
        setup.forward()
        setup.backward()
        #expect(isNear(setup.mix.layerShares(setup.parameters).map(Float.init), [0.42654482, 0.33521050, 0.23824468]))
        #expect(isNear(setup.output.values[4..<8], [0.00160218, -0.00546666, -0.00996444, -0.00977579]))
        #expect(isNear(setup.gradient(setup.mix.weight), [-0.01239824, 0.00291369, 0.00948455]))
        #expect(isNear(setup.gradient(setup.mix.gain), [-0.09895881]))
        #expect(isNear(
            setup.inputGradient.values[48..<60],
            [0.00731957, -0.00287214, -0.01171303, -0.01504511, 0.00575226, -0.00225714, -0.00920497, -0.01182356, 0.00408831,
             -0.00160422, -0.00654226, -0.00840338]))
    }

    @Test func itBeginsAsTheMean() {
        let setup = Setup()
        setup.mix.initialize(setup.parameters)
        setup.forward()
        for (index, value) in setup.output.values.enumerated() {
            let layers = (0..<3).map { setup.input.matrix.row(index / 4)[$0 * 4 + index % 4] }
            #expect(abs(value - layers.reduce(0, +) / 3) < 1e-6)
        }
    }

    @Test(arguments: [2, 3]) func theNumberOfThreadsDoesNotShow(threads: Int) {
        let setups = [1, threads].map { Setup(rows: 70, threads: $0) }
        for setup in setups {
            setup.forward()
            setup.backward(isFrozen: true)
        }
        #expect(setups[0].output.values == setups[1].output.values)
        #expect(setups[0].gradient(setups[0].mix.weight) == setups[1].gradient(setups[1].mix.weight))
    }
}
