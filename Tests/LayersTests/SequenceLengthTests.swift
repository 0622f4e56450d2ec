@_spi(HostMemory) import Kernels
import Layers
import Testing

/// Windows of sequences of different lengths.
@Suite struct SequenceLengthTests {
    /// A stack of LSTM layers and the lengths of the sequences that go through it.
    struct Example: Sendable, CustomTestStringConvertible {
        let name: String
        var options = ProjectedLSTM.Options.sized(9, 6)
        var layers = 1
        var residual = false
        var dropout: Float = 0
        var lengths = [5, 3, 3, 1]
        var tolerance = 5e-3

        var testDescription: String { name }

        func make(_ backend: TestedBackend) -> StackFixture {
            StackFixture(
                inputs: 6, options: options, layers: layers, residual: residual, dropout: dropout,
                shape: WindowShape(lengths: lengths), on: backend.make(1))
        }

        /// The same without anything dropped.
        var withoutDropout: Example {
            var example = self
            example.dropout = 0
            example.options.dropout = 0
            return example
        }
    }

    static let examples = [
        Example(name: "plain", options: .sized(9, nil)),
        Example(name: "projection"),
        Example(name: "projection wider than the cells", options: .sized(5, 11)),
        Example(name: "layer norm", options: .sized(9, nil, layerNorm: true), tolerance: 1e-2),
        Example(name: "projection and layer norm", options: .sized(33, 6, layerNorm: true), tolerance: 1e-2),
        Example(name: "recurrent dropout", options: .sized(9, nil, dropout: 0.4)),
        Example(name: "projection and recurrent dropout", options: .sized(9, 6, dropout: 0.4)),
        Example(name: "dropout", dropout: 0.4),
        Example(name: "two layers", layers: 2),
        Example(name: "two layers without projection", options: .sized(7, nil), layers: 2),
        Example(name: "two layers, residual", layers: 2, residual: true),
        Example(name: "three layers, residual, dropout", layers: 3, residual: true, dropout: 0.4),
        Example(
            name: "everything", options: .sized(9, 6, layerNorm: true, dropout: 0.3), layers: 2, residual: true, dropout: 0.3,
            tolerance: 1e-2),
        Example(name: "everything without projection", options: .sized(6, nil, layerNorm: true, dropout: 0.3), layers: 2,
                residual: true, dropout: 0.3, tolerance: 1e-2),
        Example(name: "one sequence", layers: 2, residual: true, lengths: [4]),
        Example(name: "the same length", layers: 2, residual: true, lengths: [3, 3, 3]),
        Example(name: "a sequence of nothing", layers: 2, residual: true, lengths: [4, 2, 0]),
        Example(name: "mostly ended", layers: 2, residual: true, lengths: [6, 1, 1, 1, 1, 1, 1]),
    ]

    /// Stacks whose clips bend the loss too often for differences of it.
    static let clipped = [
        Example(name: "clips", options: .sized(33, 6, cellClip: 0.3, projectionClip: 0.2), layers: 2, residual: true),
        Example(name: "a clip of cells", options: .sized(7, nil, cellClip: 0.3), layers: 2, residual: true),
    ]

    /// Fills the input of sequences that have ended, which must not matter.
    private func fillEnded(_ fixture: StackFixture, _ value: Float) {
        for row in fixture.shape.endedRows { fixture.input.matrix.rows(row..<row + 1).fill(value) }
    }

    /// The rows of sequences that are still running.
    private func running(_ values: [Float], _ shape: WindowShape) -> [Float] {
        let width = values.count / max(1, shape.rows)
        return (0..<shape.steps).flatMap { step -> ArraySlice<Float> in
            let block = shape.activeBlock(step)
            return values[block.lowerBound * width..<block.upperBound * width]
        }
    }

    @Test(arguments: onEach(examples)) func gradients(backend: TestedBackend, example: Example) {
        let fixture = example.make(backend)
        fillEnded(fixture, 1e30)
        fixture.verify(tolerance: example.tolerance)
    }

    /// The window before had no shorter sequences, and handed on its state.
    @Test(arguments: onEach([1, 2])) func gradientsFromACarriedState(backend: TestedBackend, layers: Int) {
        let fixture = Example(name: "", layers: layers, residual: true).make(backend)
        let full = WindowShape(steps: 3, batch: 4)
        let zero = fixture.outputs()
        _ = fixture.outputs(of: fixture.input.matrix.rows(0..<full.rows), full)
        fixture.stack.carryState(from: full, fixture.fixture.run)
        #expect(fixture.outputs() != zero)
        fillEnded(fixture, 1e30)
        fixture.verify(tolerance: 5e-3)
    }

    @Test(arguments: onEach(examples + clipped)) func rowsOfEndedSequencesDoNotMatter(backend: TestedBackend, example: Example) {
        func result(_ value: Float) -> (outputs: [Float], inputGradient: [Float], gradients: [Float]) {
            let fixture = example.make(backend)
            fillEnded(fixture, value)
            let outputs = running(fixture.outputs(), fixture.shape), inputGradient = fixture.backward()
            for row in fixture.shape.endedRows { #expect(inputGradient.matrix.values(row).allSatisfy { $0 == 0 }) }
            return (outputs, inputGradient.values, fixture.fixture.gradients)
        }
        let quiet = result(0)
        #expect(quiet.gradients.contains { $0 != 0 } && quiet.gradients.allSatisfy(\.isFinite))
        for value in [1, -1e30, 3e37] as [Float] {
            let loud = result(value)
            #expect(loud.outputs == quiet.outputs)
            #expect(loud.inputGradient == quiet.inputGradient)
            #expect(loud.gradients == quiet.gradients)
        }
    }

    /// The gradient of an output that belongs to no running sequence is ignored.
    @Test(arguments: onEach(examples + clipped))
    func gradientsOfEndedSequencesDoNotMatter(backend: TestedBackend, example: Example) {
        func result(_ value: Float) -> [Float] {
            let fixture = example.make(backend)
            for row in fixture.shape.endedRows { fixture.factors.matrix.rows(row..<row + 1).fill(value) }
            return fixture.backward().values + fixture.fixture.gradients
        }
        let expected = result(0)
        for value in [1e30, .nan] as [Float] { #expect(result(value) == expected) }
    }

    /// A larger window before leaves no trace, even if its values were not numbers.
    @Test(arguments: onEach(examples.filter { $0.lengths.count > 1 }))
    func aWindowBeforeDoesNotMatter(backend: TestedBackend, example: Example) {
        let fresh = example.make(backend)
        let outputs = running(fresh.outputs(), fresh.shape), inputGradient = fresh.backward().values
        for value in [2, .nan] as [Float] {
            let used = example.make(backend)
            let full = WindowShape(steps: used.shape.steps, batch: used.shape.batch)
            let input = OwnedMatrix(full.rows, 6), slopes = OwnedMatrix(full.rows, used.stack.outputSize)
            input.matrix.fill(value)
            slopes.matrix.fill(2)
            used.fixture.pass(input.matrix, outputGradient: slopes, inputGradient: input, full)
            #expect(used.fixture.gradients.contains { $0.isNaN } == value.isNaN)
            used.fixture.clearGradients()
            #expect(running(used.outputs(), used.shape) == outputs)
            #expect(used.backward().values == inputGradient)
            #expect(used.fixture.gradients == fresh.fixture.gradients)
        }
    }

    /// With packed weights, the products of the input leave out sequences that have ended.
    @Test(arguments: onEach(examples + clipped)) func packedWeightsChangeNothing(backend: TestedBackend, example: Example) {
        let plain = example.make(backend), packed = example.make(backend)
        packed.fixture.parameters.planPacking(packed.stack.factors)
        packed.fixture.parameters.packWeights()
        #expect(running(packed.outputs(), packed.shape) == running(plain.outputs(), plain.shape))
        #expect(packed.backward().values == plain.backward().values)
        #expect(packed.fixture.gradients == plain.fixture.gradients)
    }

    /// The gradients of a window are the sum of those that each sequence has alone.
    @Test(arguments: onEach((examples + clipped).map(\.withoutDropout)))
    func gradientsAreTheSumOfEachSequences(backend: TestedBackend, example: Example) {
        let together = example.make(backend), alone = example.make(backend)
        let outputs = together.outputs(), inputGradient = together.backward()
        let (batch, width) = (example.lengths.count, together.stack.outputSize)
        for (sequence, length) in example.lengths.enumerated() where length > 0 {
            func rows(of matrix: OwnedMatrix) -> OwnedMatrix {
                OwnedMatrix((0..<length).map { matrix.matrix.values($0 * batch + sequence) })
            }
            let input = rows(of: alone.input), gradient = OwnedMatrix(length, 6)
            let shape = WindowShape(lengths: [length])
            let own = alone.outputs(of: input.matrix, shape)
            alone.fixture.pass(input.matrix, outputGradient: rows(of: alone.factors), inputGradient: gradient, shape)
            for step in 0..<length {
                let row = step * batch + sequence
                for unit in 0..<width { #expect(abs(own[step * width + unit] - outputs[row * width + unit]) < 1e-5) }
            }
            for (one, other) in zip(gradient.values, rows(of: inputGradient).values) {
                #expect(abs(one - other) < 1e-5 * (1 + abs(one)))
            }
        }
        for parameter in together.fixture.plan.own.parameters {
            let sum = alone.fixture.gradient(of: parameter).values, own = together.fixture.gradient(of: parameter).values
            #expect(own.contains { $0 != 0 }, "\(parameter.name)")
            for (one, other) in zip(own, sum) { #expect(abs(one - other) < 2e-5 * (1 + abs(one)), "\(parameter.name)") }
        }
    }

    /// Sentences of several lengths in one batch give what each gives alone.
    @Test(arguments: backends) func shorterSequencesDropOut(backend: TestedBackend) {
        let lengths = [6, 4, 4, 1]
        let fixture = StackFixture(
            inputs: 7, options: .sized(9, 5, cellClip: 1, layerNorm: true, dropout: 0.1), layers: 2, residual: true,
            shape: WindowShape(lengths: lengths), training: false, on: backend.make(1))
        #expect(fixture.shape.active == [4, 3, 3, 3, 1, 1])
        let outputs = fixture.outputs(of: fixture.input.matrix, fixture.shape)
        for (sequence, length) in lengths.enumerated() {
            let alone = OwnedMatrix((0..<length).map { fixture.input.matrix.values($0 * 4 + sequence) })
            let result = fixture.outputs(of: alone.matrix, WindowShape(lengths: [length]))
            for step in 0..<length {
                for unit in 0..<5 {
                    #expect(abs(result[step * 5 + unit] - outputs[(step * 4 + sequence) * 5 + unit]) < 1e-5)
                }
            }
        }
    }
}
