@_spi(HostMemory) import Kernels
import Layers
import Testing

@Suite struct LSTMTests {
    @Test(arguments: onEach(pairs([1, 2, 7, 33], [1, 7])))
    func plainGradients(backend: TestedBackend, sizes: (cell: Int, batch: Int)) {
        StackFixture(
            inputs: 3, options: .sized(sizes.cell, nil), shape: WindowShape(steps: 4, batch: sizes.batch), on: backend.make(1)
        ).verify()
    }

    @Test(arguments: onEach([(1, 1), (7, 2), (33, 7), (9, 33)]))
    func projectedGradients(backend: TestedBackend, sizes: (cell: Int, projection: Int)) {
        StackFixture(
            inputs: 7, options: .sized(sizes.cell, sizes.projection), shape: WindowShape(steps: 5, batch: 2), on: backend.make(1)
        ).verify()
    }

    @Test(arguments: backends) func gradientsWithLayerNorm(backend: TestedBackend) {
        StackFixture(
            inputs: 7, options: .sized(33, 7, layerNorm: true), shape: WindowShape(steps: 4, batch: 3), on: backend.make(1)
        ).verify(tolerance: 1e-2)
        StackFixture(
            inputs: 2, options: .sized(7, nil, layerNorm: true), shape: WindowShape(steps: 3, batch: 2), on: backend.make(1)
        ).verify(tolerance: 1e-2)
    }

    @Test(arguments: onEach([.sized(33, 7, dropout: 0.4), .sized(9, nil, dropout: 0.4)] as [ProjectedLSTM.Options]))
    func gradientsWithDropout(backend: TestedBackend, options: ProjectedLSTM.Options) {
        StackFixture(inputs: 7, options: options, shape: WindowShape(steps: 4, batch: 3), on: backend.make(1)).verify()
    }

    @Test(arguments: onEach([1, 2, 3])) func gradientsWithNonRecurrentDropout(backend: TestedBackend, layers: Int) {
        StackFixture(
            inputs: 6, options: .sized(9, 6), layers: layers, residual: true, dropout: 0.4,
            shape: WindowShape(steps: 4, batch: 3), on: backend.make(1)
        ).verify()
    }

    /// At inference nothing is dropped, and a window before it changes nothing.
    @Test(arguments: backends) func nonRecurrentDropoutIsForTraining(backend: TestedBackend) {
        let shape = WindowShape(steps: 4, batch: 3)
        let dropping = StackFixture(
            inputs: 6, options: .sized(9, 6), layers: 2, residual: true, dropout: 0.4, shape: shape, on: backend.make(1))
        let plain = StackFixture(
            inputs: 6, options: .sized(9, 6), layers: 2, residual: true, shape: shape, on: backend.make(1))
        let expected = plain.outputs(), trained = dropping.outputs()
        #expect(trained != expected)
        // A share of the output is zero, too wide a range for chance to leave.
        let zeros = trained.count { $0 == 0 }
        #expect(zeros > trained.count / 5 && zeros < trained.count * 3 / 5)
        #expect(dropping.outputs(of: dropping.input.matrix, shape) == expected)
    }

    /// The clips bend the loss wherever a unit crosses them, so the steps are short and the bound is wide; the exact
    /// numbers are compared with PyTorch's in `DirectionModelTests`.
    @Test(arguments: backends) func gradientsWithClipping(backend: TestedBackend) {
        let fixture = StackFixture(
            inputs: 7, options: .sized(33, 7, cellClip: 0.5, projectionClip: 0.3), shape: WindowShape(steps: 5, batch: 3),
            on: backend.make(1))
        let outputs = fixture.outputs()
        let clipped = outputs.count { abs($0) == 0.3 }
        #expect(clipped > 10 && clipped < outputs.count - 10)
        let cells = fixture.lastCells()
        let clippedCells = cells.count { abs($0) == 0.5 }
        #expect(clippedCells > 10 && clippedCells < cells.count - 10)
        fixture.memory.startsAtZero = true
        fixture.verify(tolerance: 3e-2, step: 2e-3)
    }

    /// Of one step: where the cell is clipped, the gates that make it get no gradient at all, and the output gate still
    /// does; where the projection is clipped, its column of weights gets none.
    @Test(arguments: backends) func clippedUnitsPassNoGradient(backend: TestedBackend) throws {
        let size = 33
        let shape = WindowShape(steps: 1, batch: 1)
        let cells = StackFixture(inputs: 7, options: .sized(size, nil, cellClip: 0.3), shape: shape, on: backend.make(1))
        cells.backward()
        let bias = try cells.gradient("lstm.layer1.bias")
        let isClipped = cells.lastCells().map { abs($0) == 0.3 }
        #expect(isClipped.contains(true) && isClipped.contains(false))
        for (unit, isClipped) in isClipped.enumerated() {
            // Input gate and candidate; the forget gate's is 0 anyway, because the cell before was 0.
            #expect((bias[unit] == 0) == isClipped && (bias[2 * size + unit] == 0) == isClipped)
            #expect(bias[3 * size + unit] != 0)
        }
        let projected = StackFixture(
            inputs: 7, options: .sized(9, size, projectionClip: 0.3), shape: shape, on: backend.make(1))
        projected.backward()
        let weights = try projected.gradient("lstm.layer1.projection.weight")
        let outputs = projected.outputs()
        #expect(Set(outputs.map { abs($0) == 0.3 }) == [true, false])
        for (unit, output) in outputs.enumerated() {
            let column = (0..<9).map { weights[$0 * size + unit] }
            #expect(column.allSatisfy { ($0 == 0) == (abs(output) == 0.3) })
        }
    }

    @Test(arguments: onEach(pairs([2, 3], [false, true])))
    func gradientsOfTwoAndThreeLayers(backend: TestedBackend, stack: (layers: Int, residual: Bool)) {
        StackFixture(
            inputs: 5, options: .sized(9, 7), layers: stack.layers, residual: stack.residual,
            shape: WindowShape(steps: 3, batch: 2), on: backend.make(1)
        ).verify(tolerance: 5e-3)
    }

    @Test(arguments: backends) func gradientsFromACarriedState(backend: TestedBackend) {
        let fixture = StackFixture(
            inputs: 7, options: .sized(9, 7), shape: WindowShape(steps: 4, batch: 3), on: backend.make(1))
        let zero = fixture.outputs()[0]
        fixture.stack.carryState(from: fixture.shape, fixture.fixture.run)
        #expect(fixture.outputs()[0] != zero)
        fixture.verify()
        fixture.memory.startsAtZero = true
        #expect(fixture.outputs()[0] == zero)
    }

    @Test(arguments: backends) func gradientsAddUp(backend: TestedBackend) {
        let fixture = StackFixture(
            inputs: 7, options: .sized(9, 7), shape: WindowShape(steps: 4, batch: 3), on: backend.make(1))
        fixture.backward()
        let once = fixture.fixture.gradients
        #expect(once.contains { $0 != 0 })
        fixture.backward()
        for (twice, once) in zip(fixture.fixture.gradients, once) { #expect(abs(twice - 2 * once) <= 1e-5 * (1 + abs(once))) }
    }

    /// Two windows with the state carried over compute what one window of both does.
    @Test(arguments: backends) func carriedStateContinuesTheSequence(backend: TestedBackend) {
        let whole = StackFixture(
            inputs: 7, options: .sized(9, 7), layers: 2, residual: true, shape: WindowShape(steps: 6, batch: 3),
            on: backend.make(1))
        let expected = whole.outputs(of: whole.input.matrix, whole.shape)
        let half = WindowShape(steps: 3, batch: 3)
        var halves: [Float] = []
        for window in 0..<2 {
            halves += whole.outputs(of: whole.input.matrix.rows(window * 9..<(window + 1) * 9), half)
            whole.stack.carryState(from: half, whole.fixture.run)
        }
        #expect(halves.count == expected.count)
        for (one, two) in zip(expected, halves) { #expect(abs(one - two) < 1e-6) }
    }

    @Test(arguments: backends) func stateCanBeSavedAndRestored(backend: TestedBackend) {
        let fixture = StackFixture(
            inputs: 7, options: .sized(9, 7), layers: 2, shape: WindowShape(steps: 4, batch: 3), on: backend.make(1))
        fixture.forward()
        fixture.stack.carryState(from: fixture.shape, fixture.fixture.run)
        let state = fixture.state(batch: 3)
        #expect(fixture.stack.stateWidths == [7, 9, 7, 9])
        #expect(state.map(\.count) == fixture.stack.stateWidths.map { 3 * $0 })
        let expected = fixture.outputs()
        fixture.memory.startsAtZero = true
        #expect(fixture.outputs() != expected)
        fixture.memory.startsAtZero = false
        var saved = state[...]
        fixture.stack.forEachState(batch: 3, fixture.fixture.run) { $0.copy(from: saved.removeFirst()) }
        #expect(fixture.outputs() == expected)
    }

    /// Whatever a pass before left where a larger batch has its state.
    @Test(arguments: backends) func resetStateIsZeroForABatchOfAnySize(backend: TestedBackend) {
        func fixture() -> StackFixture {
            StackFixture(
                inputs: 7, options: .sized(9, 5), layers: 2, shape: WindowShape(steps: 2, batch: 6), training: false,
                on: backend.make(1))
        }
        let fresh = fixture(), used = fixture()
        let smaller = WindowShape(steps: 4, batch: 3)
        _ = used.outputs(of: used.input.matrix, smaller)
        used.stack.carryState(from: smaller, used.fixture.run)
        #expect(used.outputs() != fresh.outputs())
        _ = used.outputs(of: used.input.matrix, smaller)
        used.memory.startsAtZero = true
        #expect(used.outputs() == fresh.outputs())
        #expect(used.state(batch: 6).joined().allSatisfy { $0 == 0 })
    }

    @Test func bitsDoNotDependOnThreads() {
        let results = [1, 2].map { threads in
            let fixture = StackFixture(
                inputs: 40, options: .sized(512, 130, cellClip: 1, layerNorm: true, dropout: 0.1), layers: 2,
                residual: true, shape: WindowShape(steps: 3, batch: 33), scale: 0.05, on: processor(threads: threads))
            return fixture.backward().values + fixture.fixture.gradients
        }
        #expect(results[0].map(\.bitPattern) == results[1].map(\.bitPattern))
    }

    @Test(arguments: backends) func forgetBiasIsOne(backend: TestedBackend) {
        let fixture = LayerFixture(rows: 1, training: nil, on: backend.make(1)) {
            ProjectedLSTM("lstm", inputs: 3, options: .sized(7, 2), in: &$0)
        }
        var random = Random(seed: 1)
        fixture.layer.initialize(fixture.parameters, random: &random)
        let bias = fixture.parameters.value(fixture.layer.bias).values(0)
        #expect(bias == [0, 1, 0, 0].flatMap { [Float](repeating: $0, count: 7) })
    }
}
