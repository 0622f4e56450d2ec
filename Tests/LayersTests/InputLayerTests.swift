@_spi(HostMemory) import Kernels
import Layers
import Testing

/// The input layers, against PyTorch and against differences of a loss.
struct InputLayerTests {
    static let shape = CharacterInput.Shape(
        alphabet: 9, characterSize: 4, filters: [.init(width: 1, count: 3), .init(width: 2, count: 4), .init(width: 3, count: 5)],
        highways: 2, longest: 12)
    /// One of one letter, and one that fills its place, so that no padding is behind it.
    static let words: [[Int32]] = [[1], [2, 3, 4, 5], [7, 6, 5, 4, 3, 2, 1, 0, 3, 4, 5, 6]]
    static let places: [Int32] = [1, 0, 2, 1, 1]

    /// The layer with the spellings that go in, and a weighted sum of the outputs, whose gradient is the weights.
    private struct Setup {
        let fixture: LayerFixture<CharacterInput>
        let slopes = OwnedMatrix(5, 6)
        let window = WindowShape(steps: 5, batch: 1)
        private let letters = OwnedNumbers(InputLayerTests.words.joined().map { $0 }), ends: OwnedNumbers
        private let places = OwnedNumbers(InputLayerTests.places)

        init(
            training: Bool = true, on backend: any Backend = processor(), activation: CharacterConvolution.Activation = .relu
        ) {
            var shape = InputLayerTests.shape
            shape.activation = activation
            fixture = LayerFixture(
                WindowCapacity(window), training: training ? Adagrad() : nil, on: backend
            ) { [shape] in CharacterInput("input", shape: shape, outputs: 6, in: &$0) }
            fixture.parameters.fillWaves()
            slopes.matrix.fillWave(99)
            var end: Int32 = 0
            ends = OwnedNumbers(
                InputLayerTests.words.map { word in
                    end += Int32(word.count)
                    return end
                })
        }

        var words: InputWords {
            .spellings(
                Spellings(
                    letters: letters.numbers, ends: ends.numbers, words: InputLayerTests.words.count, places: places.numbers))
        }

        func gradient(_ name: String) throws -> Matrix { fixture.parameters.gradient(try fixture.parameter("input." + name)) }

        func forward() -> OwnedMatrix {
            let output = OwnedMatrix(5, 6)
            output.matrix.copy(from: fixture.outputs(words, window))
            return output
        }

        func backward() { fixture.pass(words, outputGradient: slopes, inputGradient: nil, window) }
    }

    @Test(arguments: backends) func charactersArePyTorchs(backend: TestedBackend) throws {
        let setup = Setup(on: backend.make(1)), output = setup.forward()
        setup.backward()
        expectNear(output.matrix, row: 1, [-0.4238501, -0.1524006, 0.1907253, 0.4441501, 0.4886842, 0.3033824])
        expectNear(output.matrix, row: 0, [-0.3142663, -0.2112404, -0.008864811, 0.1976801, 0.3112529, 0.2784386])
        expectNear(output.matrix, row: 2, [-0.3133016, -0.1553491, 0.07566655, 0.2710951, 0.3390233, 0.2475036])
        #expect(output.matrix.values(4) == output.matrix.values(0))
        expectNear(try setup.gradient("characters"), row: 8, [-0.01395399, 0.06389593, 0.1116946, 0.1069616])
        expectNear(try setup.gradient("characters"), row: 3, [-0.09183184, 0.1241582, 0.2817547, 0.3068376])
        expectNear(
            try setup.gradient("width3.weight"), row: 1,
            [0.1935756, 0.1301874, 0.005570092, -0.1216669, -0.04641472, -0.05954765, -0.04467439, -0.00879007, 0.04059157,
             0.02214021, -0.006724041, -0.03242587])
        expectNear(
            try setup.gradient("width2.weight"), row: 2,
            [0.0432919, 0.005893274, -0.03427706, -0.05832635, 0.0002951949, 0.005830461, 0.008623574, 0.007360881])
        expectNear(
            try setup.gradient("width3.bias"), row: 0, [0.05124063, -0.1492611, 0.02165376, -0.1094995, 0.07453292])
        expectNear(
            try setup.gradient("highway1.gate.weight"), row: 2,
            [0.0004234386, 0, -7.269719e-05, 0.001516697, -0.0001712552, -0.001334035, 0.001528042, -0.0004853499,
             -0.003655969, 0.004818876, -0.0002287826, -0.001631428])
    }

    @Test(arguments: backends) func charactersThroughTanhArePyTorchs(backend: TestedBackend) throws {
        let setup = Setup(on: backend.make(1), activation: .tanh), output = setup.forward()
        setup.backward()
        expectNear(output.matrix, row: 1, [-0.3890609, -0.1875702, 0.1021376, 0.3438086, 0.4237809, 0.3044425])
        expectNear(output.matrix, row: 0, [-0.4359552, -0.2284757, 0.08645942, 0.3607314, 0.4653457, 0.3511007])
        expectNear(output.matrix, row: 2, [-0.4275636, -0.1680801, 0.1704541, 0.4288211, 0.4855068, 0.3138511])
        expectNear(try setup.gradient("characters"), row: 8, [0.04591858, 0.1681494, 0.2112969, 0.1550682])
        expectNear(try setup.gradient("characters"), row: 3, [-0.2235659, 0.03519804, 0.2774078, 0.3891484])
        expectNear(
            try setup.gradient("width2.weight"), row: 2,
            [0.0268351, 0.01806899, 0.0008047513, -0.01683797, -0.001767664, -0.00963129, -0.01296517, -0.01020133])
        expectNear(try setup.gradient("width1.bias"), row: 0, [0.2544357, -0.0465423, -0.02804373])
        expectNear(try setup.gradient("width3.bias"), row: 0, [0.1919582, -0.2545039, -0.0198014, 0.1756096, -0.08301436])
        expectNear(
            try setup.gradient("highway1.gate.weight"), row: 2,
            [0.0196577, -0.003669493, 0.02315775, 0.01498812, 0.003597727, 0.001740049, 0.008317219, 0.003020094, -0.02362543,
             0.0200721, -0.0151186, 0.00975119])
    }

    @Test(arguments: onEach(CharacterConvolution.Activation.allCases))
    func gradientsOfCharacters(backend: TestedBackend, activation: CharacterConvolution.Activation) {
        let setup = Setup(on: backend.make(1), activation: activation)
        // The largest place and the ReLU bend the loss, so the steps are short.
        setup.fixture.verifyGradients(setup.words, factors: setup.slopes, setup.window, tolerance: 5e-3, step: 2e-3)
    }

    @Test func threadsAndUseChangeNothing() {
        let setup = Setup(), threaded = Setup(on: processor(threads: 3)), used = Setup(training: false)
        let outputs = [setup, threaded, used].map { $0.forward().values }
        #expect(outputs[0] == outputs[1] && outputs[0] == outputs[2])
        setup.backward()
        threaded.backward()
        #expect(setup.fixture.gradients == threaded.fixture.gradients)
    }

    /// ELMo's sizes: what bilm-tf counts without the softmax and the LSTMs.
    @Test func sizeOfELMos() {
        var plan = Plan(processor(), capacity: WindowCapacity(batch: 1, rows: 1), isTraining: false)
        _ = CharacterInput("input", shape: .elmo, outputs: 512, in: &plan)
        #expect(plan.own.count == 261 * 16 + 197_120 + 2_048 + 2 * 2 * (2048 * 2048 + 2048) + 2048 * 512 + 512)
    }

    @Test(arguments: onEach([true, false])) func table(backend: TestedBackend, isDense: Bool) {
        let shape = WindowShape(steps: 4, batch: 1)
        let fixture = LayerFixture(WindowCapacity(shape), training: Adagrad(), on: backend.make(1)) {
            TableInput("input", units: 5, outputs: 3, isDense: isDense, in: &$0)
        }
        let parameters = fixture.parameters, table = fixture.layer.table
        parameters.value(table).fillWave(1)
        let slopes = OwnedMatrix(4, 3)
        slopes.matrix.fillWave(2)
        let numbers: [Int32] = [4, 0, 4, 2]
        let words = OwnedNumbers(numbers)
        let output = fixture.outputs(.numbers(words.numbers), shape)
        #expect(output == numbers.flatMap { parameters.value(table).values(Int($0)) })
        fixture.pass(.numbers(words.numbers), outputGradient: slopes, inputGradient: nil, shape)
        let owned = fixture.gradient(of: table), gradient = owned.matrix
        for column in 0..<3 {
            #expect(gradient.row(4)[column] == slopes.matrix.row(0)[column] + slopes.matrix.row(2)[column])
            #expect(gradient.row(2)[column] == slopes.matrix.row(3)[column])
            #expect(gradient.row(1)[column] == 0)
        }
        withExtendedLifetime(owned) {}
        if !isDense { #expect(parameters.rows(table).touchedRows.values == [4, 0, 2]) }
    }

    @Test(arguments: backends) func gradientsOfVectors(backend: TestedBackend) {
        let shape = WindowShape(steps: 3, batch: 2)
        let fixture = LayerFixture(WindowCapacity(shape), on: backend.make(1)) {
            EmbeddingInput("input", inputs: 7, outputs: 5, in: &$0)
        }
        var random = Random(seed: 6)
        fixture.parameters.randomize(&random)
        let vectors = OwnedMatrix(6, 7, random: &random), factors = OwnedMatrix(6, 5, random: &random)
        fixture.verifyGradients(.vectors(vectors.matrix), factors: factors, of: vectors, shape)
    }
}
