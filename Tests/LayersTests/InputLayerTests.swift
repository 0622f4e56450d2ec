import Kernels
import Layers
import Parallel
import Testing

/// The input layers, against PyTorch and against differences of a loss.
struct InputLayerTests {
    static let shape = CharacterInput.Shape(
        alphabet: 9, characterSize: 4, filters: [.init(width: 1, count: 3), .init(width: 2, count: 4), .init(width: 3, count: 5)],
        highways: 2, longest: 12)
    /// One of one letter, and one that fills its place, so that no padding is behind it.
    static let words: [[UInt16]] = [[1], [2, 3, 4, 5], [7, 6, 5, 4, 3, 2, 1, 0, 3, 4, 5, 6]]
    static let places: [Int32] = [1, 0, 2, 1, 1]

    private func withSpellings<Result>(_ body: (InputWords) -> Result) -> Result {
        let letters = Self.words.flatMap { $0 }
        var end: Int32 = 0
        let ends = Self.words.map { word in
            end += Int32(word.count)
            return end
        }
        return letters.withUnsafeBufferPointer { letters in
            ends.withUnsafeBufferPointer { ends in
                Self.places.withUnsafeBufferPointer { places in
                    body(
                        .spellings(
                            Spellings(
                                letters: letters.baseAddress!, ends: ends.baseAddress!, words: Self.words.count,
                                places: places.baseAddress!)))
                }
            }
        }
    }

    /// A weighted sum of the outputs, whose gradient is the weights.
    private struct Setup {
        let parameters: ParameterStore
        let layer: CharacterInput
        let output = OwnedMatrix(5, 6), slopes = OwnedMatrix(5, 6)
        let compute: Compute

        init(training: Bool = true, threads: Int = 1, activation: FilterActivation = .relu) {
            var layout = ParameterLayout(), shape = InputLayerTests.shape
            shape.activation = activation
            layer = CharacterInput(
                "input", shape: shape, outputs: 6, rows: 5, training: training, in: &layout)
            parameters = ParameterStore(layout, training: training ? Adagrad() : nil)
            compute = Compute(pool: ThreadPool(threads: threads))
            for (index, parameter) in layout.parameters.enumerated() {
                parameters.value(parameter).fillWave(Double(index) + 2)
            }
        }

        func gradient(_ name: String) -> Matrix {
            parameters.gradient(parameters.layout.parameters.first { $0.name == "input." + name }!)
        }

        func backward(_ words: InputWords) {
            slopes.matrix.fillWave(99)
            layer.backward(words, outputGradient: slopes.matrix, parameters, compute)
        }
    }

    @Test func charactersArePyTorchs() {
        let setup = Setup()
        withSpellings { words in
            setup.layer.forward(words, into: setup.output.matrix, setup.parameters, setup.compute)
            setup.backward(words)
        }
        expect(setup.output.matrix, row: 1, [-0.4238501, -0.1524006, 0.1907253, 0.4441501, 0.4886842, 0.3033824])
        expect(setup.output.matrix, row: 0, [-0.3142663, -0.2112404, -0.008864811, 0.1976801, 0.3112529, 0.2784386])
        expect(setup.output.matrix, row: 2, [-0.3133016, -0.1553491, 0.07566655, 0.2710951, 0.3390233, 0.2475036])
        expect(setup.output.matrix, row: 4, (0..<6).map { Double(setup.output.matrix.row(0)[$0]) })
        expect(setup.gradient("characters"), row: 8, [-0.01395399, 0.06389593, 0.1116946, 0.1069616])
        expect(setup.gradient("characters"), row: 3, [-0.09183184, 0.1241582, 0.2817547, 0.3068376])
        expect(
            setup.gradient("width3.weight"), row: 1,
            [0.1935756, 0.1301874, 0.005570092, -0.1216669, -0.04641472, -0.05954765, -0.04467439, -0.00879007, 0.04059157,
             0.02214021, -0.006724041, -0.03242587])
        expect(
            setup.gradient("width2.weight"), row: 2,
            [0.0432919, 0.005893274, -0.03427706, -0.05832635, 0.0002951949, 0.005830461, 0.008623574, 0.007360881])
        expect(
            setup.gradient("width3.bias"), row: 0, [0.05124063, -0.1492611, 0.02165376, -0.1094995, 0.07453292])
        expect(
            setup.gradient("highway1.gate.weight"), row: 2,
            [0.0004234386, 0, -7.269719e-05, 0.001516697, -0.0001712552, -0.001334035, 0.001528042, -0.0004853499,
             -0.003655969, 0.004818876, -0.0002287826, -0.001631428])
    }

    @Test func charactersThroughTanhArePyTorchs() {
        let setup = Setup(activation: .tanh)
        withSpellings { words in
            setup.layer.forward(words, into: setup.output.matrix, setup.parameters, setup.compute)
            setup.backward(words)
        }
        expect(setup.output.matrix, row: 1, [-0.3890609, -0.1875702, 0.1021376, 0.3438086, 0.4237809, 0.3044425])
        expect(setup.output.matrix, row: 0, [-0.4359552, -0.2284757, 0.08645942, 0.3607314, 0.4653457, 0.3511007])
        expect(setup.output.matrix, row: 2, [-0.4275636, -0.1680801, 0.1704541, 0.4288211, 0.4855068, 0.3138511])
        expect(setup.gradient("characters"), row: 8, [0.04591858, 0.1681494, 0.2112969, 0.1550682])
        expect(setup.gradient("characters"), row: 3, [-0.2235659, 0.03519804, 0.2774078, 0.3891484])
        expect(
            setup.gradient("width2.weight"), row: 2,
            [0.0268351, 0.01806899, 0.0008047513, -0.01683797, -0.001767664, -0.00963129, -0.01296517, -0.01020133])
        expect(setup.gradient("width1.bias"), row: 0, [0.2544357, -0.0465423, -0.02804373])
        expect(setup.gradient("width3.bias"), row: 0, [0.1919582, -0.2545039, -0.0198014, 0.1756096, -0.08301436])
        expect(
            setup.gradient("highway1.gate.weight"), row: 2,
            [0.0196577, -0.003669493, 0.02315775, 0.01498812, 0.003597727, 0.001740049, 0.008317219, 0.003020094, -0.02362543,
             0.0200721, -0.0151186, 0.00975119])
    }

    @Test(arguments: FilterActivation.allCases) func gradientsOfCharacters(activation: FilterActivation) {
        let setup = Setup(activation: activation)
        withSpellings { words in
            func loss() -> Double {
                setup.layer.forward(words, into: setup.output.matrix, setup.parameters, setup.compute)
                setup.slopes.matrix.fillWave(99)
                return setup.output.dot(setup.slopes.matrix)
            }
            _ = loss()
            setup.backward(words)
            var check = GradientCheck()
            check.add(setup.parameters)
            // The largest place and the ReLU bend the loss, so the steps are short.
            check.verify(tolerance: 5e-3, step: 2e-3, loss: loss)
        }
    }

    @Test func threadsAndUseChangeNothing() {
        let setup = Setup(), threaded = Setup(threads: 3), used = Setup(training: false)
        withSpellings { words in
            for each in [setup, threaded, used] {
                each.layer.forward(words, into: each.output.matrix, each.parameters, each.compute)
            }
            setup.backward(words)
            threaded.backward(words)
        }
        #expect(setup.output.values == threaded.output.values && setup.output.values == used.output.values)
        for parameter in setup.parameters.layout.parameters {
            let (own, other) = (setup.parameters.gradient(parameter), threaded.parameters.gradient(parameter))
            #expect((0..<parameter.count).allSatisfy { own.start[$0] == other.start[$0] })
        }
    }

    /// ELMo's sizes: what bilm-tf counts without the softmax and the LSTMs.
    @Test func sizeOfELMos() {
        var layout = ParameterLayout()
        _ = CharacterInput("input", shape: .elmo, outputs: 512, rows: 1, training: false, in: &layout)
        #expect(layout.count == 261 * 16 + 197_120 + 2_048 + 2 * 2 * (2048 * 2048 + 2048) + 2048 * 512 + 512)
    }

    @Test(arguments: [true, false]) func table(isDense: Bool) {
        var layout = ParameterLayout()
        let layer = TableInput("input", units: 5, outputs: 3, isDense: isDense, in: &layout)
        let parameters = ParameterStore(layout, training: Adagrad())
        parameters.value(layer.table).fillWave(1)
        let output = OwnedMatrix(4, 3), slopes = OwnedMatrix(4, 3)
        slopes.matrix.fillWave(2)
        let compute = Compute()
        let numbers: [Int32] = [4, 0, 4, 2]
        numbers.withUnsafeBufferPointer { numbers in
            layer.forward(.numbers(numbers.baseAddress!), into: output.matrix, parameters, compute)
            layer.backward(.numbers(numbers.baseAddress!), outputGradient: slopes.matrix, parameters, compute)
        }
        for (row, number) in numbers.enumerated() {
            #expect((0..<3).allSatisfy { output.matrix.row(row)[$0] == parameters.value(layer.table).row(Int(number))[$0] })
        }
        func gradient(_ row: Int) -> UnsafeMutablePointer<Float> {
            isDense ? parameters.gradient(layer.table).row(row) : parameters.rows(layer.table).gradient(row)
        }
        for column in 0..<3 {
            #expect(gradient(4)[column] == slopes.matrix.row(0)[column] + slopes.matrix.row(2)[column])
            #expect(gradient(2)[column] == slopes.matrix.row(3)[column])
        }
        if isDense { #expect(gradient(1)[0] == 0) } else { #expect(parameters.rows(layer.table).touched == [4, 0, 2]) }
    }

    private func expect(_ matrix: Matrix, row: Int, _ expected: [Double], sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(matrix.columns == expected.count, sourceLocation: sourceLocation)
        for (index, value) in expected.enumerated() {
            let own = Double(matrix.row(row)[index])
            #expect(abs(own - value) < 1e-6, "\(index): \(own), not \(value)", sourceLocation: sourceLocation)
        }
    }
}
