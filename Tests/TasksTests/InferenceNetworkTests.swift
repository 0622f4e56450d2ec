import Differentiation
import Kernels
import Layers
import Tasks
import Testing

@Suite struct InferenceNetworkTests {
    private static let form = VectorForm(layers: 2, width: 3, wordWidth: 2), lengths = [3, 1, 4, 2]
    private static let vectors = PatternVectors(form, lengths: lengths)
    private static let batch = [(0, 1, 2), (2, 3, 0), (1, 2, 1)].map {
        InferenceNetwork.Example(premise: $0, premiseWords: lengths[$0], hypothesis: $1, hypothesisWords: lengths[$1], label: $2)
    }

    private static func check(threads: Int = 1, drops: Bool = false) -> NetworkCheck<InferenceNetwork> {
        var widths = InferenceNetwork.Widths(cells: 5)
        widths.drops = drops
        return NetworkCheck(threads: threads) { InferenceNetwork(form, widths, in: &$0) }
    }

    @Test(arguments: [false, true])
    func gradients(drops: Bool) { Self.check(drops: drops).verify(Self.batch, Self.vectors) }

    /// What PyTorch 2.15 makes of the same weights in double precision: nn.LSTM, matrix products, softmax and cross_entropy,
    /// one sentence after the other, put together as AllenNLP's esim.py says.
    @Test func numbersOfPyTorch() {
        let check = Self.check()
        check.verify(Self.batch, Self.vectors, loss: 1.36589415, gradients: [
            ("mix.weights", -0.08474788),
            ("mix.gain", 0.0911607),
            ("encoder.forward.input.weight", 0.004067691),
            ("encoder.forward.recurrent.weight", -0.004987242),
            ("encoder.forward.bias", 0.1021053),
            ("encoder.backward.input.weight", 0.09810739),
            ("encoder.backward.recurrent.weight", -0.07202586),
            ("encoder.backward.bias", -0.1279131),
            ("projection.weight", -0.2798078),
            ("projection.bias", 0.7110447),
            ("composition.forward.input.weight", 0.3750179),
            ("composition.forward.recurrent.weight", -0.04387638),
            ("composition.forward.bias", -0.3652393),
            ("composition.backward.input.weight", -0.1386506),
            ("composition.backward.recurrent.weight", 0.07154998),
            ("composition.backward.bias", 0.5351002),
            ("hidden.weight", -1.326905),
            ("hidden.bias", 0.2961358),
            ("classes.weight", 0.375356),
            ("classes.bias", 0.3333533),
        ])
        let probabilities: [Float] = [
            0.7343382, 0.0410546, 0.2246073,
            0.7455664, 0.0761278, 0.1783058,
            0.7555289, 0.0991948, 0.1452763,
        ]
        let own = check.predictions(Self.batch, Self.vectors)
        #expect(zip(own.flatMap(\.probabilities), probabilities).allSatisfy { abs($0 - $1) < 1e-6 })
        #expect(own.map(\.label) == [0, 0, 0])
    }

    @Test func aPairIsApartFromThoseBesideIt() {
        let check = Self.check()
        let together = check.predictions(Self.batch, Self.vectors).map(\.probabilities)
        #expect(together == Self.batch.map { check.predictions([$0], Self.vectors)[0].probabilities })
    }

    @Test func threadsChangeNothing() {
        func pass(threads: Int) -> (loss: Double, gradients: [Float], probabilities: [Float]) {
            let check = Self.check(threads: threads, drops: true)
            check.clearGradients()
            let loss = check.loss(Self.batch, Self.vectors)
            return (loss, check.gradients(), check.predictions(Self.batch, Self.vectors).flatMap(\.probabilities))
        }
        let one = pass(threads: 1)
        for threads in 2...3 { #expect(pass(threads: threads) == one) }
    }

    /// Class 0: the premise has the word of the hypothesis; class 1: it does not; class 2: it is the same word alone.
    @Test func aTaskIsLearned() {
        let premises = [[0, 1, 2], [3, 4], [4, 2, 0, 1], [1], [2, 3], [0, 4, 3], [3], [2, 1], [1, 0], [4]]
        let hypotheses = [[1], [0], [0], [1], [2], [1], [3], [4], [3], [4]]
        let labels: [Int32] = [0, 1, 0, 2, 0, 1, 2, 1, 1, 2]
        let vectors = UnitVectors(premises + hypotheses, words: 5)
        let examples = labels.indices.map {
            InferenceNetwork.Example(
                premise: $0, premiseWords: premises[$0].count, hypothesis: premises.count + $0, hypothesisWords: hypotheses[$0].count,
                label: labels[$0])
        }
        let check = NetworkCheck { InferenceNetwork(vectors.form, .init(cells: 16), in: &$0) }
        #expect(check.learn(examples, vectors, steps: 200, rate: 0.01).map(\.label) == labels)
    }
}
