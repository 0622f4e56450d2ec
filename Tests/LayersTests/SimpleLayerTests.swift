@_spi(HostMemory) import Kernels
import Layers
import Testing

@Suite struct SimpleLayerTests {
    @Test(arguments: onEach([(1, 1, 1), (2, 7, 33), (33, 2, 7), (7, 33, 1)]))
    func linearGradients(backend: TestedBackend, sizes: (rows: Int, inputs: Int, outputs: Int)) {
        var random = Random(seed: 1)
        let fixture = LayerFixture(rows: sizes.rows, on: backend.make(1)) {
            Linear("linear", inputs: sizes.inputs, outputs: sizes.outputs, rows: sizes.rows, in: &$0)
        }
        fixture.parameters.randomize(&random)
        let input = OwnedMatrix(sizes.rows, sizes.inputs, random: &random)
        let factors = OwnedMatrix(sizes.rows, sizes.outputs, random: &random)
        fixture.verifyGradients(input, factors: factors)
    }

    /// Where a gradient is, that of a layer is added to it, if asked for.
    @Test func linearAddsToTheGradientOfItsInput() {
        var random = Random(seed: 1)
        let fixture = LayerFixture(rows: 3) { Linear("linear", inputs: 5, outputs: 4, rows: 3, in: &$0) }
        fixture.parameters.randomize(&random)
        let input = OwnedMatrix(3, 5, random: &random), factors = OwnedMatrix(3, 4, random: &random)
        let shape = WindowShape(steps: 1, batch: 3)
        let written = OwnedMatrix(3, 5), added = OwnedMatrix(3, 5)
        written.matrix.fill(7)
        added.matrix.fill(7)
        for (gradient, adding) in [(written, false), (added, true)] {
            fixture.layer.backward(
                input.matrix, outputGradient: factors.matrix, inputGradient: gradient.matrix, adding: adding, shape, fixture.run)
        }
        for (one, other) in zip(written.values, added.values) { #expect(abs(one + 7 - other) < 1e-5) }
    }

    @Test(arguments: onEach([(1, 2), (7, 3), (33, 7)]))
    func highwayGradients(backend: TestedBackend, sizes: (rows: Int, size: Int)) {
        var random = Random(seed: 5)
        let fixture = LayerFixture(rows: sizes.rows, on: backend.make(1)) {
            Highway("highway", size: sizes.size, rows: sizes.rows, in: &$0)
        }
        fixture.parameters.randomize(&random)
        let input = OwnedMatrix(sizes.rows, sizes.size, random: &random)
        let factors = OwnedMatrix(sizes.rows, sizes.size, random: &random)
        // The ReLU bends the loss, so the steps are short.
        fixture.verifyGradients(input, factors: factors, tolerance: 1e-2, step: 2e-3)
    }

    @Test(arguments: onEach([(1, 2), (2, 7), (7, 33), (33, 3)]))
    func layerNormGradients(backend: TestedBackend, sizes: (rows: Int, size: Int)) {
        let (rows, size) = sizes
        var random = Random(seed: 2)
        let fixture = LayerFixture(rows: rows, on: backend.make(1)) { LayerNorm("norm", size: size, rows: rows, in: &$0) }
        fixture.parameters.randomize(&random)
        let input = OwnedMatrix(rows, size, random: &random, scale: 2)
        let factors = OwnedMatrix(rows, size, random: &random)
        let output = OwnedMatrix(rows, size), inputGradient = OwnedMatrix(copying: factors)
        func loss() -> Double {
            fixture.layer.forward(input.matrix, into: output.matrix, rows: 0..<rows, fixture.run)
            return factors.dot(output.matrix)
        }
        _ = loss()
        fixture.layer.backward(input.matrix, gradient: inputGradient.matrix, rows: 0..<rows, fixture.run)
        var check = GradientCheck()
        check.add(fixture)
        check.add("input", input, inputGradient)
        check.verify(tolerance: 5e-3, loss: loss)
    }

    @Test(arguments: onEach([1, 2, 7, 33])) func layerNormOfAConstantRowIsTheBias(backend: TestedBackend, size: Int) {
        var random = Random(seed: 3)
        let fixture = LayerFixture(rows: 1, training: nil, on: backend.make(1)) {
            LayerNorm("norm", size: size, rows: 1, in: &$0)
        }
        fixture.parameters.randomize(&random)
        let row = OwnedMatrix(1, size)
        row.matrix.fill(3)
        fixture.layer.forward(row.matrix, into: row.matrix, rows: 0..<1, fixture.run)
        #expect(row.values == fixture.parameters.value(fixture.layer.bias).values(0))
    }

    @Test(arguments: backends) func dropoutIsOffAtInference(backend: TestedBackend) {
        let values = OwnedMatrix(7, 33)
        values.matrix.fill(3)
        func dropped(rate: Float, _ mode: PassMode) -> Set<Float> {
            let fixture = LayerFixture(rows: 7, on: backend.make(1)) { Dropout(rate: rate, rows: 7, width: 33, in: &$0) }
            fixture.mode = mode
            return Set(fixture.backend.read(fixture.layer.forward(values.matrix, fixture.run)))
        }
        #expect(dropped(rate: 0.5, .inference) == [3])
        #expect(dropped(rate: 0, .training(seed: 1, step: 1)) == [3])
        #expect(dropped(rate: 0.5, .training(seed: 1, step: 1)) == [0, 6])
        #expect(values.values.allSatisfy { $0 == 3 })
    }

    @Test(arguments: backends) func updateStopsAtAGradientThatIsNotANumber(backend: TestedBackend) {
        let fixture = LayerFixture(rows: 1, on: backend.make(1)) { $0.parameter("w", [3]) }
        let parameters = fixture.parameters
        parameters.fill(fixture.layer, with: 1)
        parameters.gradient(fixture.layer).start[1] = .nan
        #expect(!parameters.update(.init(step: 1, rate: 0.1, clip: 1)).isFinite)
        #expect(parameters.value(fixture.layer).values(0) == [1, 1, 1])
    }

    /// The gradient of three windows, added up, counts as their mean, before it is clipped.
    @Test(arguments: onEach([nil, 0.5])) func accumulatedGradientsAreAMean(backend: TestedBackend, clip: Double?) {
        let stores = [1, 3].map { windows -> [Float] in
            let fixture = LayerFixture(rows: 1, training: Adagrad(), on: backend.make(1)) { $0.parameter("weight", [2, 2]) }
            let parameters = fixture.parameters
            parameters.gradient(fixture.layer).copy(from: (1...4).map { Float(windows * $0) / 4 })
            var update = ParameterStore.Update(step: 1, rate: 0.1, clip: clip)
            update.windows = windows
            let norm = parameters.update(update)
            #expect(abs(norm - 30.0.squareRoot() / 4) < 1e-6)
            return Array(parameters.value(fixture.layer).floats)
        }
        for (one, three) in zip(stores[0], stores[1]) { #expect(abs(one - three) < 1e-7 && one != 0) }
    }

    @Test(arguments: backends) func updateClipsTheWholeGradient(backend: TestedBackend) throws {
        let fixture = LayerFixture(rows: 1, on: backend.make(1)) { ($0.parameter("a", [1]), $0.parameter("b", [1])) }
        let parameters = fixture.parameters, (a, b) = fixture.layer
        parameters.gradient(a).fill(3)
        parameters.gradient(b).fill(4)
        #expect(abs(parameters.update(.init(step: 1, rate: 0.1, clip: 1)) - 5) < 1e-12)
        let moments = try #require(parameters.training?.moments[0])
        #expect(abs(parameters.view(a, of: moments).start[0] - 0.06) < 1e-6)
        #expect(abs(parameters.view(b, of: moments).start[0] - 0.08) < 1e-6)
    }
}
