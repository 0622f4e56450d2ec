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

    /// Five steps of training by an independent implementation.
    private struct Reference: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let lengths: [Int]
        let change: @Sendable (inout Transformer.Options) -> Void
        /// Loss and norm of the gradient before each step.
        let steps: [(loss: Double, norm: Double)]
        /// The output of the last sequence's last step after all of them.
        let output: [Double]
    }

    /// torch.nn.TransformerEncoderLayer of PyTorch 2.15 with norm_first, in double precision, its activation ReLU or GELU in the
    /// approximation "tanh"; tensor k is wave k, the input wave 1, and the targets of the mean cosine loss wave 40; Adam with a rate
    /// of 0.01. Later rows of shorter sequences are masked and do not count.
    private static let references = [
        Reference(
            testDescription: "causal, ReLU", lengths: [5, 5], change: { _ in },
            steps: [
                (0.9355609, 0.1278468), (0.9124602, 0.1183036), (0.8877548, 0.1766710), (0.8476389, 0.2450713), (0.8047283, 0.2843044),
            ],
            output: [
                0.329118, -0.728695, -0.23533, -0.305123, -0.655416, -0.610565, 0.337886, 0.10124, 0.580783, 1.03772, -0.298654,
                -0.1657,
            ]),
        Reference(
            testDescription: "GPT: causal, GELU, learned positions", lengths: [5, 5],
            change: { ($0.function, $0.learnedPositions) = (.gelu, 6) },
            steps: [
                (0.9576119, 0.2522330), (0.9207933, 0.1443977), (0.9041820, 0.1315264), (0.8893652, 0.1311301), (0.8731096, 0.1361057),
            ],
            output: [
                0.44227, -0.348293, -0.469507, -0.351582, 0.068807, 0.426641, 0.336964, 1.04134, 1.305442, 0.422034, -0.382483,
                -0.470536,
            ]),
        Reference(
            testDescription: "not causal, several lengths", lengths: [5, 3, 1], change: { $0.isCausal = false },
            steps: [
                (0.9237386, 0.4361102), (0.8655312, 0.3546135), (0.8093724, 0.3322838), (0.7463166, 0.3743597), (0.6766795, 0.4136160),
            ],
            output: [
                -0.075599, 0.57481, -0.015729, -0.390021, -0.446569, -1.059793, -0.015841, 0.169465, 0.411138, 0.252019, 0.039861,
                0.341729,
            ]),
    ]

    @Test(arguments: onEach(Array(references.indices))) func trainsAsPyTorchDoes(backend: TestedBackend, index: Int) {
        let reference = Self.references[index], numbers = FloatBuffer(count: reference.lengths.count)
        let shape = window(reference.lengths, numbers), fixture = fixture(options(reference.change), shape, on: backend.make(1))
        fixture.parameters.fillWaves()
        let input = OwnedMatrix(shape.rows, 12), target = OwnedMatrix(shape.rows, 12), gradient = OwnedMatrix(shape.rows, 12)
        input.matrix.fillWave(1)
        target.matrix.fillWave(40)
        let counted = FloatBuffer(count: 2 * shape.rows), factors = Scalars(counted, count: shape.rows)
        let ended = Set(shape.endedRows)
        for row in 0..<shape.rows { factors[row] = ended.contains(row) ? 0 : 1 / Double(shape.rows - ended.count) }
        for (number, expected) in reference.steps.enumerated() {
            let loss = fixture.loss { loss, run in
                let output = fixture.layer.forward(input.matrix, shape, run)
                run.backend.addDistance(.cosine, output, target.matrix, factors: factors, gradient: gradient.matrix, loss: loss)
                fixture.layer.backward(
                    input.matrix, outputGradient: gradient.matrix, inputGradient: nil, adding: false, shape, run)
            }
            #expect(abs(loss - expected.loss) < 2e-6, "step \(number)")
            let norm = fixture.parameters.update(.init(step: number + 1, rate: 0.01, clip: nil))
            #expect(abs(norm - expected.norm) < 2e-6, "step \(number)")
        }
        let output = fixture.layer.forward(input.matrix, shape, fixture.run)
        let last = output.row((reference.lengths.last! - 1) * shape.batch + shape.batch - 1)
        for (index, expected) in reference.output.enumerated() { #expect(abs(Double(last[index]) - expected) < 5e-6, "\(index)") }
        withExtendedLifetime((numbers, counted)) {}
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

    /// A sequence's outputs are the same bits alone, beside longer ones, and behind others.
    @Test(arguments: [true, false], [true, false]) func aBatchDoesNotShow(isCausal: Bool, isPacked: Bool) {
        let lengths = [90, 65, 64, 3], numbers = FloatBuffer(count: 8)
        let shape = isPacked ? WindowShape(packing: lengths, in: Numbers(numbers, count: 8)) : window(lengths, numbers)
        #expect(shape.rows == (isPacked ? 222 : 360) && shape.steps == 90 && shape.batch == 4)
        let options = options { ($0.isCausal, $0.learnedPositions) = (isCausal, isCausal ? nil : 100) }
        let whole = fixture(options, shape, training: false)
        var random = Random(seed: 3)
        let input = OwnedMatrix(shape.rows, 12, random: &random)
        whole.mode = .inference
        let together = whole.outputs(input.matrix, shape)
        for (sequence, length) in lengths.enumerated() {
            let own = OwnedMatrix(length, 12), alone = WindowShape(steps: length, batch: 1)
            for step in 0..<length {
                let row = shape.row(step, of: sequence)
                own.matrix.rows(step..<step + 1).copy(from: input.matrix.rows(row..<row + 1))
            }
            let fixture = fixture(options, alone, training: false)
            fixture.mode = .inference
            let outputs = fixture.outputs(own.matrix, alone)
            for step in 0..<length {
                let row = shape.row(step, of: sequence)
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
