import Differentiation
import Kernels
import Layers
import Tasks
import Testing

@Suite struct SentimentNetworkTests {
    private static let form = VectorForm(layers: 2, width: 3, wordWidth: 2), lengths = [3, 1, 4]
    private static let vectors = PatternVectors(form, lengths: lengths)
    private static let batch = zip(lengths.indices, [2, 0, 1]).map {
        SentimentNetwork.Example(sentence: $0, words: lengths[$0], label: $1)
    }

    private static func check(threads: Int = 1, drops: Bool = false) -> NetworkCheck<SentimentNetwork> {
        var widths = SentimentNetwork.Widths(cells: 3, hidden: [4, 3])
        widths.drops = drops
        return NetworkCheck(threads: threads) { SentimentNetwork(form, classes: 3, widths, in: &$0) }
    }

    @Test(arguments: [false, true])
    func gradients(drops: Bool) { Self.check(drops: drops).verify(Self.batch, Self.vectors) }

    /// What PyTorch 2.15 makes of the same weights in double precision: nn.LSTM, matrix products, softmax and cross_entropy,
    /// one sentence after the other, put together as AllenNLP's biattentive_classification_network.py says.
    @Test func numbersOfPyTorch() {
        let check = Self.check()
        check.verify(Self.batch, Self.vectors, loss: 2.77722466, gradients: [
            ("mix.weights", 0.03081059),
            ("mix.gain", 0.09846441),
            ("reduction.weight", 0.01696914),
            ("reduction.bias", 0.278869),
            ("encoder.forward.input.weight", 0.0953977),
            ("encoder.forward.recurrent.weight", 0.008736785),
            ("encoder.forward.bias", 0.3127736),
            ("encoder.backward.input.weight", 0.04017596),
            ("encoder.backward.recurrent.weight", -0.06740452),
            ("encoder.backward.bias", 0.05507842),
            ("integrator.forward.input.weight", -0.143392),
            ("integrator.forward.recurrent.weight", 0.006319835),
            ("integrator.forward.bias", 0.4377232),
            ("integrator.backward.input.weight", 0.2620707),
            ("integrator.backward.recurrent.weight", 0.02401153),
            ("integrator.backward.bias", 0.2941272),
            ("pooling.weight", -0.003345312),
            ("classes.layer1.weight", 0.2618487),
            ("classes.layer1.bias", -0.4686359),
            ("classes.layer2.weight", -0.4944159),
            ("classes.layer2.bias", -0.9092675),
            ("classes.layer3.weight", -3.050604),
            ("classes.layer3.bias", -0.2377169),
        ])
        let probabilities: [Float] = [
            0.0057367, 0.1570901, 0.8371731,
            0.0039206, 0.1114833, 0.8845961,
            0.0024411, 0.0733558, 0.9242032,
        ]
        let own = check.predictions(Self.batch, Self.vectors)
        #expect(zip(own.flatMap(\.probabilities), probabilities).allSatisfy { abs($0 - $1) < 1e-6 })
        #expect(own.map(\.label) == [2, 2, 2])
    }

    @Test func aSentenceIsApartFromThoseBesideIt() {
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

    /// Each sentence has one of the words 1, 2 and 3, which is its class, and words that say nothing.
    @Test func aTaskIsLearned() {
        let sentences = [[0, 1], [4, 0, 2, 5], [3], [5, 5, 1], [2, 4], [0, 4, 3, 5, 0], [1, 0, 5], [4, 2], [5, 0, 3]]
        let examples = zip(sentences.indices, [0, 1, 2, 0, 1, 2, 0, 1, 2]).map {
            SentimentNetwork.Example(sentence: $0, words: sentences[$0].count, label: $1)
        }
        let vectors = UnitVectors(sentences, words: 6)
        let check = NetworkCheck { SentimentNetwork(vectors.form, classes: 3, .init(cells: 16, hidden: [24, 12]), in: &$0) }
        #expect(check.learn(examples, vectors, steps: 150, rate: 0.01).map(\.label) == examples.map(\.label))
    }
}
