import Glibc
@_spi(HostMemory) import Kernels
import Layers
import Testing

/// The contrastive output against PyTorch, against its formula, and against the differences of its own loss.
@Suite struct ContrastiveOutputTests {
    enum Kind: CaseIterable {
        case frozen, mapped, trained, scaled
    }

    static let width = 8, size = 5

    /// An output with its weights, and states to go through it.
    final class Setup {
        let fixture: LayerFixture<ContrastiveOutput>
        let states, gradient, weights: OwnedMatrix
        private let vectors, shares, frequencies: OwnedMatrix
        private let numbers, places: OwnedNumbers
        private let negatives: Int

        /// Words of a window, of which some have a row among eight trained ones.
        static let numbers: [Int32] = [3, -1, 0, 5, -1, 2, 1]
        static let draws = [2, 1, 1, 3]
        static let logFrequencies: [Float] = [-1.5, -0.5, 0, -2.25, -3, -1]
        static let targets: [Int32] = [1, 0, 0, 4, 6, 3]
        static let counts: [Float] = [1, 1, 0, 1, 1, 2]

        /// - Parameter logitsBytes: 0 forces chunks of the least size.
        init(
            _ kind: Kind, rows: Int = 6, negatives: Int = 4, logitsBytes: Int = 1 << 20, on backend: any Backend = processor()
        ) {
            self.negatives = negatives
            let (width, size) = (ContrastiveOutputTests.width, ContrastiveOutputTests.size)
            // Room for all words, some of which are neither target nor negative.
            let room = max(rows, Self.numbers.count)
            fixture = LayerFixture(rows: room, on: backend) { plan in
                ContrastiveOutput(
                    "out", inputs: width, size: size, negatives: max(1, negatives), isMapped: kind == .mapped,
                    trainedWords: kind == .trained ? 8 : 0, learnsScale: kind == .scaled, rows: room, logitsBytes: logitsBytes,
                    in: &plan)
            }
            states = OwnedMatrix(rows, width)
            gradient = OwnedMatrix(rows, width)
            weights = OwnedMatrix([(0..<rows).map { Self.counts[$0 % 6] }])
            vectors = OwnedMatrix(7, size)
            shares = OwnedMatrix([Self.draws[..<max(1, negatives)].map { Float(log(Double($0) / 7)) }])
            frequencies = OwnedMatrix([(0..<rows).map { Self.logFrequencies[$0 % 6] }])
            numbers = OwnedNumbers(Self.numbers)
            places = OwnedNumbers((0..<rows).map { Self.targets[$0 % 6] })
            states.matrix.fillWave(1)
            vectors.matrix.fillWave(9)
            fixture.parameters.fillWaves()
        }

        var words: WordTargets {
            WordTargets(
                vectors: vectors.matrix, rows: numbers.numbers, negatives: negatives,
                logShares: shares.matrix.columns(0..<negatives), places: places.numbers, logFrequencies: frequencies.matrix)
        }

        func accumulate() -> Double {
            fixture.loss { loss, run in
                fixture.layer.accumulate(
                    states.matrix, .words(words), weights: weights.matrix, draw: Draw(seed: 1, step: 0),
                    statesGradient: gradient.matrix, loss: loss, run)
            }
        }

        func evaluate() -> Double {
            fixture.loss { loss, run in
                fixture.layer.evaluate(states.matrix, .words(words), weights: weights.matrix, loss: loss, run)
            }
        }

        func value(_ name: String) throws -> Matrix { fixture.parameters.value(try fixture.parameter(name)) }

        /// The loss by the formula, in double precision, from the predictions of the last pass.
        func expected() throws -> Double {
            let predictions = fixture.layer.predictions(rows: states.matrix.rows, fixture.run)
            let table = fixture.layer.table.map { fixture.parameters.value($0) }
            func vector(_ word: Int) -> [Float] {
                guard let table, Self.numbers[word] >= 0 else { return vectors.matrix.values(word) }
                return table.values(Int(Self.numbers[word]))
            }
            func product(_ row: Int, _ word: Int) -> Double {
                zip(predictions.values(row), vector(word)).reduce(0) { $0 + Double($1.0) * Double($1.1) }
            }
            var sum = 0.0, total = 0.0
            for row in 0..<states.matrix.rows {
                let target = Int(Self.targets[row % 6]), own = exp(Double(Self.logFrequencies[row % 6]) + product(row, target))
                let others = (0..<negatives).filter { $0 != target }.reduce(0.0) {
                    $0 + Double(Self.draws[$1]) / 7 * exp(product(row, $1))
                }
                sum += Double(Self.counts[row % 6]) * -log(own / (own + others))
                total += Double(Self.counts[row % 6])
            }
            return sum / total
        }
    }

    /// The losses of five steps of Adam (rate 0.01), the first gradient of the states' first row, and the weights at the end, by
    /// PyTorch in double precision.
    @Test(arguments: backends) func fiveStepsArePyTorchs(backend: TestedBackend) throws {
        let expected: [(Kind, [Double], [Double], [Double])] = [
            (.frozen, [1.771682411, 1.743893312, 1.716931361, 1.690795008, 1.665464891],
             [0.09030136, -0.1164022, 0.1277098, -0.1227872, 0.10226, -0.06873697, 0.02647835, 0.01914531],
             [-0.0831247, 0.2460852, 0.4360683, 0.3979302, 0.248344]),
            (.mapped, [1.619082424, 1.576838058, 1.536032472, 1.496597492, 1.458485488],
             [0.0349459, -0.02807451, 0.01763523, -0.004954743, -0.008355423, 0.02060373, -0.03023357, 0.03602114],
             [0.01659686, 0.2460733, 0.5358397, 0.397431, 0.2484488]),
            (.trained, [1.737741259, 1.712339205, 1.687176871, 1.662149772, 1.637252058],
             [0.1169329, -0.1472911, 0.1589306, -0.1503721, 0.1227034, -0.07944066, 0.02608209, 0.03059116],
             [-0.08333904, 0.3432148, 0.535627, 0.4970808, 0.2482035]),
            (.scaled, [1.739054361, 1.723372035, 1.708068120, 1.693403529, 1.679516736],
             [-0.0007441746, 0.0004698407, -0.0001357963, -0.0002155061, 0.0005394205, -0.0007947817, 0.0009491369, -0.0009828694],
             [-0.08253189, 0.2494187, 0.535473, 0.4974353, 0.2480685]),
        ]
        for (kind, losses, slopes, weights) in expected {
            let setup = Setup(kind, on: backend.make(1))
            for (step, loss) in losses.enumerated() {
                #expect(abs(setup.accumulate() - loss) < 2e-6, "\(kind), step \(step)")
                if step == 0 { expectNear(setup.gradient.matrix, row: 0, slopes) }
                _ = setup.fixture.parameters.update(ParameterStore.Update(step: step + 1, rate: 0.01, clip: nil))
            }
            for (own, theirs) in zip(try setup.value("out.weight").values(3), weights) { #expect(abs(Double(own) - theirs) < 1e-5) }
            switch kind {
            case .frozen: break
            case .mapped:
                for (own, theirs) in zip(
                    try setup.value("out.map.weight").values(1), [0.519127, 0.5205459, 0.2350442, -0.1371808, -0.4339463]
                ) { #expect(abs(Double(own) - theirs) < 1e-5) }
            case .trained:
                let table = try setup.value("out.vectors")
                for (own, theirs) in zip(table.values(5), [0.2856114, -0.05514272, -0.3455675, -0.45201, -0.386536]) {
                    #expect(abs(Double(own) - theirs) < 1e-5)
                }
                // A row that no word of the window has stays as it is.
                for (own, theirs) in zip(table.values(4), [-0.3754936, -0.07449951, 0.2615329, 0.4745623, 0.4643976]) {
                    #expect(abs(Double(own) - theirs) < 1e-7)
                }
            case .scaled: #expect(abs(Double(try setup.value("out.scale").values(0)[0]) + 0.4278734) < 1e-5)
            }
        }
    }

    @Test(arguments: onEach(Kind.allCases)) func theLossIsThatOfTheFormula(backend: TestedBackend, kind: Kind) throws {
        for rows in [1, 6, 40] {
            for negatives in [1, 3, 4] {
                let setup = Setup(kind, rows: rows, negatives: negatives, logitsBytes: 0, on: backend.make(1))
                let value = setup.evaluate()
                #expect(abs(value - (try setup.expected())) < 1e-5)
                #expect(abs(setup.accumulate() - value) < 1e-6)
            }
        }
    }

    @Test(arguments: onEach(Kind.allCases)) func gradientsAreDifferencesOfTheLoss(backend: TestedBackend, kind: Kind) {
        let setup = Setup(kind, rows: 40, logitsBytes: 0, on: backend.make(1))
        _ = setup.accumulate()
        var check = GradientCheck()
        check.add(setup.fixture)
        check.add("states", setup.states, setup.gradient)
        check.verify { setup.evaluate() }
    }

    /// Chunks of the rows, and threads, change nothing but roundings of the sums over rows.
    @Test(arguments: Kind.allCases) func chunksAndThreads(kind: Kind) {
        let whole = Setup(kind, rows: 100), chunked = Setup(kind, rows: 100, logitsBytes: 0)
        let threaded = Setup(kind, rows: 100, on: processor(threads: 3))
        let loss = whole.accumulate()
        #expect(abs(chunked.accumulate() - loss) < 1e-6)
        #expect(threaded.accumulate() == loss)
        let expected = whole.fixture.gradients
        #expect(threaded.fixture.gradients == expected)
        #expect(zip(expected, chunked.fixture.gradients).allSatisfy { abs($0 - $1) < 1e-5 })
        #expect(threaded.gradient.values == whole.gradient.values)
    }

    /// Where no word is told from another, there is nothing to learn: in a window whose targets are all one word, and in one
    /// without targets.
    @Test(arguments: onEach(Kind.allCases)) func nothingToTellApart(backend: TestedBackend, kind: Kind) {
        let one = Setup(kind, rows: 2, negatives: 1, on: backend.make(1))
        // Of the two rows only the second counts, whose target is the one negative.
        one.weights.matrix.copy(from: [0, 1])
        #expect(abs(one.accumulate()) < 1e-6)
        #expect(one.gradient.values.allSatisfy { abs($0) < 1e-6 })
        let none = Setup(kind, rows: 6, negatives: 0, on: backend.make(1))
        none.weights.matrix.fill(0)
        none.gradient.matrix.fill(7)
        #expect(none.accumulate() == 0 && none.evaluate() == 0)
        #expect(none.gradient.values.allSatisfy { $0 == 0 })
    }

    /// A prediction that is not a number is noticed.
    @Test(arguments: backends) func notANumber(backend: TestedBackend) {
        let setup = Setup(.frozen, on: backend.make(1))
        setup.states.matrix.row(0)[0] = .nan
        #expect(setup.accumulate().isNaN)
    }
}
