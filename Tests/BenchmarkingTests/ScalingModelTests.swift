import Benchmarking
import Files
import Testing

@Suite struct ScalingModelTests {
    /// A gigabyte of gradients in four buckets, and a step of ten seconds.
    private static func system(splits: Bool = false, rows: Int = 0, largest: Int = 250_000_000) -> ScalingModel.System {
        ScalingModel.System(
            name: "network", words: 1000, seconds: 10,
            gradient: GradientSize(dense: 1_000_000_000, buckets: 4, largestBucket: largest, hasRows: rows > 0, isSplit: splits), rows: rows)
    }

    private static func model() -> ScalingModel {
        var model = ScalingModel()
        model.secondsOfMessage = 0
        return model
    }

    /// By hand: half of the gradient's last bucket, and half of the first weights, at 1 GB/s; what is left is hidden.
    @Test func allBucketsButOneHide() {
        let seconds = Self.model().seconds(Self.system(), ranks: 2, ScalingModel.Network(gigabits: 8, latency: 0))
        #expect(abs(seconds - (10 + 0.125 + 0.125)) < 1e-9)
    }

    /// At a hundredth of that rate 37.5 s of gradients have a third of the step to hide in, and of weights a sixth.
    @Test func whatThePassesAreTooShortFor() {
        let seconds = Self.model().seconds(Self.system(), ranks: 2, ScalingModel.Network(gigabits: 0.08, latency: 0))
        #expect(abs(seconds - (10 + 12.5 + 12.5 + 37.5 - 10.0 / 3 + 37.5 - 10.0 / 6)) < 1e-9)
    }

    /// Two ranks that have a direction each send nothing; four send as two do that share one.
    @Test func directionsAreSharedOutFirst() {
        let network = ScalingModel.Network(gigabits: 8, latency: 0), model = Self.model()
        #expect(model.seconds(Self.system(splits: true), ranks: 2, network) == 10)
        #expect(abs(model.seconds(Self.system(splits: true), ranks: 4, network) - (10 + 0.125 + 0.125)) < 1e-9)
        #expect(ScalingModel.bytes(Self.system(splits: true), ranks: 4) == 500_000_000)
        #expect(ScalingModel.bytes(Self.system(splits: true), ranks: 3) > 1_300_000_000)
    }

    /// Dense bytes have a bound, twice the gradient; those of rows grow with the ranks.
    @Test func rowsGoToAll() {
        let dense = ScalingModel.bytes(Self.system(), ranks: 1000), both = ScalingModel.bytes(Self.system(rows: 10_000_000), ranks: 1000)
        #expect(dense < 2_000_000_000)
        #expect(abs(both - dense - 9_990_000_000) < 1)
    }

    /// One machine is as fast as it was measured, and more of them never lose words, but for rows.
    @Test func moreMachinesAreFaster() {
        let network = ScalingModel.Network(gigabits: 1), system = Self.system()
        var before = ScalingModel().wordsPerSecond(system, ranks: 1, network)
        #expect(before == 100)
        for ranks in [2, 4, 8, 64, 512, 1000] {
            let speed = ScalingModel().wordsPerSecond(system, ranks: ranks, network)
            #expect(speed > before)
            before = speed
        }
    }

    /// What the model itself says was measured is what fitting finds, where gradients hide.
    @Test func fittingFindsWhatWasMeasured() throws {
        var truth = ScalingModel()
        (truth.efficiency, truth.lateness, truth.secondsOfByte) = (0.8, 0.02, 3e-10)
        let system = Self.system(rows: 10_000_000)
        func result(_ ranks: Int, _ gigabits: Double?) -> ScalingResult {
            let network = ScalingModel.Network(gigabits: gigabits ?? 1, latency: 0), bytes = ScalingModel.bytes(system, ranks: ranks)
            let seconds = truth.seconds(system, ranks: ranks, network)
            return ScalingResult(
                system: system.name, options: "", ranks: ranks, words: 1000, seconds: Spread([seconds]),
                waited: ranks == 1 ? nil : Spread([truth.secondsWaited(system, ranks: ranks, network) / seconds]), bytes: Int(bytes),
                threadShare: ranks == 1 ? nil : 3e-10 * bytes / seconds, gradient: system.gradient, gigabits: gigabits)
        }
        let results = [result(1, nil), result(2, 10), result(2, 4), result(4, 4)], model = ScalingModel(fitting: results)
        #expect(abs(model.efficiency - 0.8) < 1e-6)
        #expect(abs(model.lateness - 0.02) < 1e-6)
        #expect(abs(model.secondsOfByte - 3e-10) < 1e-13)
        #expect(try #require(ScalingModel.systems(results).first).rows == 10_000_000)
        #expect(try #require(ScalingModel.systems(results, speed: 4).first).seconds == 2.5)
    }
}
