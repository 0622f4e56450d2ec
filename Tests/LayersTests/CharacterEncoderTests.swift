@_spi(HostMemory) import Kernels
import Layers
import Testing

@Suite struct CharacterEncoderTests {
    /// Where a number of memory is in PyTorch's: filters have their weights the other way round there.
    private func place(_ index: Int, of matrix: Matrix, transposed: Bool) -> Int {
        transposed ? index % matrix.columns * matrix.rows + index / matrix.columns : index
    }

    /// Elements ((7 i + offset) mod 11 - 5) / 10, in the order of PyTorch's memory.
    private func fill(_ matrix: Matrix, _ offset: Int, transposed: Bool = false) {
        for index in matrix.floats.indices {
            matrix.floats[index] = Float((place(index, of: matrix, transposed: transposed) * 7 + offset) % 11 - 5) / 10
        }
    }

    private func expectClose(_ matrix: Matrix, _ expected: [Float], _ name: String, transposed: Bool = false) {
        #expect(matrix.floats.count == expected.count, "\(name)")
        for (index, value) in matrix.floats.enumerated() {
            let expected = expected[place(index, of: matrix, transposed: transposed)]
            #expect(abs(value - expected) < 2e-6, "\(name) \(index): \(value), not \(expected)")
        }
    }

    /// The same in PyTorch, in Float64: windows by stacking, `max`, `relu`, a highway, and its gradients. The widest filter
    /// is wider than the words.
    @Test(arguments: backends) func convolutionAgreesWithPyTorch(backend: TestedBackend) {
        let fixture = LayerFixture(WindowCapacity(batch: 2, rows: 8), on: backend.make(1)) {
            ConvolutionEncoder(
                "cnn", inputs: 3, filters: [.init(width: 1, count: 2), .init(width: 2, count: 3), .init(width: 6, count: 2)],
                highways: 1, in: &$0)
        }
        let parameters = fixture.parameters
        func isTransposed(_ parameter: Parameter) -> Bool { fixture.layer.filterWeights.contains(parameter) }
        for (parameter, offset) in zip(fixture.plan.own.parameters, [3, 1, 4, 2, 5, 3, 2, 4, 5, 6]) {
            fill(parameters.value(parameter), offset, transposed: isTransposed(parameter))
        }
        let input = OwnedMatrix(8, 3), factors = OwnedMatrix(2, 7), inputGradient = OwnedMatrix(8, 3)
        fill(input.matrix, 2)
        fill(factors.matrix, 7)
        let letters = Letters(words: 2, length: 4), group = letters.group(input)
        let output = fixture.layer.forward(group, group.shape, fixture.run)
        expectClose(
            output,
            [0.086295, 0.270702, 0.355558, 0.316238, 0.056139, 0.177948, 0.101851, 0.181636, 0.24416, 0.318964, 0.530035,
             0.157841, 0.055447, 0.475892], "output")
        fixture.pass(group, outputGradient: factors, inputGradient: inputGradient, group.shape)
        expectClose(
            inputGradient.matrix,
            [-0.039086, -0.026266, -0.013445, 0.111977, -0.204318, -0.111743, -0.100275, 0.185794, 0.178685, 0.010638,
             -0.099427, -0.03717, 0.078685, 0.016341, -0.005503, -0.001015, -0.205181, -0.206196, -0.05856, -0.091687,
             0.091687, -0.119572, -0.098677, 0.098677], "input")
        let expected: [[Float]] = [
            [0, 0.027606, 0, -0.002803, 0, -0.033211],
            [0, 0.07602],
            [0.155367, 0.04903, 0.208513, -0.03451, -0.07165, -0.110044, -0.224387, -0.00269, -0.065729, 0.060429, -0.10613,
             0.230671, -0.129449, -0.03717, -0.087886, 0.202837, 0.03179, -0.043572],
            [0.474693, -0.172401, -0.110787],
            [0, -0.053705, 0, 0.028514, 0, -0.018468, 0, 0.125955, 0, 0.005023, 0, -0.041959, 0, 0.028514, 0, -0.018468, 0,
             -0.065451, 0, 0.005023, 0, -0.041959, 0, 0.04026, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            [0, 0.117456],
            [0, 0, 0, 0, 0, 0, 0, -0.060355, 0, 0.097346, -0.13247, -0.011209, 0.043765, 0.109439, -0.029457, 0, 0.004935,
             -0.038212, 0.008336, -0.003499, 0.031569, -0.107261, 0, 0.14259, -0.216537, -0.010059, 0.060023, 0.178891,
             -0.053356, 0, 3.7e-05, -0.063687, 0.017986, -0.011534, 0.052615, 0, 0, 0, 0, 0, 0, 0, -0.164348, 0, 0.012401,
             -0.2038, 0.051417, -0.028355, 0.168368],
            [-0.111149, 0, 0.19665, -0.254749, -0.026278, 0.090745, 0.21046],
            [0, 0, 0, 0, 0, 0, 0, -0.012094, -0.00779, 0.03438, 0.03166, -0.005504, 0.016916, -0.048798, -0.004075,
             -0.004587, 0.002593, 0.010856, -0.001485, 0.001042, -0.014076, -0.020188, -0.014406, 0.050966, 0.052984,
             -0.008924, 0.02491, -0.079766, -0.007, -0.008472, 0.001731, 0.018703, -0.002439, 0.000378, -0.023461, 0, 0, 0,
             0, 0, 0, 0, -0.022088, -0.02587, 0.009425, 0.058937, -0.007859, 0.003247, -0.075074],
            [-0.023018, -0.014027, 0.069105, 0.060182, -0.010626, 0.034098, -0.093842],
        ]
        for (parameter, expected) in zip(fixture.plan.own.parameters, expected) {
            expectClose(
                parameters.gradient(parameter), expected, parameter.name, transposed: isTransposed(parameter))
        }
    }

    /// Largest places and relu bend the loss, so steps are short and the bound is wider.
    @Test(arguments: onEach([(1, 1), (2, 3), (7, 5), (3, 9)]))
    func convolutionGradients(backend: TestedBackend, group: (words: Int, length: Int)) {
        verify(group, on: backend, tolerance: 1e-2, step: 2e-3) {
            ConvolutionEncoder(
                "cnn", inputs: 5, filters: [.init(width: 1, count: 3), .init(width: 3, count: 7), .init(width: 4, count: 2)],
                highways: 2, in: &$0)
        }
    }

    @Test(arguments: onEach([(1, 1), (2, 3), (7, 5), (33, 2)]))
    func lstmGradients(backend: TestedBackend, group: (words: Int, length: Int)) {
        verify(group, on: backend, tolerance: 2e-3, step: 1e-2) {
            CharacterLSTM("lstm", inputs: 3, hidden: 7, outputs: 5, in: &$0)
        }
    }

    @Test func wordsOfAGroupDoNotKnowEachOther() {
        groupsDoNotMatter { CharacterLSTM("lstm", inputs: 3, hidden: 7, outputs: 5, in: &$0) }
        groupsDoNotMatter {
            ConvolutionEncoder("cnn", inputs: 3, filters: [.init(width: 2, count: 5)], highways: 1, in: &$0)
        }
    }

    /// Nor does memory of a larger group before leave a trace.
    private func groupsDoNotMatter(_ declare: (inout Plan) -> some CharacterEncoder) {
        let fixture = LayerFixture(WindowCapacity(batch: 6, rows: 30), training: nil, declare)
        var random = Random(seed: 4)
        fixture.parameters.randomize(&random)
        let together = OwnedMatrix(6 * 4, 3, random: &random), other = OwnedMatrix(5 * 5, 3, random: &random)
        let letters = Letters(words: 6, length: 4), others = Letters(words: 5, length: 5), one = Letters(words: 1, length: 4)
        func outputs(_ letters: Letters, _ embeddings: OwnedMatrix) -> [Float] {
            let group = letters.group(embeddings)
            return fixture.outputs(group, group.shape)
        }
        let expected = outputs(letters, together)
        _ = outputs(others, other)
        for word in 0..<6 {
            let alone = OwnedMatrix((0..<4).map { together.matrix.values($0 * 6 + word) })
            #expect(outputs(one, alone) == Array(expected[word * 5..<(word + 1) * 5]))
        }
    }

    /// Packed weights give the same bits, until an update makes them old.
    @Test(arguments: backends) func packedWeightsChangeNothing(backend: TestedBackend) {
        let fixture = LayerFixture(WindowCapacity(batch: 6, rows: 24), on: backend.make(1)) {
            CharacterLSTM("lstm", inputs: 3, hidden: 7, outputs: 5, in: &$0)
        }
        let parameters = fixture.parameters
        var random = Random(seed: 4)
        parameters.randomize(&random)
        parameters.planPacking(fixture.layer.factors)
        let letters = Letters(words: 6, length: 4)
        let input = OwnedMatrix(24, 3, random: &random), factors = OwnedMatrix(6, 5, random: &random)
        func pass() -> [Float] {
            let inputGradient = OwnedMatrix(24, 3), group = letters.group(input)
            let features = fixture.outputs(group, group.shape)
            fixture.pass(group, outputGradient: factors, inputGradient: inputGradient, group.shape)
            return features + inputGradient.values
        }
        let unpacked = pass()
        parameters.packWeights()
        #expect(pass() == unpacked)
        parameters.update(.init(step: 1, rate: 0.1, clip: nil))
        let old = pass()
        #expect(old != unpacked)
        parameters.packWeights()
        #expect(pass() == old)
    }

    private func verify(
        _ size: (words: Int, length: Int), on backend: TestedBackend, tolerance: Double, step: Double,
        _ declare: (inout Plan) -> some CharacterEncoder
    ) {
        let (words, length) = size
        var random = Random(seed: UInt64(10 * words + length))
        let fixture = LayerFixture(WindowCapacity(batch: words, rows: words * length), on: backend.make(1), declare)
        fixture.parameters.randomize(&random)
        // Fewer characters than letters, so that the gradients of equal letters come together.
        let letters = Letters(words: words, length: length, characters: max(1, words * length * 2 / 3))
        let input = OwnedMatrix(letters.characters, fixture.layer.inputs, random: &random)
        let factors = OwnedMatrix(words, fixture.layer.outputs, random: &random)
        let group = letters.group(input)
        fixture.verifyGradients(group, factors: factors, of: input, group.shape, tolerance: tolerance, step: step)
    }
}

/// The letters of a group: each a character of its own, or fewer characters, each again and again.
private final class Letters {
    let words: Int
    let characters: Int
    private let places: OwnedNumbers

    init(words: Int, length: Int, characters: Int? = nil) {
        let characters = characters ?? words * length
        self.words = words
        self.characters = characters
        places = OwnedNumbers((0..<words * length).map { Int32($0 % characters) })
    }

    /// Valid as long as this and `embeddings` are.
    func group(_ embeddings: OwnedMatrix) -> CharacterGroup {
        CharacterGroup(embeddings: embeddings.matrix, letters: places.numbers, words: words)
    }
}
