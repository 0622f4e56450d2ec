import Differentiation
import Kernels
import Layers
import Tasks
import Testing

@Suite struct RoleNetworkTests {
    private static let form = VectorForm(layers: 2, width: 3, wordWidth: 2), lengths = [3, 1, 4, 2]
    private static let labels = ["B-V", "B-A0", "I-A1", "O", "B-A1"]
    private static let vectors = PatternVectors(form, lengths: lengths)
    private static let batch = [
        (2, 1, [2, 0, 3, 4]), (0, 0, [1, 0, 2]), (3, -1, [0, 2]), (2, 3, [3, 4, 2, 1]), (1, 0, [1]),
    ].map { sentence, predicate, labels in
        RoleNetwork.Example(sentence: sentence, words: lengths[sentence], predicate: predicate, labels: labels)
    }

    private static func check(threads: Int = 1, drops: Bool = false) -> NetworkCheck<RoleNetwork> {
        var widths = RoleNetwork.Widths(layers: 3, cells: 4, features: 3)
        widths.drops = drops
        return NetworkCheck(threads: threads) { RoleNetwork(form, labels: labels, widths, in: &$0) }
    }

    @Test(arguments: [false, true])
    func gradients(drops: Bool) { Self.check(drops: drops).verify(Self.batch, Self.vectors) }

    /// What PyTorch 2.15 makes of the same weights in double precision with AllenNLP's own StackedAlternatingLstm,
    /// sequence_cross_entropy_with_logits and viterbi_decode, the last over log probabilities.
    @Test func numbersOfPyTorch() {
        let check = Self.check()
        check.verify(Self.batch, Self.vectors, loss: 2.15511496, gradients: [
            ("mix.weights", 0.03021204),
            ("mix.gain", 0.4580202),
            ("predicate.marks", 0.5158453),
            ("encoder.layer1.input.weight", -1.137751),
            ("encoder.layer1.recurrent.weight", -0.1209363),
            ("encoder.layer1.bias", -0.2056588),
            ("encoder.layer2.input.weight", -0.2567388),
            ("encoder.layer2.recurrent.weight", 0.1501677),
            ("encoder.layer2.bias", 0.1657044),
            ("encoder.layer3.input.weight", 0.8895895),
            ("encoder.layer3.recurrent.weight", 0.03791418),
            ("encoder.layer3.bias", 0.02977168),
            ("labels.weight", -0.1926658),
            ("labels.bias", -0.02754489),
        ])
        // Without constraints: [1, 1, 1, 2], [2, 0, 2], [2, 2], [1, 1, 1, 2] and [2].
        #expect(check.predictions(Self.batch, Self.vectors) == [[1, 1, 1, 1], [1, 0, 0], [1, 0], [1, 1, 1, 0], [1]])
    }

    @Test func threadsChangeNothing() {
        func pass(threads: Int) -> (loss: Double, gradients: [Float], labels: [[Int32]]) {
            let check = Self.check(threads: threads, drops: true)
            check.clearGradients()
            let loss = check.loss(Self.batch, Self.vectors)
            return (loss, check.gradients(), check.predictions(Self.batch, Self.vectors))
        }
        let one = pass(threads: 1)
        for threads in 2...3 { #expect(pass(threads: threads) == one) }
    }

    @Test func sizesOfThePublication() {
        var plan = Plan(ProcessorBackend(), capacity: WindowCapacity(batch: 1, rows: 1), isTraining: false)
        _ = RoleNetwork(VectorForm(layers: 3, width: 1024, wordWidth: 0), labels: Self.labels, size: .paper, in: &plan)
        let shapes = Dictionary(uniqueKeysWithValues: plan.own.parameters.map { ($0.name, $0.shape) })
        #expect(shapes["encoder.layer1.input.weight"] == [1124, 1800] && shapes["encoder.layer8.recurrent.weight"] == [300, 1500])
        #expect(shapes["labels.weight"] == [300, 5])
    }

    /// The word before the predicate is A0, both words behind it are A1; the words themselves say nothing.
    @Test func aTaskIsLearned() {
        let sentences = [[0, 1, 2, 3, 1], [2, 0, 1], [1, 1, 3, 0], [3, 2], [0, 0, 2, 1, 3, 2]]
        let vectors = UnitVectors(sentences, words: 4)
        let examples = sentences.indices.flatMap { sentence in
            sentences[sentence].indices.map { predicate in
                let labels = sentences[sentence].indices.map { word -> Int32 in
                    switch word - predicate {
                    case -1: 1
                    case 0: 0
                    case 1: 4
                    case 2: 2
                    default: 3
                    }
                }
                return RoleNetwork.Example(sentence: sentence, words: labels.count, predicate: predicate, labels: labels)
            }
        }
        let check = NetworkCheck { RoleNetwork(vectors.form, labels: Self.labels, .init(layers: 4, cells: 12, features: 4), in: &$0) }
        #expect(check.learn(examples, vectors, steps: 200, rate: 0.01) == examples.map(\.labels))
    }
}
