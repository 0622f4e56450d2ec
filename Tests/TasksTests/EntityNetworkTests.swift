import Differentiation
import Kernels
import Layers
import Tasks
import Testing

@Suite struct EntityNetworkTests {
    private static let form = VectorForm(layers: 2, width: 3, wordWidth: 2), lengths = [3, 1, 4, 2]
    private static let labels = ["O", "B-X", "I-X", "L-X", "U-X"]
    private static let vectors = PatternVectors(form, lengths: lengths)
    private static let batch = [
        EntityNetwork.Example(sentence: 2, letters: [[1, 2, 3, 4], [5], [6, 0, 1, 2, 2], [3, 3]], labels: [1, 2, 3, 0]),
        EntityNetwork.Example(sentence: 0, letters: [[4, 4, 1], [5], [1, 2, 3, 4]], labels: [0, 4, 0]),
        EntityNetwork.Example(sentence: 1, letters: [[2, 6]], labels: [4]),
        EntityNetwork.Example(sentence: 3, letters: [[0, 1, 2, 3, 4, 5], [6, 6]], labels: [1, 3]),
    ]

    private static func check(threads: Int = 1, drops: Bool = false) -> NetworkCheck<EntityNetwork> {
        let constraints = ConditionalRandomField.Constraints(
            transitions: labels.flatMap { before in labels.map { EntityLabels.mayFollow(before, $0) } },
            starts: labels.map { EntityLabels.mayFollow(nil, $0) }, ends: labels.map { EntityLabels.mayFollow($0, nil) })
        var widths = EntityNetwork.Widths(cells: 3, layers: 2, letters: 3, filters: 4)
        widths.drops = drops
        return NetworkCheck(threads: threads) { EntityNetwork(form, letters: 7, constraints: constraints, widths, in: &$0) }
    }

    @Test(arguments: [false, true])
    func gradients(drops: Bool) { Self.check(drops: drops).verify(Self.batch, Self.vectors) }

    /// What PyTorch 2.15 makes of the same weights in double precision with its own LSTM and convolution, and AllenNLP's own
    /// ConditionalRandomField.
    @Test func numbersOfPyTorch() {
        let check = Self.check()
        check.verify(Self.batch, Self.vectors, loss: 18.0284179, gradients: [
            ("mix.weights", -0.03241591),
            ("mix.gain", 0.2894237),
            ("words.characters", -0.2194561),
            ("words.filters.weight", 0.1452021),
            ("words.filters.bias", -0.2284932),
            ("encoder.layer1.forward.input.weight", -0.5721587),
            ("encoder.layer1.forward.recurrent.weight", 0.08068516),
            ("encoder.layer1.forward.bias", 0.05576767),
            ("encoder.layer1.backward.input.weight", 0.03515367),
            ("encoder.layer1.backward.recurrent.weight", 0.002126931),
            ("encoder.layer1.backward.bias", -0.07814069),
            ("encoder.layer2.forward.input.weight", 0.6020313),
            ("encoder.layer2.forward.recurrent.weight", -0.04915149),
            ("encoder.layer2.forward.bias", 0.513505),
            ("encoder.layer2.backward.input.weight", 0.2604761),
            ("encoder.layer2.backward.recurrent.weight", 0.009565372),
            ("encoder.layer2.backward.bias", 0.4988901),
            ("labels.weight", -0.5232544),
            ("labels.bias", -2.781058),
            ("labels.transitions", -0.583152),
        ])
        // Without transitions and constraints every word would be label 3.
        #expect(check.predictions(Self.batch, Self.vectors) == [[0, 1, 2, 3], [1, 2, 3], [0], [4, 4]])
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
}
