@_spi(HostMemory) import Kernels
import Layers
import Testing

@Suite struct MaxMarginTests {
    /// Random vectors around a few words, so that words occur again and again; some positions do not count, and one
    /// that counts has a zero target.
    private func example(rows: Int, size: Int, on backend: any Backend = processor()) -> LossCase {
        var random = Random(seed: 12)
        let words = OwnedMatrix(min(max(2, rows / 3), 10), size, random: &random)
        let target = OwnedMatrix(rows, size)
        let prediction = OwnedMatrix(rows, size, random: &random, scale: 0.7)
        for row in 0..<rows {
            target.matrix.row(row).update(from: words.matrix.row(row * row % words.matrix.rows), count: size)
            for column in 0..<size { prediction.matrix.row(row)[column] += target.matrix.row(row)[column] }
        }
        target.matrix.row(rows / 2).update(repeating: 0, count: size)
        let weights = (0..<rows).map { $0 % 5 == 3 ? 0 : Float(1 + $0 % 3) }
        return LossCase(prediction: prediction, target: target, weights: weights, on: backend)
    }

    private func loss(margin: Double = 0.5, rows: Int, size: Int) -> LossMaker {
        { MaxMarginLoss(margin: margin, rows: rows, size: size, in: &$0) }
    }

    /// Every row's margin, violated if above 0, by the definition: all cosines of all pairs. `nil` without a negative.
    private func violations(_ example: LossCase, margin: Double) -> [Double?] {
        let (prediction, target) = (example.prediction.matrix, example.target.matrix)
        let size = target.columns
        return (0..<target.rows).map { row in
            let cosines = (0..<target.rows).compactMap { other -> Double? in
                let isWord = example.weights[other] > 0 && Vector.norm(target.row(other), count: size) > 0
                let differs = (0..<size).contains { target.row(row)[$0] != target.row(other)[$0] }
                return isWord && differs ? Vector.cosine(prediction.row(row), target.row(other), count: size) : nil
            }
            return cosines.max().map {
                margin + $0 - Vector.cosine(prediction.row(row), target.row(row), count: size)
            }
        }
    }

    /// Windows of one block, of several blocks of rows, and of several of columns too.
    @Test(arguments: onEach([(2, 7), (33, 2), (300, 33), (1500, 7)]))
    func agreesWithTheDefinition(backend: TestedBackend, sizes: (rows: Int, size: Int)) {
        let (rows, size) = sizes, example = example(rows: rows, size: size, on: backend.make(1))
        let violations = violations(example, margin: 0.3)
        let expected = zip(violations, example.weights).reduce(0) { $0 + max(0, $1.0 ?? 0) * Double($1.1) }
        let computed = example.value(loss(margin: 0.3, rows: rows, size: size))
        #expect(abs(computed - expected / example.weights.reduce(0) { $0 + Double($1) }) < 1e-6)
        for row in 0..<rows where abs(violations[row] ?? 1) > 1e-5 {
            let hasGradient = example.gradient(ofRow: row).contains { $0 != 0 }
            #expect(hasGradient == (example.weights[row] > 0 && (violations[row] ?? 0) > 0), "row \(row)")
        }
        if rows > 2 {
            #expect(violations.contains { ($0 ?? 0) > 0.05 } && violations.contains { ($0 ?? 0) < -0.05 })
        }
    }

    /// The loss bends where a margin begins to be violated and where another negative becomes the nearest; here the
    /// margins are far enough from the first, and the check itself would show the second.
    @Test(arguments: onEach([2, 7, 33])) func gradientsOfAWindowWithRepeatedWords(backend: TestedBackend, size: Int) {
        let example = example(rows: 9, size: size, on: backend.make(1))
        let loss = loss(margin: 0.56, rows: 9, size: size)
        let violations = violations(example, margin: 0.56).compactMap { $0 }
        #expect(violations.allSatisfy { abs($0) > 0.02 } && violations.contains { $0 > 0 })
        _ = example.value(loss)
        var check = GradientCheck()
        check.add("prediction", example.prediction, example.gradient)
        check.verify { example.value(loss, gradient: false) }
    }

    @Test func withoutAnotherWordThereIsNoLoss() {
        let alone = LossCase([[1, 2]], targets: [[2, -1]])
        let same = LossCase([[1, 2], [3, 1]], targets: [[2, -1], [2, -1]])
        for example in [alone, same] {
            example.gradient.matrix.fill(7)
            #expect(example.value(loss(rows: 2, size: 2)) == 0)
            #expect(example.gradient.values.allSatisfy { $0 == 0 })
        }
    }

    /// A zero prediction is at right angles to everything: it misses the margin by all of it.
    @Test func aZeroPredictionHasTheMarginForItsLoss() {
        let example = LossCase([[0, 0], [0, 5]], targets: [[1, 0], [0, 1]])
        example.gradient.matrix.fill(7)
        #expect(abs(example.value(loss(margin: 0.6, rows: 2, size: 2)) - 0.3) < 1e-7)
        #expect(example.gradient.values.allSatisfy { $0 == 0 })
    }

    @Test func bitsDoNotDependOnThreads() {
        let results = [1, 2, 3].map { threads in
            let example = example(rows: 1500, size: 40, on: processor(threads: threads))
            let value = example.value(loss(rows: 1500, size: 40))
            return [UInt64(value.bitPattern)] + example.gradient.values.map { UInt64($0.bitPattern) }
        }
        #expect(results[0] == results[1])
        #expect(results[0] == results[2])
    }
}
