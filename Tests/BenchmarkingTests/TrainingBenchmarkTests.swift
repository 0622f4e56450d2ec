import Benchmarking
import Files
import Model
import Testing

/// What the numbers are, not how large: nothing here is timed.
@Suite struct TrainingBenchmarkTests {
    private static func benchmark(cell: Int, projection: Int, directions: Int) -> TrainingBenchmark {
        var configuration = EncoderConfiguration(vectorSize: 7, cell: cell, projection: projection)
        if directions == 1 { configuration.reading = .forward }
        var benchmark = TrainingBenchmark(configuration, threads: 2)
        benchmark.batch = 3
        benchmark.window = 2
        benchmark.seconds = 0.01
        benchmark.ceilingSize = 33
        return benchmark
    }

    @Test(arguments: [1, 2])
    func numbersAgreeWithEachOther(directions: Int) throws {
        var heard = 0
        let result = try Self.benchmark(cell: 5, projection: 3, directions: directions).run { number, _ in
            heard += 1
            #expect(number == heard)
        }
        // Input layer 7 x 3 + 3, its norm 3 + 3; two LSTM layers of (3 + 3) x 20 + 20, projection 5 x 3 and norm 3 + 3;
        // output layer 3 x 7 + 7.
        #expect(result.parameters == directions * (24 + 6 + 2 * (140 + 15 + 6) + 28))
        #expect(result.rounds.count >= 3 && result.rounds.count == heard)
        for round in result.rounds {
            for way in TrainingBenchmark.Way.allCases {
                let rate = round.trainingRate(way)
                #expect(round.wordsPerSecond(way) > 0)
                #expect(abs(rate - 6e-9 * Double(result.parameters) * round.wordsPerSecond(way)) < 1e-9)
                #expect(abs(round.share(way) * round.ceiling.best - rate) < 1e-9)
            }
            #expect(round.ceiling.best == max(round.ceiling.own, round.ceiling.openBLAS))
        }
        let faster = result.spread { $0.wordsPerSecond(result.fasterWay) }.median
        #expect(faster == max(result.spread(\.sideBySide).median, result.spread(\.inTurn).median))
        #expect(Set(result.phases.map { "\($0.phase)" }).count == result.phases.count)
        #expect(result.phases.count >= 13 && result.phases.allSatisfy { $0.share > 0 && $0.share < 1 })
        #expect(abs(result.phases.reduce(0) { $0 + $1.share } - 1) < 1e-9)
        #expect(result.withoutProducts > 0 && result.withoutProducts < 1)
        #expect(result.peakMemory > 1 << 20)
    }

    @Test(arguments: [(0, 3, Files.ExitStatus.usage), (1 << 20, 1 << 16, .configuration)])
    func refusesSizes(cell: Int, projection: Int, status: Files.ExitStatus) {
        let error = #expect(throws: ToolError.self) {
            _ = try Self.benchmark(cell: cell, projection: projection, directions: 2).run()
        }
        #expect(error?.status == status)
    }
}
