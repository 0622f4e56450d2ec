import Differentiation
import Kernels
import Layers
import Tasks
import Testing

@Suite struct CoreferenceNetworkTests {
    private static let form = VectorForm(layers: 2, width: 3, wordWidth: 2), lengths = [3, 1, 4, 2, 5]
    private static let vectors = PatternVectors(form, lengths: lengths)
    private static let document = CoreferenceNetwork.Example(
        sentences: [2, 0, 1, 4, 3], lengths: [4, 3, 1, 5, 2],
        clusters: [
            [0..<2, 4..<5, 9..<11, 14..<15], [5..<6, 6..<7, 9..<10], [1..<4, 10..<12, 11..<12], [7..<8, 8..<9],
        ])

    private static func widths(drops: Bool = false, words: Int = 100) -> CoreferenceNetwork.Widths {
        var widths = CoreferenceNetwork.Widths(cells: 3, units: 8, features: 3, wordsInTraining: words)
        (widths.widest, widths.mentionsPerWord, widths.antecedents, widths.drops) = (3, 0.6, 6, drops)
        return widths
    }

    private static func check(threads: Int = 1, _ widths: CoreferenceNetwork.Widths = widths()) -> NetworkCheck<CoreferenceNetwork> {
        NetworkCheck(threads: threads, scale: 0.7) { CoreferenceNetwork(form, widths, in: &$0) }
    }

    /// The way on both sides is short, so that the same mentions are kept.
    @Test(arguments: [false, true])
    func gradients(drops: Bool) {
        Self.check(Self.widths(drops: drops)).verify([Self.document], Self.vectors, length: 1e-3)
    }

    /// What PyTorch 2.15 makes of the same weights in double precision with AllenNLP's own span extractors and pruner, put together as its
    /// coref.py says, and each map as one matrix over vectors of all spans and pairs.
    @Test func numbersOfPyTorch() {
        let check = Self.check()
        check.verify([Self.document], Self.vectors, loss: 12.110996, gradients: [
            ("mix.weights", 0.1664623),
            ("mix.gain", 0.9424775),
            ("encoder.forward.input.weight", -0.7459057),
            ("encoder.forward.recurrent.weight", 0.05120728),
            ("encoder.forward.bias", -0.8126561),
            ("encoder.backward.input.weight", 0.1331488),
            ("encoder.backward.recurrent.weight", 0.1125086),
            ("encoder.backward.bias", 1.078155),
            ("spans.attention", -0.134666),
            ("spans.widths", -1.693127),
            ("mentions.layer1.firsts", 0.02139253),
            ("mentions.layer1.lasts", 0.0908273),
            ("mentions.layer1.widths", 0.25664),
            ("mentions.layer1.heads", 1.489702),
            ("mentions.layer1.bias", -0.4045565),
            ("mentions.layer2.weight", -1.362924),
            ("mentions.layer2.bias", -1.112417),
            ("mentions.output.weight", 1.84023),
            ("mentions.output.bias", 4.069129),
            ("antecedents.layer1.distances", -1.187404),
            ("antecedents.layer1.anchor.weight", -0.6169321),
            ("antecedents.layer1.antecedent.weight", -1.706485),
            ("antecedents.layer1.product.weight", 0.9341656),
            ("antecedents.layer1.distance.weight", -1.749669),
            ("antecedents.layer1.bias", -2.439062),
            ("antecedents.layer2.weight", -2.055905),
            ("antecedents.layer2.bias", 2.53628),
            ("antecedents.output.weight", 5.154549),
            ("antecedents.output.bias", 2.034565),
        ])
        #expect(
            check.predictions([Self.document], Self.vectors)
                == [[[5..<6, 7..<8, 9..<10, 9..<11, 10..<12, 14..<15], [4..<5, 11..<12]]])
    }

    @Test func threadsChangeNothing() {
        func pass(threads: Int) -> (loss: Double, gradients: [Float], clusters: [[[Range<Int>]]]) {
            let check = Self.check(threads: threads, Self.widths(drops: true))
            check.clearGradients()
            let loss = check.loss([Self.document], Self.vectors)
            return (loss, check.gradients(), check.predictions([Self.document], Self.vectors))
        }
        let one = pass(threads: 1)
        for threads in 2...3 { #expect(pass(threads: threads) == one) }
    }

    /// A document that is too long gives way to one of its runs of sentences, with the mentions in them.
    @Test func longDocumentsAreLearnedInParts() {
        let check = Self.check(Self.widths(words: 8)), whole = Self.check()
        func part(_ sentences: Range<Int>, _ clusters: [[Range<Int>]]) -> Double {
            whole.loss(
                [CoreferenceNetwork.Example(
                    sentences: Array(Self.document.sentences[sentences]), lengths: Array(Self.document.lengths[sentences]),
                    clusters: clusters)], Self.vectors)
        }
        let parts = [
            part(0..<3, [[0..<2, 4..<5], [5..<6, 6..<7], [1..<4], [7..<8]]), part(1..<3, [[0..<1], [1..<2, 2..<3], [3..<4]]),
            part(2..<5, [[2..<4, 7..<8], [2..<3], [3..<5, 4..<5], [0..<1, 1..<2]]),
        ]
        let losses = (1...30).map { check.loss([Self.document], Self.vectors, step: $0) }
        #expect(Set(losses) == Set(parts))
        #expect(losses == (1...30).map { check.loss([Self.document], Self.vectors, step: $0) })
        #expect(check.predictions([Self.document], Self.vectors) == whole.predictions([Self.document], Self.vectors))
    }

    @Test func documentsWithHardlyAnyWords() {
        let check = Self.check()
        let documents = [([], []), ([1], [1]), ([3], [2])].map { CoreferenceNetwork.Example(sentences: $0, lengths: $1, clusters: []) }
        #expect(check.predictions(documents, Self.vectors) == [[], [], []])
        #expect(check.loss([documents[0]], Self.vectors) == 0)
        #expect(check.loss([documents[1]], Self.vectors) == 0)
    }

    /// The words 0, 1 and 2 are names, which refer to the same wherever they are; the words 4 3 together are a fourth one's name.
    @Test func aTaskIsLearned() {
        let sentences = [
            [0, 3, 1], [5, 0, 3], [1, 5, 5, 0], [4, 3, 5], [5, 3, 2, 5], [2, 4, 3], [5, 5, 1, 3], [4, 3, 1], [2, 3, 0], [5, 2, 5, 0],
            [3, 5, 4, 3, 5],
        ]
        let documents = [[0, 1, 2], [3, 4, 5], [6, 7, 0, 1], [8, 9], [10, 8, 7, 3], [2, 4, 9]]
        let vectors = UnitVectors(sentences, words: 6)
        let examples = documents.map { numbers in
            let words = numbers.flatMap { sentences[$0] }
            let names = [0, 1, 2].map { name in words.indices.filter { words[$0] == name }.map { $0..<$0 + 1 } }
            let pairs = words.indices.dropLast().filter { words[$0] == 4 }.map { $0..<$0 + 2 }
            return CoreferenceNetwork.Example(
                sentences: numbers, lengths: numbers.map { sentences[$0].count },
                clusters: (names + [pairs]).filter { $0.count > 1 })
        }
        var widths = CoreferenceNetwork.Widths(cells: 12, units: 20, features: 4, wordsInTraining: 100)
        (widths.widest, widths.mentionsPerWord) = (3, 1)
        let check = NetworkCheck { CoreferenceNetwork(vectors.form, widths, in: &$0) }
        let learned = check.learn(examples, vectors, steps: 250, rate: 0.01)
        #expect(learned.map(Set.init) == examples.map { Set($0.clusters) })
    }

    @Test func sizesOfThePublication() {
        var plan = Plan(ProcessorBackend(), capacity: WindowCapacity(batch: 1, rows: 1), isTraining: false)
        _ = CoreferenceNetwork(VectorForm(layers: 0, width: 0, wordWidth: 400), size: .paper, in: &plan)
        let shapes = Dictionary(uniqueKeysWithValues: plan.own.parameters.map { ($0.name, $0.shape) })
        // AllenNLP's first layers have 1220 and 3680 inputs.
        let first = ["firsts", "lasts", "widths", "heads"].compactMap { shapes["mentions.layer1.\($0)"]?[0] }
        let pairs = ["anchor", "antecedent", "product", "distance"].compactMap { shapes["antecedents.layer1.\($0).weight"]?[0] }
        #expect(first.reduce(0, +) == 1220 && pairs.reduce(0, +) == 3680)
        #expect(shapes["encoder.forward.input.weight"] == [400, 800])
    }
}
