import Differentiation
@_spi(HostMemory) import Kernels
import Layers
import Parallel
import Tasks
import Testing

@Suite struct VectorInputTests {
    /// At the beginning every layer has the same share.
    @Test func theMixBeginsAsTheMean() {
        let backend = ProcessorBackend(), form = VectorForm(layers: 2, width: 3, wordWidth: 1)
        var plan = Plan(backend, capacity: WindowCapacity(batch: 1, rows: 1), isTraining: true)
        let input = VectorInput(form, in: &plan)
        let parameters = ParameterStore(plan.own, training: Adam(), backend: backend), tape = Tape(parameters, on: backend)
        input.initialize(parameters)
        let memory = FloatBuffer(count: 14)
        for index in 0..<14 { memory.start[index] = Float(index) }
        let node = input.forward([Matrix(memory, rows: 1, columns: 7), Matrix(memory, at: 7, rows: 1, columns: 7)], on: tape)
        #expect(input.size == 4 && Array(node.value.floats) == [1.5, 2.5, 3.5, 6, 8.5, 9.5, 10.5, 13])
        withExtendedLifetime(memory) {}
    }
}
