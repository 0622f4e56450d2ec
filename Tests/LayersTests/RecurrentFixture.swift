@_spi(HostMemory) import Kernels
import Layers
import Testing

/// A stack of recurrent layers of any kind with random weights, input and loss, and the tests that all kinds stand.
struct RecurrentFixture<Recurrent: RecurrentLayer> {
    /// Layers, and what goes through them; as many inputs as the layers are wide.
    struct Example {
        var layers = 1
        var width = 7
        var residual = false
        var dropout: Float = 0
        /// The lengths of the sequences.
        var lengths = [4, 4]
        let make: @Sendable (_ name: String, _ width: Int, _ first: Recurrent?, _ plan: inout Plan) -> Recurrent
    }

    let fixture: LayerFixture<RecurrentStack<Recurrent>>
    let shape: WindowShape
    let input: OwnedMatrix
    /// What each output counts in the loss; nothing where sequences have ended.
    let factors: OwnedMatrix

    init(_ example: Example, training: Bool = true, on backend: any Backend = processor()) {
        var random = Random(seed: 7)
        shape = WindowShape(lengths: example.lengths)
        fixture = LayerFixture(WindowCapacity(shape), training: training ? Adam() : nil, on: backend) { plan in
            RecurrentStack<Recurrent>(
                "stack", inputs: example.width, width: example.width, layers: example.layers, residual: example.residual,
                dropout: example.dropout, in: &plan
            ) { name, inputs, first, plan in
                example.make(name, inputs, first, &plan)
            }
        }
        fixture.parameters.randomize(&random)
        fixture.mode = training ? .training(seed: 1, step: 1) : .inference
        input = OwnedMatrix(shape.rows, example.width, random: &random)
        factors = OwnedMatrix(shape.rows, example.width, random: &random)
        fillEnded(factors, 0)
    }

    func fillEnded(_ matrix: OwnedMatrix, _ value: Float) {
        for row in shape.endedRows { matrix.matrix.rows(row..<row + 1).fill(value) }
    }

    /// The outputs of sequences that are still running.
    func outputs() -> [Float] {
        let outputs = fixture.outputs(input.matrix, shape), width = outputs.count / max(1, shape.rows)
        return (0..<shape.steps).flatMap { step -> ArraySlice<Float> in
            let block = shape.activeBlock(step)
            return outputs[block.lowerBound * width..<block.upperBound * width]
        }
    }

    /// Gradients of the sum of outputs times factors; returns that of the input.
    func backward() -> OwnedMatrix {
        let gradient = OwnedMatrix(shape.rows, input.matrix.columns)
        fixture.pass(input.matrix, outputGradient: factors, inputGradient: gradient, shape)
        return gradient
    }

    /// Gradients are the slopes of the loss, from the zero state and from one that was carried on, whatever lies in the rows of
    /// sequences that have ended.
    static func checkGradients(_ example: Example, on backend: TestedBackend) {
        for carries in [false, true] {
            let fixture = RecurrentFixture(example, on: backend.make(1))
            if carries {
                let full = WindowShape(steps: fixture.shape.steps, batch: fixture.shape.batch)
                _ = fixture.fixture.outputs(fixture.input.matrix, full)
                fixture.fixture.layer.carryState(from: full, fixture.fixture.run)
            }
            fixture.fillEnded(fixture.input, 1e30)
            fixture.fixture.verifyGradients(fixture.input, factors: fixture.factors, fixture.shape, tolerance: 5e-3)
        }
    }

    /// Rows of sequences that have ended do not matter, nor does the gradient of their outputs, nor a window before, nor whether
    /// weights are packed.
    static func checkEndedSequences(_ example: Example, on backend: TestedBackend) {
        func result(_ value: Float, slope: Float, before: Float? = nil, packs: Bool = false) -> [[Float]] {
            let fixture = RecurrentFixture(example, on: backend.make(1))
            if let before {
                let full = WindowShape(steps: fixture.shape.steps, batch: fixture.shape.batch)
                let input = OwnedMatrix(full.rows, example.width), slopes = OwnedMatrix(full.rows, example.width)
                input.matrix.fill(before)
                slopes.matrix.fill(2)
                fixture.fixture.pass(input.matrix, outputGradient: slopes, inputGradient: input, full)
                fixture.fixture.clearGradients()
            }
            if packs {
                fixture.fixture.parameters.planPacking(fixture.fixture.layer.factors)
                fixture.fixture.parameters.packWeights()
            }
            fixture.fillEnded(fixture.input, value)
            fixture.fillEnded(fixture.factors, slope)
            let outputs = fixture.outputs(), inputGradient = fixture.backward()
            for row in fixture.shape.endedRows { #expect(inputGradient.matrix.values(row).allSatisfy { $0 == 0 }) }
            return [outputs, inputGradient.values, fixture.fixture.gradients]
        }
        let expected = result(0, slope: 0)
        #expect(expected[2].contains { $0 != 0 } && expected[2].allSatisfy(\.isFinite))
        for value in [1, -1e30, 3e37] as [Float] { #expect(result(value, slope: 0) == expected) }
        for slope in [1e30, .nan] as [Float] { #expect(result(0, slope: slope) == expected) }
        for before in [2, .nan] as [Float] { #expect(result(0, slope: 0, before: before) == expected) }
        #expect(result(0, slope: 0, packs: true) == expected)
    }

    /// Two windows that hand on their state are one long window.
    static func checkCarriedState(_ example: Example, on backend: TestedBackend) {
        let whole = WindowShape(steps: 6, batch: 3), half = WindowShape(steps: 3, batch: 3)
        var example = example
        example.lengths = [6, 6, 6]
        let fixture = RecurrentFixture(example, training: false, on: backend.make(1)).fixture
        var random = Random(seed: 3)
        let input = OwnedMatrix(whole.rows, example.width, random: &random)
        let expected = fixture.outputs(input.matrix, whole)
        fixture.memory.startsAtZero = true
        var found: [Float] = []
        for first in [0, 9] {
            found += fixture.outputs(input.matrix.rows(first..<first + 9), half)
            fixture.layer.carryState(from: half, fixture.run)
        }
        for (own, other) in zip(found, expected) { #expect(abs(own - other) < 1e-6) }
    }

    /// The bits depend neither on the number of threads nor on the sequences beside.
    static func checkBits(_ example: Example) {
        var example = example
        (example.width, example.lengths) = (150, [Int](repeating: 5, count: 9))
        func run(threads: Int, kernels: ProcessorKernels = .fastest) -> [UInt32] {
            let fixture = RecurrentFixture(example, on: processor(threads: threads)), inputGradient = fixture.backward()
            return (fixture.outputs() + inputGradient.values + fixture.fixture.gradients).map(\.bitPattern)
        }
        let expected = run(threads: 1)
        for threads in [2, 3] { #expect(run(threads: threads) == expected) }

        let together = RecurrentFixture(example, training: false), width = example.width
        let outputs = together.outputs()
        for batch in [1, 2, 4] {
            let rows = OwnedMatrix((0..<5).flatMap { step in (0..<batch).map { together.input.matrix.values(step * 9 + $0) } })
            let alone = together.fixture.outputs(rows.matrix, WindowShape(steps: 5, batch: batch))
            for step in 0..<5 {
                let own = alone[step * batch * width..<(step + 1) * batch * width]
                #expect(own.elementsEqual(outputs[step * 9 * width..<(step * 9 + batch) * width]))
            }
        }
    }

    /// Five steps of Adam, rate 0.05, over two layers of three units and 4 steps of 2 sequences, which begin in the state that the
    /// window before has left: the loss, half the squared distance of the outputs from wave 30, the gradient's norm, and the last
    /// output. The input is wave 1, and parameter k begins as wave k + 2.
    static func checkFiveSteps(_ example: Example, _ expected: [[Double]], on backend: TestedBackend) {
        var example = example
        (example.layers, example.width, example.lengths) = (2, 3, [4, 4])
        let shape = WindowShape(steps: 4, batch: 2), fixture = RecurrentFixture(example, on: backend.make(1)).fixture
        let input = OwnedMatrix(8, 3), target = OwnedMatrix(8, 3), inputGradient = OwnedMatrix(8, 3), gradient = OwnedMatrix(8, 3)
        input.matrix.fillWave(1)
        target.matrix.fillWave(30)
        fixture.parameters.fillWaves()
        for (step, expected) in expected.enumerated() {
            let outputs = fixture.layer.forward(input.matrix, shape, fixture.run)
            var loss = 0.0
            for row in 0..<8 {
                for unit in 0..<3 {
                    let difference = outputs.row(row)[unit] - target.matrix.row(row)[unit]
                    gradient.matrix.row(row)[unit] = difference
                    loss += 0.5 * Double(difference * difference)
                }
            }
            var found = [loss, 0] + outputs.values(7).map(Double.init)
            fixture.layer.backward(
                input.matrix, outputGradient: gradient.matrix, inputGradient: inputGradient.matrix, adding: false, shape,
                fixture.run)
            found[1] = fixture.parameters.update(.init(step: step + 1, rate: 0.05, clip: nil))
            fixture.layer.carryState(from: shape, fixture.run)
            for (own, theirs) in zip(found, expected) {
                #expect(abs(own - theirs) < 2e-5 * max(1, abs(theirs)), "step \(step + 1): \(found), not \(expected)")
            }
        }
    }
}
