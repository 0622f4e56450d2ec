@_spi(HostMemory) import Kernels
import Layers
import Testing

@Suite struct BidirectionalTests {
    /// Sequences of some lengths, which operations may read.
    private struct Window {
        let shape: WindowShape
        private let numbers: OwnedNumbers

        init(_ lengths: [Int]) {
            numbers = OwnedNumbers(lengths.map { _ in Int32(0) })
            shape = WindowShape(lengths: lengths, in: numbers.numbers)
        }

        init(steps: Int, batch: Int) {
            numbers = OwnedNumbers([])
            shape = WindowShape(steps: steps, batch: batch)
        }
    }

    enum Kind: String, CaseIterable, CustomTestStringConvertible {
        case lstm, projected, gru
        var testDescription: String { rawValue }
    }

    /// A stack of two halves of width 6 in each layer, with residual connections and dropout.
    private func verify(_ kind: Kind, _ window: Window, layers: Int, on backend: any Backend) {
        func check(_ fixture: LayerFixture<some SequenceEncoder>) {
            var random = Random(seed: 7)
            fixture.parameters.randomize(&random)
            fixture.mode = .training(seed: 1, step: 1)
            let shape = window.shape
            let input = OwnedMatrix(shape.rows, 12, random: &random), factors = OwnedMatrix(shape.rows, 12, random: &random)
            for row in shape.endedRows { factors.matrix.rows(row..<row + 1).fill(0) }
            fixture.verifyGradients(input, factors: factors, shape, tolerance: 5e-3)
        }
        let capacity = WindowCapacity(window.shape)
        switch kind {
        case .gru:
            check(LayerFixture(capacity, on: backend) { plan in
                RecurrentStack<Bidirectional<GRU>>.bidirectional(
                    "both", width: 6, layers: layers, residual: layers > 1, dropout: 0.2, in: &plan
                ) { name, inputs, other, plan in GRU(name, inputs: inputs, cell: 6, sharing: other, in: &plan) }
            })
        case .lstm, .projected:
            let options: ProjectedLSTM.Options = kind == .lstm
                ? .sized(6, nil) : .sized(9, 6, layerNorm: true, dropout: 0.2)
            check(LayerFixture(capacity, on: backend) { plan in
                RecurrentStack<Bidirectional<ProjectedLSTM>>.bidirectional(
                    "both", width: 6, layers: layers, residual: layers > 1, dropout: 0, in: &plan
                ) { name, inputs, other, plan in
                    ProjectedLSTM(name, inputs: inputs, options: options, sharing: other, in: &plan)
                }
            })
        }
    }

    @Test(arguments: backends, Kind.allCases) func gradients(backend: TestedBackend, kind: Kind) {
        for (lengths, layers) in [([4, 4], 1), ([5, 3, 3, 1], 2), ([6, 1, 1], 3), ([1], 1)] {
            verify(kind, Window(lengths), layers: layers, on: backend.make(1))
        }
        verify(kind, Window(steps: 4, batch: 2), layers: 2, on: backend.make(1))
    }

    private func stack(_ capacity: WindowCapacity, training: Bool, threads: Int = 1) -> LayerFixture<RecurrentStack<Bidirectional<ProjectedLSTM>>> {
        var random = Random(seed: 7)
        let fixture = LayerFixture(capacity, training: training ? Adam() : nil, on: processor(threads: threads)) { plan in
            RecurrentStack<Bidirectional<ProjectedLSTM>>.bidirectional(
                "both", width: 20, layers: 2, residual: true, dropout: 0, in: &plan
            ) { name, inputs, other, plan in
                ProjectedLSTM(name, inputs: inputs, options: .sized(70, 20, layerNorm: true), sharing: other, in: &plan)
            }
        }
        fixture.parameters.randomize(&random, scale: 0.2)
        return fixture
    }

    /// Layers that share their working memory give what those give that keep everything.
    @Test func withoutTrainingTheOutputsAreTheSame() {
        let window = Window([7, 5, 5, 2]), capacity = WindowCapacity(window.shape)
        var random = Random(seed: 3)
        let input = OwnedMatrix(window.shape.rows, 40, random: &random)
        let outputs = [true, false].map { training -> [[Float]] in
            let fixture = stack(capacity, training: training)
            _ = fixture.outputs(input.matrix, window.shape)
            return (0..<2).map { layer in
                let values = fixture.layer.layerOutput(layer, window.shape, fixture.run)
                return (0..<window.shape.steps).flatMap { step in window.shape.activeBlock(step).flatMap { values.values($0) } }
            }
        }
        #expect(outputs[0] == outputs[1])
    }

    /// A sequence has the same bits alone and beside others, whatever stands behind its end.
    @Test func neighboursDoNotMatter() {
        let window = Window([7, 5, 5, 2]), shape = window.shape, alone = Window([5])
        let fixture = stack(WindowCapacity(shape), training: false)
        var random = Random(seed: 3)
        let input = OwnedMatrix(shape.rows, 40, random: &random), own = OwnedMatrix(5, 40)
        for row in shape.endedRows { input.matrix.rows(row..<row + 1).fill(1e30) }
        for step in 0..<5 { own.matrix.rows(step..<step + 1).copy(from: input.matrix.rows(step * 4 + 2..<step * 4 + 3)) }
        let together = fixture.outputs(input.matrix, shape), single = fixture.outputs(own.matrix, alone.shape)
        for step in 0..<5 {
            #expect(Array(together[(step * 4 + 2) * 40..<(step * 4 + 3) * 40]) == Array(single[step * 40..<(step + 1) * 40]))
        }
    }

    /// Every output depends on the first word and on the last.
    @Test func bothSidesAreSeen() {
        let shape = WindowShape(steps: 5, batch: 1), fixture = stack(WindowCapacity(shape), training: false)
        var random = Random(seed: 3)
        let input = OwnedMatrix(5, 40, random: &random), before = fixture.outputs(input.matrix, shape)
        for changed in [0, 4] {
            let other = OwnedMatrix(copying: input)
            other.matrix.rows(changed..<changed + 1).fill(0.5)
            let after = fixture.outputs(other.matrix, shape)
            for step in 0..<5 { #expect(before[step * 40..<(step + 1) * 40] != after[step * 40..<(step + 1) * 40], "\(step)") }
        }
    }

    @Test func bitsDoNotDependOnThreads() {
        let window = Window([6, 6, 4, 4, 3, 1]), shape = window.shape
        let results = [1, 2, 3].map { threads in
            let fixture = stack(WindowCapacity(shape), training: true, threads: threads)
            fixture.mode = .training(seed: 1, step: 1)
            var random = Random(seed: 3)
            let input = OwnedMatrix(shape.rows, 40, random: &random), slopes = OwnedMatrix(shape.rows, 40, random: &random)
            for row in shape.endedRows { slopes.matrix.rows(row..<row + 1).fill(0) }
            let inputGradient = OwnedMatrix(shape.rows, 40)
            fixture.pass(input.matrix, outputGradient: slopes, inputGradient: inputGradient, shape)
            return (inputGradient.values + fixture.gradients).map(\.bitPattern)
        }
        #expect(results[0] == results[1] && results[0] == results[2])
    }
}

@Suite struct MaskVectorTests {
    /// The vector gets the gradients of its rows, and what stood there before gets none.
    @Test(arguments: backends) func gradients(backend: TestedBackend) throws {
        let fixture = LayerFixture(rows: 6, on: backend.make(1)) { MaskVector("mask", width: 5, places: 4, in: &$0) }
        var random = Random(seed: 2)
        fixture.parameters.randomize(&random)
        let input = OwnedMatrix(6, 5, random: &random), factors = OwnedMatrix(6, 5, random: &random)
        let places = OwnedNumbers([4, 1, 5, -1]), gradient = OwnedMatrix(copying: factors)
        func output() -> OwnedMatrix {
            let output = OwnedMatrix(copying: input)
            fixture.layer.forward(output.matrix, at: places.numbers, fixture.run)
            return output
        }
        let vector = fixture.parameters.value(fixture.layer.vector).values(0), filled = output()
        for row in 0..<6 { #expect(filled.matrix.values(row) == ([1, 4, 5].contains(row) ? vector : input.matrix.values(row))) }
        fixture.layer.backward(gradient.matrix, at: places.numbers, fixture.run)
        var check = GradientCheck()
        check.add(fixture)
        check.add("input", input, gradient)
        check.verify {
            let output = output()
            return withExtendedLifetime(output) { factors.dot(output.matrix) }
        }
    }
}
