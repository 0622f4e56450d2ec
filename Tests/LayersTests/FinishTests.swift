@_spi(HostMemory) import Kernels
import Layers
import Testing

/// The hook that says which gradients are complete.
@Suite struct FinishTests {
    private func makeFixture(layers: Int) -> StackFixture {
        StackFixture(
            inputs: 7, options: .sized(9, 7, layerNorm: true), layers: layers, residual: true, dropout: 0.2,
            shape: WindowShape(lengths: [4, 3, 1]))
    }

    private func backward(_ fixture: StackFixture, finish: ((ParameterRange) -> Void)?) {
        var run = fixture.fixture.run
        run.finish = finish
        let gradient = OwnedMatrix(copying: fixture.factors), inputGradient = OwnedMatrix(fixture.shape.rows, 7)
        _ = fixture.stack.forward(fixture.input.matrix, fixture.shape, run)
        fixture.stack.backward(
            fixture.input.matrix, outputGradient: gradient.matrix, inputGradient: inputGradient.matrix, adding: false,
            fixture.shape, run)
        withExtendedLifetime((gradient, inputGradient)) {}
    }

    /// When a layer is announced, its gradients are what they will be, and those of the layers below are not there yet.
    @Test(arguments: [1, 2, 3]) func eachLayerIsAnnouncedOnceTheTopFirst(layers: Int) throws {
        let fixture = makeFixture(layers: layers)
        let parameters = fixture.fixture.plan.own.parameters
        func gradients() -> [[Float]] { parameters.map { fixture.fixture.gradient(of: $0).values } }
        var announced: [(range: ParameterRange, gradients: [[Float]])] = []
        backward(fixture) { announced.append(($0, gradients())) }
        let final = gradients()
        try #require(announced.count == layers)
        var top = parameters.count
        for (index, (range, found)) in announced.enumerated() {
            #expect(!range.isShared)
            #expect(range.indices.upperBound == top)
            top = range.indices.lowerBound
            #expect(parameters[range.indices].allSatisfy { $0.name.hasPrefix("lstm.layer\(layers - index).") })
            #expect(Array(found[top...]) == Array(final[top...]))
            #expect(found[..<top].joined().allSatisfy { $0 == 0 })
        }
        #expect(top == 0)
        #expect(final.allSatisfy { $0.contains { $0 != 0 } })
    }

    @Test func withoutAHookThereIsTheSameGradient() {
        let hooked = makeFixture(layers: 2), plain = makeFixture(layers: 2)
        #expect(plain.fixture.run.finish == nil)
        backward(hooked) { _ in }
        backward(plain, finish: nil)
        #expect(hooked.fixture.gradients == plain.fixture.gradients)
        #expect(plain.fixture.gradients.contains { $0 != 0 })
    }

    /// A forward pass, as of held-out text, announces nothing.
    @Test func aForwardPassAnnouncesNothing() {
        let fixture = makeFixture(layers: 2)
        var run = fixture.fixture.run, count = 0
        run.finish = { _ in count += 1 }
        _ = fixture.stack.forward(fixture.input.matrix, fixture.shape, run)
        #expect(count == 0)
    }

    /// Layers that networks have in common say so.
    @Test func sharedLayersAreAnnouncedAsShared() {
        let shape = WindowShape(steps: 2, batch: 1), backend = processor()
        var plan = Plan(backend, capacity: WindowCapacity(shape), isTraining: true)
        let own = plan.parameter("first", [3])
        let stack = plan.sharing(true) {
            LSTMStack("lstm", inputs: 3, options: .sized(3, nil), layers: 2, residual: false, in: &$0)
        }
        #expect(plan.own.parameters == [own] && plan.shared.parameters.count == 6)
        let store = ParameterStore(plan.own, training: Adam(), backend: backend)
        let shared = ParameterStore(plan.shared, training: Adam(), backend: backend)
        var random = Random(seed: 1)
        shared.randomize(&random)
        var run = Run(store, shared: shared, memory: PassMemory(plan), backend: backend)
        var ranges: [ParameterRange] = []
        run.finish = { ranges.append($0) }
        let input = OwnedMatrix(2, 3, random: &random), gradient = OwnedMatrix(2, 3, random: &random)
        let inputGradient = OwnedMatrix(2, 3)
        _ = stack.forward(input.matrix, shape, run)
        stack.backward(
            input.matrix, outputGradient: gradient.matrix, inputGradient: inputGradient.matrix, adding: false, shape, run)
        #expect(ranges.map(\.indices) == [3..<6, 0..<3] && ranges.allSatisfy(\.isShared))
    }
}
