@_spi(HostMemory) import Kernels
import Parallel
import Probing
import Testing

struct ProbeTests {
    /// Words of three kinds, which the second layer tells apart and the first, of noise, does not.
    private struct Setup {
        let task: ProbeTask
        let training, test: ProbeFeatures

        init() throws {
            var random = Random(seed: 3)
            func sentences(_ count: Int) -> [String] {
                (0..<count).map { _ in (0..<8).map { _ in "w/\(["A", "B", "C"][random.below(3)])" }.joined(separator: " ") }
            }
            task = try ProbeTask(training: labelled(sentences(600)), test: labelled(sentences(100)))
            func features(_ tokens: ProbeTask.Tokens) -> ProbeFeatures {
                let features = ProbeFeatures(tokens: tokens.targets.count, layers: 2, width: 5)
                for (row, label) in tokens.targets.enumerated() {
                    for column in 0..<10 { features.matrix.row(row)[column] = Float(random.normal()) }
                    features.matrix.row(row)[5 + Int(label)] += 6
                }
                return features
            }
            training = features(task.training)
            test = features(task.test)
            ProbeFeatures.standardise([training, test], by: training, rows: task.fitted, ProcessorBackend())
        }

        func run(epochs: Int = 20, seed: UInt64 = 1, threads: Int = 1) -> Probe.Result {
            var probe = Probe()
            probe.epochs = epochs
            return probe.run(task, training: training, test: test, seed: seed, ProcessorBackend(pool: ThreadPool(threads: threads)))
        }
    }

    @Test func itFindsTheLayerThatTells() throws {
        let result = try Setup().run()
        #expect(result.score.value > 0.97 && result.score.precision == nil)
        #expect(result.layerShares[1] > 0.55 && abs(result.layerShares[0] + result.layerShares[1] - 1) < 1e-9)
        #expect(result.gamma > 1 && (1...20).contains(result.epoch))
    }

    @Test func moreEpochsFitBetter() throws {
        let setup = try Setup()
        let one = setup.run(epochs: 1)
        #expect(one.epoch == 1 && one.score.value < setup.run().score.value)
    }

    /// With one label all epochs are as good, and the first of them is taken.
    @Test func oneLabel() throws {
        let task = try ProbeTask(training: labelled((0..<10).map { _ in "a/X b/X" }), test: labelled(["a/X", "b/Y"]))
        let result = Probe().run(
            task, training: ProbeFeatures(tokens: 20, layers: 1, width: 2), test: ProbeFeatures(tokens: 2, layers: 1, width: 2),
            seed: 1, ProcessorBackend())
        #expect(result.epoch == 1 && result.score.value == 0.5 && result.layerShares == [1])
    }

    @Test(arguments: [2, 3]) func theNumberOfThreadsDoesNotShow(threads: Int) throws {
        let setup = try Setup()
        #expect(setup.run() == setup.run(threads: threads))
    }

    @Test func seedsAreOtherFits() throws {
        let setup = try Setup()
        #expect(setup.run(seed: 1) == setup.run(seed: 1) && setup.run(seed: 1).gamma != setup.run(seed: 2).gamma)
    }
}
