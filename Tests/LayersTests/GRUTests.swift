@_spi(HostMemory) import Kernels
import Layers
import Testing

@Suite struct GRUTests {
    private func stack(
        _ shape: WindowShape, inputs: Int, cell: Int, layers: Int = 1, dropout: Float = 0, training: Bool = true,
        on backend: any Backend
    ) -> LayerFixture<RecurrentStack<GRU>> {
        var random = Random(seed: 7)
        let fixture = LayerFixture(WindowCapacity(shape), training: training ? Adam() : nil, on: backend) { plan in
            RecurrentStack<GRU>(
                "gru", inputs: inputs, width: cell, layers: layers, residual: layers > 1, dropout: dropout, in: &plan
            ) { name, inputs, first, plan in
                GRU(name, inputs: inputs, cell: cell, sharing: first, in: &plan)
            }
        }
        fixture.parameters.randomize(&random)
        fixture.mode = .training(seed: 1, step: 1)
        return fixture
    }

    /// Outputs and gradients of flax.linen.GRUCell 0.12.8 under jax.grad, in double precision; tensor k is wave k.
    @Test(arguments: backends) func agreesWithFlax(backend: TestedBackend) throws {
        let shape = WindowShape(steps: 3, batch: 2)
        let fixture = LayerFixture(WindowCapacity(shape), on: backend.make(1)) { GRU("gru", inputs: 4, cell: 3, in: &$0) }
        let input = OwnedMatrix(6, 4), slopes = OwnedMatrix(6, 3), inputGradient = OwnedMatrix(6, 4)
        input.matrix.fillWave(1)
        for (index, parameter) in fixture.plan.own.parameters.enumerated() {
            fixture.parameters.value(parameter).fillWave(Double(index) + 2)
        }
        slopes.matrix.fillWave(6)
        expect(
            fixture.outputs(input.matrix, shape),
            [0.10594581, 0.27812717, 0.24825243, 0.13889086, -0.07076162, -0.17650006, 0.24266722, 0.4840977, 0.41520331,
             0.21516051, -0.11656259, -0.29835297, 0.36963664, 0.5301312, 0.42741858, 0.23822436, -0.08888731, -0.30530486])
        fixture.pass(input.matrix, outputGradient: slopes, inputGradient: inputGradient, shape)
        expect(
            inputGradient.values,
            [0.0650567, 0.0638366, 0.06259846, 0.06134262, 0.00811, 0.00904088, 0.0099692, 0.0108947, -0.1060986, -0.10768455,
             -0.10924005, -0.11076467, 0.0001189, -0.00149382, -0.00310612, -0.00471754, 0.02546389, 0.0287285, 0.03198498,
             0.03523242, -0.10344455, -0.10643247, -0.1093903, -0.1123172])
        let expected: [[Double]] = [
            [0.01667767, 0.0037822, -0.00020468, 0.01448315, 0.00314832, -0.00750062, -0.19835704, -0.1044164, -0.02364001,
             0.0089688, 0.0000651, -0.00250582, 0.00630775, 0.00492762, -0.00391573, -0.05214246, -0.02520157, -0.01805276,
             -0.00295823, -0.00368261, -0.00362843, -0.00483428, 0.00438938, 0.00151079, 0.11859553, 0.06586595, -0.00397502,
             -0.01349396, -0.00569834, -0.00304454, -0.01370267, 0.00178674, 0.00622676, 0.2335562, 0.12595569, 0.01197223],
            [0.0063417, 0.00581944, -0.00093794, 0.00018339, 0.00211301, 0.00414156, 0.01491262, -0.01232748, -0.0155292,
             -0.00262959, 0.00139296, -0.0025325, -0.00849742, 0.00305423, 0.00808017, 0.068888, 0.0154413, -0.00475506,
             -0.00772161, -0.00246097, -0.00231691, -0.01037703, 0.0018137, 0.00652363, 0.07362174, 0.02834014, 0.00601993],
            [0.0486912, 0.02348352, -0.00635212, 0.00336714, 0.02182557, 0.01214235, -0.16563899, -0.18775301, -0.15457557],
            [-0.05314441, -0.0752425, -0.05529874],
        ]
        for (parameter, expected) in zip(fixture.plan.own.parameters, expected) {
            expect(fixture.gradient(of: parameter).values, expected)
        }
    }

    private func expect(_ values: [Float], _ expected: [Double], sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(values.count == expected.count, sourceLocation: sourceLocation)
        for (index, (own, other)) in zip(values, expected).enumerated() {
            #expect(abs(Double(own) - other) < 1e-6, "\(index)", sourceLocation: sourceLocation)
        }
    }

    @Test(arguments: onEach([([4, 4], 1), ([5, 3, 3, 1], 2), ([6, 1, 1], 3), ([1], 1), ([4, 2, 0], 2)]))
    func gradients(backend: TestedBackend, example: (lengths: [Int], layers: Int)) {
        let shape = WindowShape(lengths: example.lengths)
        let fixture = stack(shape, inputs: 7, cell: 7, layers: example.layers, dropout: 0.3, on: backend.make(1))
        var random = Random(seed: 3)
        let input = OwnedMatrix(shape.rows, 7, random: &random), factors = OwnedMatrix(shape.rows, 7, random: &random)
        for row in shape.endedRows { factors.matrix.rows(row..<row + 1).fill(0) }
        fixture.verifyGradients(input, factors: factors, shape, tolerance: 5e-3)
    }

    @Test func carriedStateContinuesTheSequence() {
        let whole = WindowShape(steps: 6, batch: 3), half = WindowShape(steps: 3, batch: 3)
        let fixture = stack(whole, inputs: 5, cell: 9, layers: 2, training: false, on: processor())
        fixture.mode = .inference
        var random = Random(seed: 3)
        let input = OwnedMatrix(18, 5, random: &random)
        let expected = fixture.outputs(input.matrix, whole)
        fixture.memory.startsAtZero = true
        var found: [Float] = []
        for first in [0, 9] {
            found += fixture.outputs(input.matrix.rows(first..<first + 9), half)
            fixture.layer.carryState(from: half, fixture.run)
        }
        for (own, other) in zip(found, expected) { #expect(abs(own - other) < 1e-6) }
    }

    @Test func bitsDoNotDependOnThreads() {
        let shape = WindowShape(steps: 3, batch: 40)
        let results = [1, 2].map { threads in
            let fixture = stack(shape, inputs: 40, cell: 300, layers: 2, dropout: 0.1, on: processor(threads: threads))
            var random = Random(seed: 3)
            let input = OwnedMatrix(120, 40, random: &random), slopes = OwnedMatrix(120, 300, random: &random)
            let inputGradient = OwnedMatrix(120, 40)
            fixture.pass(input.matrix, outputGradient: slopes, inputGradient: inputGradient, shape)
            return (inputGradient.values + fixture.gradients).map(\.bitPattern)
        }
        #expect(results[0] == results[1])
    }
}
