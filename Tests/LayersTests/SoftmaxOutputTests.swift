@_spi(HostMemory) import Kernels
import Layers
import Testing

/// The three softmaxes over words, against PyTorch and against their own losses' differences.
struct SoftmaxOutputTests {
    enum Kind: CaseIterable {
        case full, sampled, adaptive
    }

    static let rows = 6, width = 8

    /// A softmax with its weights, and states to go through it.
    final class Setup {
        let fixture: LayerFixture<any OutputLayer>
        let states: OwnedMatrix
        let gradient: OwnedMatrix
        let targets: [Int32]
        let weights: OwnedMatrix

        /// - Parameter logitsBytes: 0 forces chunks of the least size.
        init(
            _ kind: Kind, rows: Int = SoftmaxOutputTests.rows, logitsBytes: Int = 1 << 20, on backend: any Backend = processor()
        ) {
            let width = SoftmaxOutputTests.width
            fixture = LayerFixture(rows: rows, training: Adagrad(), on: backend) { plan in
                switch kind {
                case .full:
                    SoftmaxOutput("out", inputs: width, classes: 11, rows: rows, logitsBytes: logitsBytes, in: &plan)
                case .sampled:
                    SampledSoftmaxOutput(
                        "out", inputs: width, classes: 11, negatives: 4, rows: rows, logitsBytes: logitsBytes, in: &plan)
                case .adaptive:
                    AdaptiveSoftmaxOutput(
                        "out", inputs: width, classes: 20, cutoffs: [5, 12], divisor: 2, rows: rows, logitsBytes: logitsBytes,
                        in: &plan)
                }
            }
            states = OwnedMatrix(rows, width)
            gradient = OwnedMatrix(rows, width)
            let pattern: [Int32] = kind == .adaptive ? [3, 0, 19, 7, 12, 5] : [3, 0, 10, 7, 3, 5]
            targets = (0..<rows).map { pattern[$0 % 6] }
            weights = OwnedMatrix([(0..<rows).map { $0 % 6 == 2 ? 0 : 1 }])
            states.matrix.fillWave(1)
            fixture.parameters.fillWaves()
        }

        func accumulate(weighted: Bool) -> Double {
            let targets = OwnedNumbers(targets)
            return fixture.loss { loss, run in
                fixture.layer.accumulate(
                    states.matrix, .classes(targets.numbers), weights: weighted ? weights.matrix : nil,
                    draw: Draw(seed: 1, step: 0), statesGradient: gradient.matrix, loss: loss, run)
            }
        }

        func evaluate(_ targets: [Int32]? = nil, weighted: Bool) -> Double {
            let targets = OwnedNumbers(targets ?? self.targets)
            return fixture.loss { loss, run in
                fixture.layer.evaluate(
                    states.matrix, .classes(targets.numbers), weights: weighted ? weights.matrix : nil, loss: loss, run)
            }
        }

        func gradient(_ name: String) throws -> OwnedMatrix { fixture.gradient(of: try fixture.parameter(name)) }
    }

    @Test(arguments: backends) func fullSoftmaxIsPyTorchs(backend: TestedBackend) throws {
        let setup = Setup(.full, on: backend.make(1))
        #expect(abs(setup.accumulate(weighted: true) - 2.515938950739112) < 1e-6)
        #expect(abs(setup.evaluate(weighted: true) - 2.515938950739112) < 1e-6)
        expectNear(
            setup.gradient.matrix, row: 0,
            [0.05342157, -0.02106427, -0.08564327, -0.1099429, -0.08253466, -0.01630908, 0.05758691, 0.1043989])
        let weight = try setup.gradient("out.weight"), bias = try setup.gradient("out.bias")
        expectNear(
            weight.matrix, row: 3,
            [0.01453395, -0.000434766, -0.015199, -0.02281491, -0.01970061, -0.007320805, 0.008502092, 0.02032632])
        expectNear(
            bias.matrix, row: 0,
            [-0.1335624, 0.0689686, 0.07021225, -0.3293955, 0.08571395, -0.0744521, 0.1611525, -0.0609906, 0.0862117,
             0.06242998, 0.0637117])
    }

    @Test(arguments: backends) func adaptiveSoftmaxIsPyTorchs(backend: TestedBackend) throws {
        let setup = Setup(.adaptive, on: backend.make(1))
        #expect(abs(setup.accumulate(weighted: false) - 3.1860904338057323) < 1e-6)
        #expect(abs(setup.evaluate(weighted: false) - 3.1860904338057323) < 1e-6)
        expectNear(
            setup.gradient.matrix, row: 2,
            [0.03840563, 0.1266917, 0.1273409, 0.03039606, -0.06560943, -0.08787529, -0.06946984, -0.06149776])
        let head = try setup.gradient("out.head.weight")
        expectNear(
            head.matrix, row: 6,
            [0.05435685, -0.007057829, -0.0651531, -0.09260585, -0.07650463, -0.02442208, 0.03914656, 0.08430395])
        let projection = try setup.gradient("out.cluster1.projection.weight")
        expectNear(projection.matrix, row: 0, [-0.01730864, 0.003216597])
        let cluster = try setup.gradient("out.cluster0.weight")
        expectNear(cluster.matrix, row: 2, [-0.00839499, -0.02915886, -0.03620886, -0.02622927])
    }

    @Test(arguments: backends) func adaptiveProbabilitiesAddUpToOne(backend: TestedBackend) throws {
        let setup = Setup(.adaptive, on: backend.make(1))
        // PyTorch's log_prob of the first row.
        let expected = [
            -1.852674, -1.364239, -1.335042, -1.778189, -2.494765, -5.045493, -5.196296, -5.0318, -5.190981,
            -5.055509, -5.151617, -5.105978, -5.55948, -5.520629, -5.561534, -5.61429, -5.591318, -5.530754,
            -5.533138, -5.594512,
        ]
        for row in 0..<Self.rows {
            let only = Setup(.adaptive, rows: 1, on: backend.make(1))
            only.states.matrix.copy(from: setup.states.matrix.rows(row..<row + 1))
            let logs = (0..<20).map { -only.evaluate([Int32($0)], weighted: false) }
            #expect(abs(logs.reduce(0) { $0 + exponential($1) } - 1) < 1e-5)
            if row == 0 { for (own, theirs) in zip(logs, expected) { #expect(abs(own - theirs) < 2e-6) } }
        }
    }

    /// Ranks among some classes, in any order, are those of the classes' probabilities; of the adaptive softmax, they lie in the
    /// head and in both clusters.
    @Test(arguments: onEach(Kind.allCases))
    func ranksAreThoseOfProbabilities(backend: TestedBackend, kind: Kind) throws {
        let setup = Setup(kind, on: backend.make(1)), all = kind == .adaptive ? 20 : 11
        let classes: [Int32] = kind == .adaptive ? [19, 3, 0, 7, 12, 5, 4, 16, 11] : [10, 3, 0, 7, 5, 1]
        func ranks(_ output: some ClassifyingOutput, targets: [Int]) -> [CandidateScores] {
            let subset = output.subset(classes, setup.fixture.run)
            return output.rank(setup.states.matrix, among: subset, targets: targets, setup.fixture.run)
        }
        /// log p of the classes, up to a number for each row.
        func logScores(_ output: some ClassifyingOutput) -> [Float] {
            output.logScores(setup.states.matrix, of: output.subset(classes, setup.fixture.run), setup.fixture.run)
        }
        let output = try #require(setup.fixture.layer as? any ClassifyingOutput), scores = logScores(output)
        for shift in classes.indices {
            let targets = (0..<Self.rows).map { ($0 + shift) % classes.count }
            for (row, found) in ranks(output, targets: targets).enumerated() {
                let only = Setup(kind, rows: 1, on: backend.make(1))
                only.states.matrix.copy(from: setup.states.matrix.rows(row..<row + 1))
                let logs = (0..<all).map { -only.evaluate([Int32($0)], weighted: false) }
                let chosen = classes.map { logs[Int($0)] }, own = chosen[targets[row]]
                #expect(found.higherScores == chosen.count { $0 > own + 1e-7 })
                let total = chosen.reduce(0) { $0 + exponential($1) }
                #expect(abs(exponential(found.logProbability) * total / exponential(own) - 1) < 1e-5)
                let row = scores[row * classes.count..<(row + 1) * classes.count].map(Double.init)
                for (place, score) in row.enumerated() { #expect(abs(score - row[0] - (chosen[place] - chosen[0])) < 1e-5) }
            }
        }
    }

    @Test(arguments: backends) func sampledSoftmaxIsPyTorchs(backend: TestedBackend) throws {
        let setup = Setup(.sampled, on: backend.make(1))
        // The classes that this seed draws, with which the figures were computed: among them targets, which must not
        // count as negatives of themselves.
        var random = Random(seed: 1, stream: "negatives", number: 0)
        let draws = LayerFixture(rows: 1) { LogUniformSampler(classes: 11, count: 4, in: &$0) }
        let tries = draws.layer.draw(&random, draws.run)
        #expect(draws.layer.drawn(draws.run).values == [4, 9, 0, 2] && tries == 4)
        #expect(abs(setup.accumulate(weighted: false) - 1.5581780061298727) < 1e-6)
        expectNear(
            setup.gradient.matrix, row: 0,
            [0.04593364, -0.01303358, -0.06587091, -0.08772811, -0.06832542, -0.01678821, 0.04264476, 0.08202123])
        expectNear(
            try setup.gradient("out.weight").matrix, row: 3,
            [0.01126585, -0.008560341, -0.02436048, -0.0287035, -0.01954681, -0.001196962, 0.01771584, 0.02829661])
        let bias = try setup.gradient("out.bias")
        let expected = [
            -0.1046839, 0.0, 0.1276874, -0.2850126, 0.2737605, -0.0895222, 0.0, -0.09771633, 0.0, 0.2988167,
            -0.1233295,
        ]
        for (own, theirs) in zip(bias.values, expected) { #expect(abs(Double(own) - theirs) < 1e-6) }
    }

    @Test(arguments: onEach(Kind.allCases)) func gradientsAreDifferencesOfTheLoss(backend: TestedBackend, kind: Kind) {
        let setup = Setup(kind, rows: 40, logitsBytes: 0, on: backend.make(1))
        _ = setup.accumulate(weighted: true)
        var check = GradientCheck()
        check.add(setup.fixture)
        check.add("states", setup.states, setup.gradient)
        check.verify {
            setup.fixture.clearGradients()
            return setup.accumulate(weighted: true)
        }
    }

    /// Chunks of the rows, and threads, change nothing but roundings of the sums over rows.
    @Test(arguments: Kind.allCases) func chunksAndThreads(kind: Kind) {
        let whole = Setup(kind, rows: 100), chunked = Setup(kind, rows: 100, logitsBytes: 0)
        let threaded = Setup(kind, rows: 100, on: processor(threads: 3))
        let loss = whole.accumulate(weighted: true)
        #expect(abs(chunked.accumulate(weighted: true) - loss) < 1e-6)
        #expect(threaded.accumulate(weighted: true) == loss)
        let expected = whole.fixture.gradients
        #expect(threaded.fixture.gradients == expected)
        #expect(zip(expected, chunked.fixture.gradients).allSatisfy { abs($0 - $1) < 1e-5 })
        #expect(threaded.gradient.values == whole.gradient.values)
    }

    @Test func cutoffs() {
        #expect(AdaptiveSoftmaxOutput.complaint(cutoffs: [4, 8], classes: 9) == nil)
        #expect(AdaptiveSoftmaxOutput.complaint(cutoffs: [4, 9], classes: 9)?.contains("below the size") == true)
        #expect(AdaptiveSoftmaxOutput.complaint(cutoffs: [4, 4], classes: 9) == "--cutoffs must rise")
        #expect(AdaptiveSoftmaxOutput.complaint(cutoffs: [0, 4], classes: 9)?.contains("above 0") == true)
        #expect(AdaptiveSoftmaxOutput.complaint(cutoffs: [], classes: 9) != nil)
    }
}
