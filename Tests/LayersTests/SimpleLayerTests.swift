import Kernels
import Layers
import Testing

@Suite struct SimpleLayerTests {
    let compute = Compute()

    @Test(arguments: [(1, 1, 1), (2, 7, 33), (33, 2, 7), (7, 33, 1)])
    func linearGradients(rows: Int, inputs: Int, outputs: Int) {
        var random = Random(seed: 1)
        var layout = ParameterLayout()
        let layer = Linear("linear", inputs: inputs, outputs: outputs, in: &layout)
        let parameters = ParameterStore(layout, training: Adam())
        parameters.randomize(&random)
        let input = OwnedMatrix(rows, inputs, random: &random)
        let factors = OwnedMatrix(rows, outputs, random: &random)
        let output = OwnedMatrix(rows, outputs)
        let inputGradient = OwnedMatrix(rows, inputs)
        layer.backward(
            input.matrix, outputGradient: factors.matrix, inputGradient: inputGradient.matrix, parameters, compute)
        var check = GradientCheck()
        check.add(parameters)
        check.add("input", input.matrix, inputGradient.matrix)
        check.verify {
            layer.forward(input.matrix, into: output.matrix, parameters, compute)
            return factors.dot(output.matrix)
        }
    }

    @Test(arguments: [(1, 2), (2, 7), (7, 33), (33, 3)]) func layerNormGradients(rows: Int, size: Int) {
        var random = Random(seed: 2)
        var layout = ParameterLayout()
        let layer = LayerNorm("norm", size: size, in: &layout)
        let parameters = ParameterStore(layout, training: Adam())
        parameters.randomize(&random)
        let input = OwnedMatrix(rows, size, random: &random, scale: 2)
        let factors = OwnedMatrix(rows, size, random: &random)
        let (output, inputGradient) = (OwnedMatrix(rows, size), OwnedMatrix(rows, size))
        let statistics = OwnedMatrix(rows, 2)
        layer.forward(input.matrix, into: output.matrix, statistics: statistics.matrix.start, parameters)
        layer.backward(
            input.matrix, statistics: statistics.matrix.start, outputGradient: factors.matrix,
            inputGradient: inputGradient.matrix, parameters)
        var check = GradientCheck()
        check.add(parameters)
        check.add("input", input.matrix, inputGradient.matrix)
        check.verify(tolerance: 5e-3) {
            layer.forward(input.matrix, into: output.matrix, statistics: statistics.matrix.start, parameters)
            return factors.dot(output.matrix)
        }
    }

    @Test(arguments: [1, 2, 7, 33]) func layerNormOfAConstantRowIsTheBias(size: Int) {
        var random = Random(seed: 3)
        var layout = ParameterLayout()
        let layer = LayerNorm("norm", size: size, in: &layout)
        let parameters = ParameterStore(layout, training: nil)
        parameters.randomize(&random)
        let (row, statistics) = (OwnedMatrix(1, size), OwnedMatrix(1, 2))
        row.matrix.fill(3)
        layer.forward(row.matrix, into: row.matrix, statistics: statistics.matrix.start, parameters)
        for index in 0..<size { #expect(row.values[index] == parameters.value(layer.bias).start[index]) }
    }

    @Test func dropoutIsOffAtInference() {
        let mask = OwnedMatrix(7, 33)
        let dropout = Dropout(rate: 0.5, site: 1)
        #expect(!dropout.prepare(mask.matrix, .inference))
        #expect(!Dropout(rate: 0, site: 1).prepare(mask.matrix, .training(seed: 1, step: 1)))
        #expect(dropout.prepare(mask.matrix, .training(seed: 1, step: 1)))
        let values = OwnedMatrix(7, 33)
        values.matrix.fill(3)
        Dropout.apply(mask.matrix, to: values.matrix)
        #expect(Set(values.values) == [0, 6])
    }

    @Test func updateStopsAtAGradientThatIsNotANumber() {
        var layout = ParameterLayout()
        let parameter = layout.declare("w", [3])
        let parameters = ParameterStore(layout, training: Adam())
        parameters.fill(parameter, with: 1)
        parameters.gradient(parameter).start[1] = .nan
        #expect(!parameters.update(.init(step: 1, rate: 0.1, clip: 1), compute: compute).isFinite)
        #expect((0..<3).allSatisfy { parameters.value(parameter).start[$0] == 1 })
    }

    /// The gradient of three windows, added up, counts as their mean, before it is clipped.
    @Test(arguments: [nil, 0.5]) func accumulatedGradientsAreAMean(clip: Double?) {
        let stores = [1, 3].map { windows -> [Float] in
            var layout = ParameterLayout()
            let weight = layout.declare("weight", [2, 2])
            let parameters = ParameterStore(layout, training: Adagrad())
            for index in 0..<4 { parameters.gradient(weight).start[index] = Float(windows * (index + 1)) / 4 }
            var update = ParameterStore.Update(step: 1, rate: 0.1, clip: clip)
            update.windows = windows
            let norm = parameters.update(update, compute: Compute())
            #expect(abs(norm - 30.0.squareRoot() / 4) < 1e-6)
            return (0..<4).map { parameters.value(weight).start[$0] }
        }
        for (one, three) in zip(stores[0], stores[1]) { #expect(abs(one - three) < 1e-7 && one != 0) }
    }

    @Test func updateClipsTheWholeGradient() throws {
        var layout = ParameterLayout()
        let (a, b) = (layout.declare("a", [1]), layout.declare("b", [1]))
        let parameters = ParameterStore(layout, training: Adam())
        parameters.gradient(a).start[0] = 3
        parameters.gradient(b).start[0] = 4
        #expect(parameters.update(.init(step: 1, rate: 0.1, clip: 1), compute: compute) == 5)
        let moments = try #require(parameters.training?.moments[0])
        #expect(abs(parameters.view(a, of: moments).start[0] - 0.06) < 1e-6)
        #expect(abs(parameters.view(b, of: moments).start[0] - 0.08) < 1e-6)
    }
}
