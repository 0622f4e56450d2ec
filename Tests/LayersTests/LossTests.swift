import Glibc
@_spi(HostMemory) import Kernels
import Layers
import Testing

/// A loss, declared in a plan.
typealias LossMaker = @Sendable (inout Plan) -> any EmbeddingLoss

/// Predictions, targets and weights, and room for a gradient.
struct LossCase {
    let prediction, target, gradient: OwnedMatrix
    let weights: [Float]
    private let weightRow: OwnedMatrix
    let backend: any Backend

    init(prediction: OwnedMatrix, target: OwnedMatrix, weights: [Float], on backend: any Backend = processor()) {
        self.prediction = prediction
        self.target = target
        self.weights = weights
        self.backend = backend
        weightRow = OwnedMatrix([weights])
        gradient = OwnedMatrix(prediction.matrix.rows, prediction.matrix.columns)
    }

    init(_ rows: [[Float]], targets: [[Float]], on backend: any Backend = processor()) {
        self.init(prediction: OwnedMatrix(rows), target: OwnedMatrix(targets), weights: rows.map { _ in 1 }, on: backend)
    }

    /// The mean loss, and with `gradient` that of the prediction.
    func value(_ loss: LossMaker, gradient: Bool = true) -> Double {
        let rows = prediction.matrix.rows
        let fixture = LayerFixture(rows: rows, on: backend) { (loss(&$0), $0.scalars(rows)) }
        return fixture.loss { sum, run in
            let factors = run.scalars(fixture.layer.1)
            run.backend.fillRowFactors(factors, weights: weightRow.matrix)
            fixture.layer.0.add(
                prediction: prediction.matrix, target: target.matrix, factors: factors,
                gradient: gradient ? self.gradient.matrix : nil, to: sum, run)
        }
    }

    func value(_ distance: Distance, gradient: Bool = true) -> Double { value({ _ in distance }, gradient: gradient) }

    func gradient(ofRow row: Int) -> [Float] { gradient.matrix.values(row) }
}

/// A loss of each kind for windows of the size given.
func allLosses(rows: Int, size: Int) -> [LossMaker] {
    [
        { _ in Distance.cosine }, { _ in Distance.squared },
        { MaxMarginLoss(margin: 0.5, rows: rows, size: size, in: &$0) },
        { _ in Distance.vonMisesFisher(size: size) },
        { _ in Distance.vonMisesFisher(size: size, normPenalty: 0, dotScale: 1) },
    ]
}

@Suite struct LossTests {
    @Test(arguments: onEach([1, 2, 7, 33])) func gradients(backend: TestedBackend, size: Int) {
        for loss in allLosses(rows: 5, size: size) { gradients(loss, size, backend.make(1)) }
    }

    private func gradients(_ loss: LossMaker, _ size: Int, _ backend: any Backend) {
        var random = Random(seed: 4)
        let example = LossCase(
            prediction: OwnedMatrix(5, size, random: &random), target: OwnedMatrix(5, size, random: &random),
            weights: [1, 0, 2.5, 1, 0.5], on: backend)
        example.gradient.matrix.fill(7)
        let value = example.value(loss)
        #expect(example.gradient(ofRow: 1).allSatisfy { $0 == 0 })
        var check = GradientCheck()
        check.add("prediction", example.prediction, example.gradient)
        check.verify { example.value(loss, gradient: false) }
        // A position that does not count must not change the loss, whatever it holds: not even another's prediction.
        example.prediction.matrix.row(1).update(repeating: .nan, count: size)
        example.target.matrix.row(1).update(from: example.prediction.matrix.row(0), count: size)
        #expect(example.value(loss, gradient: false) == value)
    }

    @Test func cosineLossOfKnownVectors() {
        // The same way, at right angles, opposite, and a zero vector: 0 + 1 + 2 + 1.
        let example = LossCase([[1, 1], [1, 0], [1, 2], [0, 0]], targets: [[3, 3], [0, 2], [-2, -4], [1, 1]])
        #expect(abs(example.value(.cosine) - 1) < 1e-6)
        #expect(example.gradient(ofRow: 3) == [0, 0])
    }

    @Test func nothingThatCountsIsNoLoss() {
        let some = LossCase([[1, 2], [3, -1]], targets: [[1, 1], [0, 1]])
        let example = LossCase(prediction: some.prediction, target: some.target, weights: [0, 0])
        for loss in allLosses(rows: 2, size: 2) {
            example.gradient.matrix.fill(7)
            #expect(example.value(loss) == 0)
            #expect(example.gradient.values.allSatisfy { $0 == 0 })
        }
    }

    @Test func aBadPredictionGivesABadLoss() {
        for bad in [Float.nan, .infinity] {
            // Alone, and beside one that is good.
            for example in [
                LossCase([[bad, 1]], targets: [[1, 1]]),
                LossCase([[1, 1], [bad, 1]], targets: [[1, 0], [0, 1]]),
            ] {
                for loss in allLosses(rows: 2, size: 2) { #expect(!example.value(loss, gradient: false).isFinite) }
            }
        }
    }

    @Test func aBadTargetGivesABadLoss() {
        let example = LossCase([[1, 1], [1, 2]], targets: [[1, 0], [.nan, 1]])
        for loss in allLosses(rows: 2, size: 2) { #expect(example.value(loss, gradient: false).isNaN) }
    }

    // MARK: - von Mises-Fisher

    /// On the sphere of three dimensions C = k / (4 pi sinh k); "on that of one", of two points, 1 / (2 cosh k).
    @Test func vonMisesFisherIsElementaryInOneAndThreeDimensions() {
        let plain3 = Distance.vonMisesFisher(size: 3, normPenalty: 0, dotScale: 1)
        for k in [1e-3, 0.5, 2, 20] {
            let example = LossCase([[0, Float(k), 0]], targets: [[0, 3, 4]])
            #expect(abs(example.value(plain3) - (log(4 * Double.pi * sinh(k) / k) - 0.6 * k)) < 1e-5)
        }
        let plain1 = Distance.vonMisesFisher(size: 1, normPenalty: 0, dotScale: 1)
        #expect(abs(LossCase([[-1.5]], targets: [[2]]).value(plain1) - (log(2 * cosh(1.5)) + 1.5)) < 1e-6)
    }

    @Test func vonMisesFisherIsFiniteAtZero() {
        let loss = Distance.vonMisesFisher(size: 3, normPenalty: 0.02, dotScale: 0.1)
        let example = LossCase([[0, 0, 0]], targets: [[0, 3, 4]])
        #expect(abs(example.value(loss) - log(4 * Double.pi)) < 1e-12)
        for (computed, expected) in zip(example.gradient(ofRow: 0), [0, -0.06, -0.08]) {
            #expect(abs(Double(computed) - expected) < 1e-7)
        }
        // Without a direction to go, only the norm is made smaller.
        let aimless = LossCase([[0, 2, 0]], targets: [[0, 0, 0]])
        #expect(abs(aimless.value(loss) - (log(2 * Double.pi * sinh(2)) + 0.04)) < 1e-6)
        #expect(abs(Double(aimless.gradient(ofRow: 0)[1]) - (1 / tanh(2) - 0.5 + 0.02)) < 1e-6)
    }

    // MARK: - PyTorch

    /// Losses and gradients of an independent implementation, in PyTorch with autograd in double precision; Bessel
    /// functions by mpmath. Element i of the targets was cos(0.53 i + 2), but row 4 was row 2, and of the predictions
    /// scale x (0.7 cos(0.53 i + 2) + 0.9 sin(0.37 i + 1)).
    struct Reference: Sendable, CustomTestStringConvertible {
        let name: String
        let make: LossMaker
        var size = 5
        var scale = 1.0
        let loss, norm: Double
        /// The gradient's first elements in row 2 and row 5.
        let row2, row5: [Double]

        var testDescription: String { name }
    }

    static let references = [
        Reference(
            name: "cosine", make: { _ in Distance.cosine }, loss: 0.4899239424, norm: 0.2115735138,
            row2: [-0.09936261, -0.05545907, -0.00378184, 0.04299912, 0.07436043],
            row5: [0.00581374, 0.004711, 0.00031367, -0.00632162, -0.01323297]),
        Reference(
            name: "squared distance", make: { _ in Distance.squared }, loss: 2.4996155739, norm: 1.4207438450,
            row2: [-0.75553868, -0.60732567, -0.37619955, -0.10859779, 0.14806747],
            row5: [-0.1120406, -0.15372726, -0.18649454, -0.20384304, -0.19866524]),
        Reference(
            name: "max-margin", make: { MaxMarginLoss(margin: 0.5, rows: 7, size: 5, in: &$0) }, loss: 0.7994163876,
            norm: 0.3392206937, row2: [-0.09284631, -0.06404034, -0.01369019, 0.04358316, 0.0908305],
            row5: [0.01596616, 0.0072374, -0.0034495, -0.01316013, -0.01923197]),
        Reference(
            name: "max-margin, some rows without loss", make: { MaxMarginLoss(margin: 0.1, rows: 7, size: 5, in: &$0) },
            loss: 0.4410772057, norm: 0.3214893842,
            row2: [-0.09284631, -0.06404034, -0.01369019, 0.04358316, 0.0908305],
            row5: [0.01596616, 0.0072374, -0.0034495, -0.01316013, -0.01923197]),
        Reference(
            name: "von Mises-Fisher", make: { _ in Distance.vonMisesFisher(size: 5, normPenalty: 0, dotScale: 1) },
            loss: 2.3772471486, norm: 0.3798909121,
            row2: [-0.15975713, -0.05943143, 0.04957967, 0.13891078, 0.18641872],
            row5: [0.04779582, 0.05072285, 0.03696339, 0.01008543, -0.0223407]),
        Reference(
            name: "von Mises-Fisher, both regularisations", make: { _ in Distance.vonMisesFisher(size: 5) },
            loss: 3.5520596026, norm: 0.1458154577,
            row2: [-0.04907887, -0.05738863, -0.05801226, -0.04914396, -0.03071271],
            row5: [-0.0241286, -0.02936044, -0.02942368, -0.02451727, -0.01578366]),
        Reference(
            name: "von Mises-Fisher, the second", make: { _ in Distance.vonMisesFisher(size: 5, normPenalty: 0) },
            loss: 3.5141877044, norm: 0.1368797749,
            row2: [-0.04708879, -0.05429586, -0.05422665, -0.04535445, -0.02774563],
            row5: [-0.02281498, -0.02779579, -0.02791868, -0.02335735, -0.01516796]),
        Reference(
            name: "von Mises-Fisher, the first, large vectors",
            make: { _ in Distance.vonMisesFisher(size: 300, dotScale: 1) }, size: 300, scale: 10, loss: -470.5737149226,
            norm: 0.3804546550, row2: [-0.01911986, -0.02458265, -0.02371082, -0.01716842, -0.00706236],
            row5: [-0.00471327, -0.00902665, -0.01102316, -0.01032587, -0.00725222]),
        Reference(
            name: "von Mises-Fisher, very concentrated",
            make: { _ in Distance.vonMisesFisher(size: 33, normPenalty: 0, dotScale: 1) }, size: 33, scale: 30,
            loss: 16.2153776979, norm: 0.4124385986,
            row2: [-0.00842397, 0.00452142, 0.02169374, 0.04057313, 0.05713467],
            row5: [-0.01769792, -0.00153463, 0.01377166, 0.02516561, 0.03068346]),
    ]

    @Test(arguments: backends, references) func agreesWithPyTorch(backend: TestedBackend, reference: Reference) {
        let size = reference.size
        let example = LossCase(
            prediction: OwnedMatrix(7, size), target: OwnedMatrix(7, size), weights: [1, 0, 2.5, 1, 0.5, 1, 1],
            on: backend.make(1))
        for index in 0..<7 * size {
            let target = cos(0.53 * Double(index) + 2)
            example.target.buffer.start[index] = Float(target)
            example.prediction.buffer.start[index] = Float(
                reference.scale * (0.7 * target + 0.9 * sin(0.37 * Double(index) + 1)))
        }
        example.target.matrix.row(4).update(from: example.target.matrix.row(2), count: size)
        let loss = example.value(reference.make)
        #expect(abs(loss - reference.loss) < 2e-6 * max(1, abs(reference.loss)))
        #expect(abs(Vector.norm(example.gradient.buffer.start, count: 7 * size) / reference.norm - 1) < 1e-5)
        for (row, expected) in [(2, reference.row2), (5, reference.row5)] {
            for (computed, expected) in zip(example.gradient(ofRow: row), expected) {
                #expect(abs(Double(computed) - expected) < 1e-6)
            }
        }
    }
}
