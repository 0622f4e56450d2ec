import ArgumentParser
import Benchmarking
import Files
import Model
import ToolSupport

/// `bench train`
struct BenchTrain: Tool {
    static let name = "bench train"
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Training steps beside the machine's ceiling for matrix products.",
        discussion: """
            Steps are those of train on random words, from the vectors to the updated weights. A word is one position, \
            counted once whether one direction learns from it or both. Its cost is counted as 6 x weights operations: a \
            multiplication and an addition for each weight in the forward pass, twice that in the backward one.

            Example: bench train --cell 1024 --projection 256 --batch 64 --window 20
            """)

    @Option(help: "Sizes of a known encoder: \(EncoderConfiguration.presets.map(\.name).joined(separator: ", ")).")
    var preset = "small"

    @Option(help: ArgumentHelp("LSTM cells of a layer and direction, instead of the preset's.", valueName: "n"))
    var cell: Int?

    @Option(help: ArgumentHelp("Width of a layer's output in a direction, instead of the preset's.", valueName: "n"))
    var projection: Int?

    @Option(help: ArgumentHelp("Width of the words' vectors.", valueName: "n"))
    var dimension = 300

    @Option(help: ArgumentHelp("Directions: 1 or 2.", valueName: "n"))
    var directions = 2

    @Option(help: ArgumentHelp("Parallel streams of text.", valueName: "n"))
    var batch = 64

    @Option(help: ArgumentHelp("Words of a stream trained together (truncated BPTT).", valueName: "n"))
    var window = 20

    @Option(help: ArgumentHelp("Measure for about this long, and at least three rounds.", valueName: "x"))
    var seconds = 20.0

    @OptionGroup var results: ResultOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard EncoderConfiguration.presets.contains(where: { $0.name == preset }) else {
            throw ValidationError("no preset of the name \(preset)")
        }
        guard directions == 1 || directions == 2 else { throw ValidationError("--directions must be 1 or 2") }
        guard (1...65536).contains(batch), (1...65536).contains(window), batch * window <= 1 << 24 else {
            throw ValidationError("--batch and --window must be from 1 to 65536, their product at most 16777216")
        }
        guard seconds > 0 && seconds < 1e6 else { throw ValidationError("--seconds must be above 0") }
        if let complaint = encoder?.complaint { throw ValidationError(complaint) }
    }

    private var encoder: EncoderConfiguration? {
        guard var configuration = EncoderConfiguration(preset: preset, vectorSize: dimension) else { return nil }
        if let cell { configuration.cell = cell }
        if let projection { configuration.projection = projection }
        if directions == 1 { configuration.directions = [.forward] }
        return configuration
    }

    func perform() throws {
        guard let encoder else { return }
        let files = try results.open()
        let report = common.report
        var benchmark = TrainingBenchmark(encoder, threads: common.threads)
        benchmark.batch = batch
        benchmark.window = window
        benchmark.seconds = seconds
        let result = try benchmark.run { number, round in
            report.progress("round \(number): \(rounded(round.wordsPerSecond)) words/s")
        }
        report.progress("")
        for round in result.rounds { try files.log(RoundRecord(round)) }
        try files.log(ResultRecord(result, benchmark))
        try files.print(table(result, encoder))
        try files.commit()
    }

    private func table(_ result: TrainingBenchmark.Result, _ encoder: EncoderConfiguration) -> String {
        var table = TextTable(["", "median", "lowest", "highest"])
        func add(_ name: String, _ spread: Spread, _ form: (Double) -> String = rounded) {
            table.append([name, form(spread.median), form(spread.lowest), form(spread.highest)])
        }
        add("words/s", result.spread(\.wordsPerSecond))
        add("training, GFLOP/s", result.spread(\.trainingRate))
        add("large products, GFLOP/s", result.spread(\.ownProducts))
        add("the same by OpenBLAS's threads", result.spread(\.openBLASProducts))
        add("training of the better", result.spread(\.share)) { fixed(100 * $0, 1) + "%" }
        return "cell \(encoder.cell), projection \(encoder.projection), dimension \(dimension), "
            + "\(directions == 1 ? "1 direction" : "2 directions"), \(grouped(result.parameters)) weights; batch \(batch), "
            + "window \(window); \(common.threads) threads, \(result.rounds.count) rounds\n"
            + table.text + "peak memory \(megabytes(result.peakMemory))\n"
    }
}

/// A round in JSON Lines.
private struct RoundRecord: Encodable {
    let event = "round"
    let wordsPerSecond, trainingRate, ownProducts, openBLASProducts, share: Double

    init(_ round: TrainingBenchmark.Round) {
        wordsPerSecond = round.wordsPerSecond
        trainingRate = round.trainingRate
        ownProducts = round.ownProducts
        openBLASProducts = round.openBLASProducts
        share = round.share
    }
}

/// What was measured, and the medians.
private struct ResultRecord: Encodable {
    let event = "train"
    let cell, projection, dimension, directions, batch, window, threads, parameters, peakMemory: Int
    let wordsPerSecond, trainingRate, ceiling, share: Spread

    init(_ result: TrainingBenchmark.Result, _ benchmark: TrainingBenchmark) {
        let encoder = benchmark.configuration
        cell = encoder.cell
        projection = encoder.projection
        dimension = encoder.inputSize
        directions = encoder.directions.count
        batch = benchmark.batch
        window = benchmark.window
        threads = benchmark.threads
        parameters = result.parameters
        peakMemory = result.peakMemory
        wordsPerSecond = result.spread(\.wordsPerSecond)
        trainingRate = result.spread(\.trainingRate)
        ceiling = result.spread(\.ceiling)
        share = result.spread(\.share)
    }
}
