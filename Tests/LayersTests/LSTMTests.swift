import Kernels
import Layers
import Parallel
import Testing

/// A stack of LSTM layers with random weights, input and loss.
private struct Fixture {
    let stack: LSTMStack
    let parameters: ParameterStore
    let shape: WindowShape
    let input: OwnedMatrix
    let factors: OwnedMatrix
    let compute: Compute

    init(
        inputs: Int, options: ProjectedLSTM.Options, layers: Int = 1, residual: Bool = false, dropout: Float = 0,
        shape: WindowShape, scale: Double = 0.5, training: Bool = true, threads: Int = 1
    ) {
        var random = Random(seed: 7)
        var layout = ParameterLayout()
        stack = LSTMStack(
            "lstm", inputs: inputs, options: options, layers: layers, residual: residual, dropout: dropout,
            capacity: WindowCapacity(shape), training: training, in: &layout)
        parameters = ParameterStore(layout, training: training ? Adam() : nil)
        parameters.randomize(&random, scale: scale)
        self.shape = shape
        input = OwnedMatrix(shape.rows, inputs, random: &random)
        factors = OwnedMatrix(shape.rows, options.output, random: &random)
        compute = Compute(pool: ThreadPool(threads: threads))
    }

    @discardableResult
    func forward(_ mode: PassMode = .training(seed: 1, step: 1)) -> Matrix {
        stack.forward(input.matrix, shape: shape, mode: mode, parameters, compute)
    }

    func outputs() -> [Float] {
        let outputs = forward()
        return (0..<shape.rows * stack.outputSize).map { outputs.start[$0] }
    }

    /// The gradient of the weight of this name.
    func gradient(_ name: String) -> [Float] {
        guard let parameter = parameters.layout.parameters.first(where: { $0.name == name }) else { return [] }
        return (0..<parameter.count).map { parameters.gradient(parameter).start[$0] }
    }

    /// The cells at the end of the last forward pass, of a single layer; the next pass would begin with them.
    func lastCells() -> [Float] {
        stack.carryState(from: shape)
        let state = FloatBuffer(count: stack.stateCount(batch: shape.batch))
        stack.saveState(batch: shape.batch, into: state.start)
        return Array(state.elements[(shape.batch * stack.outputSize)...])
    }

    /// Gradients of the sum of outputs times factors.
    func backward() -> OwnedMatrix {
        forward()
        let outputGradient = OwnedMatrix(shape.rows, stack.outputSize)
        outputGradient.matrix.copy(from: factors.matrix)
        let inputGradient = OwnedMatrix(shape.rows, stack.inputSize)
        stack.backward(
            input.matrix, shape: shape, outputGradient: outputGradient.matrix, inputGradient: inputGradient.matrix,
            parameters, compute)
        return inputGradient
    }

    func verify(tolerance: Double = 3e-3, step: Double = 1e-2) {
        let inputGradient = backward()
        var check = GradientCheck()
        check.add(parameters)
        check.add("input", input.matrix, inputGradient.matrix)
        check.verify(tolerance: tolerance, step: step) { factors.dot(forward()) }
    }
}

@Suite struct LSTMTests {
    private func options(
        _ cell: Int, _ projection: Int?, cellClip: Float = .infinity, projectionClip: Float = .infinity,
        layerNorm: Bool = false, dropout: Float = 0
    ) -> ProjectedLSTM.Options {
        var options = ProjectedLSTM.Options(cell: cell, projection: projection)
        options.cellClip = cellClip
        options.projectionClip = projectionClip
        options.layerNorm = layerNorm
        options.dropout = dropout
        return options
    }

    @Test(arguments: [1, 2, 7, 33], [1, 7]) func plainGradients(cell: Int, batch: Int) {
        Fixture(inputs: 3, options: options(cell, nil), shape: WindowShape(steps: 4, batch: batch)).verify()
    }

    @Test(arguments: [(1, 1), (7, 2), (33, 7), (9, 33)]) func projectedGradients(cell: Int, projection: Int) {
        Fixture(inputs: 7, options: options(cell, projection), shape: WindowShape(steps: 5, batch: 2)).verify()
    }

    @Test func gradientsWithLayerNorm() {
        Fixture(inputs: 7, options: options(33, 7, layerNorm: true), shape: WindowShape(steps: 4, batch: 3))
            .verify(tolerance: 1e-2)
        Fixture(inputs: 2, options: options(7, nil, layerNorm: true), shape: WindowShape(steps: 3, batch: 2))
            .verify(tolerance: 1e-2)
    }

    @Test func gradientsWithDropout() {
        Fixture(inputs: 7, options: options(33, 7, dropout: 0.4), shape: WindowShape(steps: 4, batch: 3)).verify()
        Fixture(inputs: 7, options: options(9, nil, dropout: 0.4), shape: WindowShape(steps: 4, batch: 3)).verify()
    }

    @Test(arguments: [1, 2, 3]) func gradientsWithNonRecurrentDropout(layers: Int) {
        Fixture(
            inputs: 6, options: options(9, 6), layers: layers, residual: true, dropout: 0.4,
            shape: WindowShape(steps: 4, batch: 3)
        ).verify()
    }

    /// At inference nothing is dropped, and a window before it changes nothing.
    @Test func nonRecurrentDropoutIsForTraining() {
        let dropping = Fixture(
            inputs: 6, options: options(9, 6), layers: 2, residual: true, dropout: 0.4, shape: WindowShape(steps: 4, batch: 3))
        let plain = Fixture(
            inputs: 6, options: options(9, 6), layers: 2, residual: true, shape: WindowShape(steps: 4, batch: 3))
        let expected = plain.outputs(), trained = dropping.outputs()
        #expect(trained != expected)
        // A share of the output is zero, too wide a range for chance to leave.
        let zeros = trained.count { $0 == 0 }
        #expect(zeros > trained.count / 5 && zeros < trained.count * 3 / 5)
        let output = dropping.forward(.inference)
        #expect((0..<expected.count).allSatisfy { output.start[$0] == expected[$0] })
    }

    /// The clips bend the loss wherever a unit crosses them, so the steps are short and the bound is wide; the exact
    /// numbers are compared with PyTorch's in `DirectionModelTests`.
    @Test func gradientsWithClipping() {
        let fixture = Fixture(
            inputs: 7, options: options(33, 7, cellClip: 0.5, projectionClip: 0.3),
            shape: WindowShape(steps: 5, batch: 3))
        let outputs = fixture.forward()
        let clipped = (0..<outputs.rows * 7).filter { abs(outputs.start[$0]) == 0.3 }.count
        #expect(clipped > 10 && clipped < outputs.rows * 7 - 10)
        let cells = fixture.lastCells()
        let clippedCells = cells.filter { abs($0) == 0.5 }.count
        #expect(clippedCells > 10 && clippedCells < cells.count - 10)
        fixture.stack.resetState()
        fixture.verify(tolerance: 3e-2, step: 2e-3)
    }

    /// Of one step: where the cell is clipped, the gates that make it get no gradient at all, and the output gate still
    /// does; where the projection is clipped, its column of weights gets none.
    @Test func clippedUnitsPassNoGradient() {
        let size = 33
        let shape = WindowShape(steps: 1, batch: 1)
        let cells = Fixture(inputs: 7, options: options(size, nil, cellClip: 0.3), shape: shape)
        _ = cells.backward()
        let bias = cells.gradient("lstm.layer1.bias")
        let isClipped = cells.lastCells().map { abs($0) == 0.3 }
        #expect(isClipped.contains(true) && isClipped.contains(false))
        for (unit, isClipped) in isClipped.enumerated() {
            // Input gate and candidate; the forget gate's is 0 anyway, because the cell before was 0.
            #expect((bias[unit] == 0) == isClipped && (bias[2 * size + unit] == 0) == isClipped)
            #expect(bias[3 * size + unit] != 0)
        }
        let projected = Fixture(inputs: 7, options: options(9, size, projectionClip: 0.3), shape: shape)
        _ = projected.backward()
        let weights = projected.gradient("lstm.layer1.projection.weight")
        let outputs = projected.outputs()
        #expect(Set(outputs.map { abs($0) == 0.3 }) == [true, false])
        for (unit, output) in outputs.enumerated() {
            let column = (0..<9).map { weights[$0 * size + unit] }
            #expect(column.allSatisfy { ($0 == 0) == (abs(output) == 0.3) })
        }
    }

    @Test(arguments: [false, true]) func gradientsOfTwoAndThreeLayers(residual: Bool) {
        for layers in [2, 3] {
            Fixture(
                inputs: 5, options: options(9, 7), layers: layers, residual: residual,
                shape: WindowShape(steps: 3, batch: 2)
            ).verify(tolerance: 5e-3)
        }
    }

    @Test func gradientsFromACarriedState() {
        let fixture = Fixture(inputs: 7, options: options(9, 7), shape: WindowShape(steps: 4, batch: 3))
        let zero = fixture.forward().start[0]
        fixture.stack.carryState(from: fixture.shape)
        #expect(fixture.forward().start[0] != zero)
        fixture.verify()
        fixture.stack.resetState()
        #expect(fixture.forward().start[0] == zero)
    }

    @Test func gradientsAddUp() throws {
        let fixture = Fixture(inputs: 7, options: options(9, 7), shape: WindowShape(steps: 4, batch: 3))
        _ = fixture.backward()
        let gradients = try #require(fixture.parameters.training?.gradients)
        let once = Array(gradients.elements)
        _ = fixture.backward()
        for (twice, once) in zip(gradients.elements, once) { #expect(abs(twice - 2 * once) <= 1e-5 * (1 + abs(once))) }
    }

    /// Two windows with the state carried over compute what one window of both does.
    @Test func carriedStateContinuesTheSequence() {
        let whole = Fixture(
            inputs: 7, options: options(9, 7), layers: 2, residual: true, shape: WindowShape(steps: 6, batch: 3))
        let output = OwnedMatrix(18, 7)
        output.matrix.copy(from: whole.forward(.inference))
        let half = WindowShape(steps: 3, batch: 3)
        var halves: [Float] = []
        for window in 0..<2 {
            let result = whole.stack.forward(
                whole.input.matrix.rows(window * 9..<(window + 1) * 9), shape: half, mode: .inference, whole.parameters,
                whole.compute)
            halves += (0..<63).map { result.start[$0] }
            whole.stack.carryState(from: half)
        }
        for (one, two) in zip(output.values, halves) { #expect(abs(one - two) < 1e-6) }
    }

    @Test func stateCanBeSavedAndRestored() {
        let fixture = Fixture(inputs: 7, options: options(9, 7), layers: 2, shape: WindowShape(steps: 4, batch: 3))
        fixture.forward()
        fixture.stack.carryState(from: fixture.shape)
        let state = FloatBuffer(count: fixture.stack.stateCount(batch: 3))
        fixture.stack.saveState(batch: 3, into: state.start)
        let expected = fixture.outputs()
        fixture.stack.resetState()
        #expect(fixture.outputs() != expected)
        fixture.stack.restoreState(batch: 3, from: state.start)
        #expect(fixture.outputs() == expected)
    }

    /// Whatever a pass before left where a larger batch has its state.
    @Test func resetStateIsZeroForABatchOfAnySize() {
        func fixture() -> Fixture {
            Fixture(inputs: 7, options: options(9, 5), layers: 2, shape: WindowShape(steps: 2, batch: 6), training: false)
        }
        let fresh = fixture(), used = fixture()
        let smaller = WindowShape(steps: 4, batch: 3)
        _ = used.stack.forward(used.input.matrix, shape: smaller, mode: .inference, used.parameters, used.compute)
        used.stack.carryState(from: smaller)
        #expect(used.outputs() != fresh.outputs())
        _ = used.stack.forward(used.input.matrix, shape: smaller, mode: .inference, used.parameters, used.compute)
        used.stack.resetState()
        let state = FloatBuffer(count: used.stack.stateCount(batch: 6))
        state.fill(1)
        used.stack.saveState(batch: 6, into: state.start)
        #expect(state.elements.allSatisfy { $0 == 0 })
        #expect(used.outputs() == fresh.outputs())
    }

    /// Sentences of several lengths in one batch give what each gives alone.
    @Test func shorterSequencesDropOut() {
        let lengths = [6, 4, 4, 1]
        let fixture = Fixture(
            inputs: 7, options: options(9, 5, cellClip: 1, layerNorm: true, dropout: 0.1), layers: 2, residual: true,
            shape: WindowShape(lengths: lengths), training: false)
        #expect(fixture.shape.active == [4, 3, 3, 3, 1, 1])
        let output = OwnedMatrix(24, 5)
        output.matrix.copy(from: fixture.forward(.inference))
        for (sequence, length) in lengths.enumerated() {
            let alone = OwnedMatrix(length, 7)
            for step in 0..<length {
                alone.matrix.row(step).update(from: fixture.input.matrix.row(step * 4 + sequence), count: 7)
            }
            fixture.stack.resetState()
            let result = fixture.stack.forward(
                alone.matrix, shape: WindowShape(lengths: [length]), mode: .inference, fixture.parameters,
                fixture.compute)
            for step in 0..<length {
                for unit in 0..<5 {
                    #expect(abs(result.row(step)[unit] - output.matrix.row(step * 4 + sequence)[unit]) < 1e-5)
                }
            }
        }
    }

    @Test func bitsDoNotDependOnThreads() {
        let results = [1, 2].map { threads in
            let fixture = Fixture(
                inputs: 40, options: options(512, 130, cellClip: 1, layerNorm: true, dropout: 0.1), layers: 2,
                residual: true, shape: WindowShape(steps: 3, batch: 33), scale: 0.05, threads: threads)
            let inputGradient = fixture.backward()
            return inputGradient.values + (fixture.parameters.training.map { Array($0.gradients.elements) } ?? [])
        }
        #expect(results[0].map(\.bitPattern) == results[1].map(\.bitPattern))
    }

    @Test func forgetBiasIsOne() {
        var layout = ParameterLayout()
        let layer = ProjectedLSTM("lstm", inputs: 3, options: options(7, 2), in: &layout)
        let parameters = ParameterStore(layout, training: nil)
        var random = Random(seed: 1)
        layer.initialize(parameters, random: &random)
        let bias = parameters.value(layer.bias).start
        #expect((0..<28).map { bias[$0] } == [0, 1, 0, 0].flatMap { [Float](repeating: $0, count: 7) })
    }
}
