import Differentiation
import Glibc
@_spi(HostMemory) import Kernels
import Layers
import Parallel
import Tasks
import Testing

/// Vectors that are the same everywhere: number k of sentence s, row after row, is cos(s + k^2 / 3).
struct PatternVectors: FrozenVectors {
    let form: VectorForm
    let lengths: [Int]
    private let memory: [FloatBuffer]

    init(_ form: VectorForm, lengths: [Int]) {
        (self.form, self.lengths) = (form, lengths)
        memory = lengths.enumerated().map { sentence, length in
            let buffer = FloatBuffer(count: length * form.columns)
            for index in 0..<buffer.count { buffer.start[index] = Float(cos(Double(sentence) + Double(index * index) / 3)) }
            return buffer
        }
    }

    func rows(of sentence: Int) -> Matrix { Matrix(memory[sentence], rows: lengths[sentence], columns: form.columns) }
}

/// Words as unit vectors: number w of the word w is 1.
struct UnitVectors: FrozenVectors {
    let form: VectorForm
    private let memory: [FloatBuffer]
    private let sentences: [[Int]]

    init(_ sentences: [[Int]], words: Int) {
        self.sentences = sentences
        form = VectorForm(layers: 0, width: 0, wordWidth: words)
        memory = sentences.map { sentence in
            let buffer = FloatBuffer(count: sentence.count * words)
            for (row, word) in sentence.enumerated() { buffer.start[row * words + word] = 1 }
            return buffer
        }
    }

    func rows(of sentence: Int) -> Matrix { Matrix(memory[sentence], rows: sentences[sentence].count, columns: form.columns) }
}

/// A task network with weights that are the same everywhere, whose gradients can be compared with differences of its loss.
struct NetworkCheck<Network: TaskNetwork> {
    let network: Network
    let parameters: ParameterStore
    let tape: Tape
    private let names: [Parameter]

    /// - Parameters:
    ///   - scale: times so much.
    ///   - declare: declares the parameters, which get the values sin(1 + number + index^2 / 7), those of the first parameter with the
    ///     number 0.
    init(threads: Int = 1, scale: Double = 1, _ declare: (inout Plan) -> Network) {
        let backend = ProcessorBackend(pool: ThreadPool(threads: threads))
        var plan = Plan(backend, capacity: WindowCapacity(batch: 1, rows: 1), isTraining: true)
        network = declare(&plan)
        parameters = ParameterStore(plan.own, training: Adam(), backend: backend)
        tape = Tape(parameters, on: backend)
        names = plan.own.parameters
        for (number, parameter) in names.enumerated() {
            var index = 0
            parameters.fill(parameter) {
                defer { index += 1 }
                return scale * sin(1 + Double(number) + Double(index * index) / 7)
            }
        }
    }

    /// The loss of a batch, whose gradients are added to those that there are.
    func loss(_ batch: [Network.Example], _ vectors: some FrozenVectors, step: Int = 1) -> Double {
        tape.begin(.training(seed: 5, step: step))
        network.addLoss(batch, vectors, on: tape)
        tape.backward()
        return tape.loss
    }

    func predictions(_ batch: [Network.Example], _ vectors: some FrozenVectors) -> [Network.Prediction] {
        tape.begin(.inference)
        return network.predict(batch, vectors, on: tape)
    }

    func clearGradients() { for parameter in names { parameters.gradient(parameter).fill(0) } }

    /// The gradients of all parameters.
    func gradients() -> [Float] { names.flatMap { Array(parameters.gradient($0).floats) } }

    /// Compares the loss of a batch, and of the gradient of each parameter the sum of its elements, each times cos of its index.
    func verify(
        _ batch: [Network.Example], _ vectors: some FrozenVectors, loss expected: Double, gradients sums: [(name: String, sum: Double)]
    ) {
        clearGradients()
        #expect(abs(loss(batch, vectors) - expected) < 1e-6)
        #expect(sums.map(\.name) == names.map(\.name))
        for (parameter, sum) in zip(names, sums) {
            let gradient = parameters.gradient(parameter).floats
            let own = gradient.indices.reduce(0.0) { $0 + Double(gradient[$1]) * cos(Double($1)) }
            #expect(abs(own - sum.sum) < 1e-5, "\(parameter.name): \(own), not \(sum.sum)")
        }
    }

    /// Compares the gradient of every parameter with the slope of the loss, along the gradient and along its largest element.
    /// - Parameter length: of the way on both sides; short, so that few units change sides in it.
    func verify(_ batch: [Network.Example], _ vectors: some FrozenVectors, tolerance: Double = 5e-3, length: Double = 2e-3) {
        clearGradients()
        _ = loss(batch, vectors)
        let gradients = names.map { Array(parameters.gradient($0).floats).map(Double.init) }
        for (parameter, gradient) in zip(names, gradients) {
            let norm = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
            #expect(norm > 0, "\(parameter.name) has no gradient")
            let largest = gradient.indices.max { abs(gradient[$0]) < abs(gradient[$1]) } ?? 0
            for direction in [gradient.map { $0 / norm }, gradient.indices.map { $0 == largest ? 1 : 0 }] {
                let expected = zip(direction, gradient).reduce(0) { $0 + $1.0 * $1.1 }
                let values = parameters.value(parameter).floats, before = Array(values)
                let losses = [length, -length].map { length in
                    for index in values.indices { values[index] = Float(Double(before[index]) + length * direction[index]) }
                    return loss(batch, vectors)
                }
                for index in values.indices { values[index] = before[index] }
                let measured = (losses[0] - losses[1]) / (2 * length)
                #expect(
                    abs(measured - expected) <= tolerance * norm + 2e-4,
                    "\(parameter.name): slope \(measured), gradient \(expected), norm \(norm)")
            }
        }
    }

    /// Learns the examples as one batch, from random weights.
    /// - Returns: predictions after so many steps.
    func learn(_ examples: [Network.Example], _ vectors: some FrozenVectors, steps: Int, rate: Float) -> [Network.Prediction] {
        var random = Random(seed: 3, stream: "test weights")
        network.initialize(parameters, random: &random)
        clearGradients()
        for step in 1...steps {
            _ = loss(examples, vectors, step: step)
            _ = parameters.update(ParameterStore.Update(step: step, rate: rate, clip: 5))
        }
        return predictions(examples, vectors)
    }
}
