@_spi(HostMemory) import Kernels
import Layers
import Testing

@Suite struct TransformerTests {
    private func options(_ change: (inout Transformer.Options) -> Void = { _ in }) -> Transformer.Options {
        var options = Transformer.Options(width: 12, heads: 3, hidden: 20, layers: 2)
        change(&options)
        return options
    }

    private func fixture(
        _ options: Transformer.Options, _ shape: WindowShape, training: Bool = true, on backend: any Backend = processor()
    ) -> LayerFixture<Transformer> {
        var random = Random(seed: 7)
        let fixture = LayerFixture(WindowCapacity(shape), training: training ? Adam() : nil, on: backend) {
            Transformer("transformer", options: options, in: &$0)
        }
        fixture.parameters.randomize(&random, scale: 0.3)
        fixture.mode = .training(seed: 1, step: 1)
        return fixture
    }

    /// A window of sequences of these lengths.
    private func window(_ lengths: [Int], _ numbers: FloatBuffer) -> WindowShape {
        WindowShape(lengths: lengths, in: Numbers(numbers, count: lengths.count))
    }

    private static let examples: [(lengths: [Int], change: @Sendable (inout Transformer.Options) -> Void)] = [
        ([4, 4], { _ in }), ([5, 3, 1], { $0.isCausal = false }), ([5, 3, 1], { $0.learnedPositions = 6 }),
        ([6, 2], { ($0.function, $0.isCausal) = (.gelu, false) }), ([4, 2, 0], { ($0.heads, $0.function) = (1, .gelu) }),
        ([5, 4], { ($0.dropout, $0.attentionDropout) = (0.3, 0.2) }), ([1], { $0.layers = 1 }),
    ]

    @Test(arguments: onEach(Array(examples.indices))) func gradients(backend: TestedBackend, example: Int) {
        let (lengths, change) = Self.examples[example], numbers = FloatBuffer(count: lengths.count)
        let shape = window(lengths, numbers)
        let fixture = fixture(options(change), shape, on: backend.make(1))
        var random = Random(seed: 3)
        let input = OwnedMatrix(shape.rows, 12, random: &random), factors = OwnedMatrix(shape.rows, 12, random: &random)
        for row in shape.endedRows { factors.matrix.rows(row..<row + 1).fill(0) }
        fixture.verifyGradients(input, factors: factors, shape, tolerance: 5e-3, step: 3e-3)
        withExtendedLifetime(numbers) {}
    }

    /// Later words and other sequences of the batch change no bit of what comes before them.
    @Test func aCausalStepSeesNothingThatComesLater() {
        let short = WindowShape(steps: 70, batch: 1), long = WindowShape(steps: 150, batch: 2)
        let options = options { $0.layers = 3 }
        var random = Random(seed: 3)
        let input = OwnedMatrix(300, 12, random: &random), own = OwnedMatrix(70, 12)
        for step in 0..<70 { own.matrix.rows(step..<step + 1).copy(from: input.matrix.rows(2 * step..<2 * step + 1)) }
        func outputs(_ input: Matrix, _ shape: WindowShape) -> [Float] {
            let fixture = fixture(options, shape, training: false)
            fixture.mode = .inference
            return fixture.outputs(input, shape)
        }
        let alone = outputs(own.matrix, short), together = outputs(input.matrix, long)
        for step in 0..<70 {
            #expect(alone[12 * step..<12 * (step + 1)].elementsEqual(together[24 * step..<24 * step + 12]), "\(step)")
        }
    }

    /// A sequence's outputs are the same bits alone, and beside longer ones.
    @Test(arguments: [true, false]) func aBatchDoesNotShow(isCausal: Bool) {
        let lengths = [90, 65, 64, 3], numbers = FloatBuffer(count: 4), shape = window(lengths, numbers)
        let options = options { $0.isCausal = isCausal }, whole = fixture(options, shape, training: false)
        var random = Random(seed: 3)
        let input = OwnedMatrix(shape.rows, 12, random: &random)
        whole.mode = .inference
        let together = whole.outputs(input.matrix, shape)
        for (sequence, length) in lengths.enumerated() {
            let own = OwnedMatrix(length, 12), alone = WindowShape(steps: length, batch: 1)
            for step in 0..<length {
                let row = 4 * step + sequence
                own.matrix.rows(step..<step + 1).copy(from: input.matrix.rows(row..<row + 1))
            }
            let fixture = fixture(options, alone, training: false)
            fixture.mode = .inference
            let outputs = fixture.outputs(own.matrix, alone)
            for step in 0..<length {
                let row = 4 * step + sequence
                #expect(outputs[12 * step..<12 * (step + 1)].elementsEqual(together[12 * row..<12 * (row + 1)]), "\(sequence), \(step)")
            }
        }
        withExtendedLifetime(numbers) {}
    }

    @Test func bitsDoNotDependOnThreads() {
        let shape = WindowShape(steps: 80, batch: 3)
        let options = options { ($0.dropout, $0.attentionDropout, $0.function) = (0.1, 0.1, .gelu) }
        let results = [1, 2, 3].map { threads in
            let fixture = fixture(options, shape, on: processor(threads: threads))
            var random = Random(seed: 3)
            let input = OwnedMatrix(240, 12, random: &random), slopes = OwnedMatrix(240, 12, random: &random)
            let inputGradient = OwnedMatrix(240, 12)
            fixture.pass(input.matrix, outputGradient: slopes, inputGradient: inputGradient, shape)
            return (inputGradient.values + fixture.gradients).map(\.bitPattern)
        }
        #expect(results[0] == results[1] && results[0] == results[2])
    }
}
