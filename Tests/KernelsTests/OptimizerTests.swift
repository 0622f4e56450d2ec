import Glibc
import Parallel
import Testing

@_spi(HostMemory) import Kernels

@Suite struct OptimizerTests {
    /// An update rule and what PyTorch makes of three weights in three updates, the gradient of weight i at step s being
    /// sin(i + 2 s).
    struct Reference: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let optimizer: any Optimizer
        let rate: Float
        var weightDecay: Float = 0
        let expected: [Float]

        static let all = [
            Reference(
                testDescription: "torch.optim.Adam(lr=0.01, eps=1e-6)", optimizer: Adam(), rate: 0.01,
                expected: [-0.009209266, 0.696887768, 1.418238796]),
            Reference(
                testDescription: "torch.optim.AdamW(lr=0.01, eps=1e-6, weight_decay=0.1)", optimizer: Adam(), rate: 0.01,
                weightDecay: 0.1, expected: [-0.009188889, 0.694803536, 1.414014101]),
            Reference(
                testDescription: "torch.optim.Adagrad(lr=0.2, initial_accumulator_value=1, eps=0)", optimizer: Adagrad(),
                rate: 0.2, expected: [-0.001337126, 0.724433661, 1.442166328]),
            Reference(
                testDescription: "torch.optim.Adadelta(rho=0.95)", optimizer: Adadelta(), rate: 1,
                expected: [0.001420202, 0.696739793, 1.401473522]),
            Reference(
                testDescription: "torch.optim.Adadelta(lr=0.5, rho=0.9)", optimizer: Adadelta(rho: 0.9), rate: 0.5,
                expected: [0.000547703, 0.698826194, 1.400521636]),
        ]
    }

    /// With further weights behind the three, they are updated as vectors.
    @Test(arguments: Reference.all, [0, 34]) func agreesWithPyTorch(reference: Reference, further: Int) {
        for kernels in ProcessorKernels.available {
            let weights = [0, 0.7, 1.4] + [Float](repeating: 0.3, count: further)
            let final = Self.run(reference, weights: weights, steps: 3, threads: 1, kernels: kernels)
            for (computed, expected) in zip(final, reference.expected) { #expect(abs(computed - expected) < 2e-7, "\(kernels.name)") }
        }
    }

    @Test func clearsTheGradientAndScalesIt() {
        let memory = Memory(count: 1, Adam())
        memory.gradients.start[0] = 4
        Adam().update(memory.run, OptimizerStep(number: 1, rate: 0.5, scale: 0.25), on: ProcessorBackend())
        #expect(memory.gradients.start[0] == 0)
        #expect(abs(memory.first.start[0] - 0.1) < 1e-7)
        #expect(abs(memory.second.start[0] - 0.001) < 1e-8)
        #expect(abs(memory.weights.start[0] + 0.5) < 1e-5)
    }

    @Test func adadeltaOfNoGradientChangesNothing() {
        let memory = Memory(count: 3, Adadelta())
        memory.weights.fill(0.5)
        Adadelta().update(memory.run, OptimizerStep(number: 1, rate: 1), on: ProcessorBackend())
        #expect(Array(memory.weights.elements) == [0.5, 0.5, 0.5])
        #expect(Array(memory.first.elements) == [0, 0, 0] && Array(memory.second.elements) == [0, 0, 0])
    }

    @Test func adadeltaClearsTheGradientAndScalesIt() {
        let memory = Memory(count: 1, Adadelta())
        memory.gradients.start[0] = 4
        Adadelta().update(memory.run, OptimizerStep(number: 1, rate: 0.5, scale: 0.25, weightDecay: 0.1), on: ProcessorBackend())
        #expect(memory.gradients.start[0] == 0)
        #expect(abs(memory.first.start[0] - 0.05) < 1e-7)
        #expect(abs(memory.weights.start[0] + 0.5 * sqrt(1e-6 / 0.050001)) < 1e-7)
    }

    @Test func adagradOfNoGradientChangesNothing() {
        let memory = Memory(count: 3, Adagrad())
        memory.weights.fill(0.5)
        Adagrad().update(memory.run, OptimizerStep(number: 1, rate: 0.2), on: ProcessorBackend())
        #expect(Array(memory.weights.elements) == [0.5, 0.5, 0.5])
        #expect(Array(memory.first.elements) == [1, 1, 1])
    }

    @Test(arguments: Reference.all) func bitsDoNotDependOnThreads(reference: Reference) {
        let weights: [Float] = (0..<20_001).map { Float($0 % 89) / 89 }
        #expect(
            Self.run(reference, weights: weights, steps: 2, threads: 1)
                == Self.run(reference, weights: weights, steps: 2, threads: 2))
    }

    private struct Memory {
        let weights, gradients, first, second: FloatBuffer

        init(count: Int, _ optimizer: any Optimizer) {
            (weights, gradients) = (FloatBuffer(count: count), FloatBuffer(count: count))
            (first, second) = (FloatBuffer(count: count), FloatBuffer(count: count))
            first.fill(optimizer.initialMoment)
        }

        var run: WeightRun {
            func row(_ buffer: FloatBuffer) -> Matrix { Matrix(buffer, rows: 1, columns: buffer.count) }
            return WeightRun(
                weights: row(weights), gradients: row(gradients), firstMoments: row(first), secondMoments: row(second))
        }
    }

    private static func run(
        _ reference: Reference, weights: [Float], steps: Int, threads: Int, kernels: ProcessorKernels = .fastest
    ) -> [Float] {
        let memory = Memory(count: weights.count, reference.optimizer)
        let compute = ProcessorBackend(pool: ThreadPool(threads: threads), kernels: kernels)
        for index in weights.indices { memory.weights.start[index] = weights[index] }
        for step in 1...steps {
            for index in weights.indices {
                memory.gradients.start[index] = Float(sin(Double(index) + 2 * Double(step)))
            }
            let step = OptimizerStep(number: step, rate: reference.rate, weightDecay: reference.weightDecay)
            reference.optimizer.update(memory.run, step, on: compute)
        }
        return Array(memory.weights.elements)
    }
}
