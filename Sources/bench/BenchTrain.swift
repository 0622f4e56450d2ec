import ArgumentParser
import Benchmarking
import CUDA
import Files
import Kernels
import Model
import NetworkArguments
import ToolSupport

/// The command `bench train`.
struct BenchTrain: BenchCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Training steps beside the machine's ceiling for matrix products.",
        discussion: """
            Steps are those of train on random words, from the vectors to the updated weights. A word is one position, \
            counted once whether one direction learns from it or both. Its cost is counted as 6 x weights operations: a \
            multiplication and an addition for each weight in the forward pass, twice that in the backward one. OpenBLAS is \
            held to the same vectors as Contour, unless OPENBLAS_CORETYPE is set.

            Example: bench train --cell 1024 --projection 256 --batch 64 --window 20
            """)

    @OptionGroup var sizes: EncoderOptions

    @Option(help: "The layers between input and output, as large as the preset's [the preset's].")
    var encoder: EncoderChoice?

    @Option(help: ArgumentHelp("Measure for about this long, and at least three rounds.", valueName: "x"))
    var seconds = 20.0

    @Flag(help: "Without layer norm, dropout, clips and residual connections, as PyTorch's nn.LSTM is.")
    var plain = false

    @OptionGroup var device: DeviceOptions
    @OptionGroup var kernels: KernelOptions
    @OptionGroup var results: ResultOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard seconds > 0 && seconds < 1e6 else { throw ValidationError("--seconds must be above 0") }
        guard kernels.kernels == nil || device.device == .processor else {
            throw ValidationError("--kernels are the processor's; leave --device out")
        }
        let network = try sizes.encoder(encoder)
        guard !plain || network.encoder.family is LSTMShape else {
            throw ValidationError("--plain is for LSTM layers; \(network.encoder.name) has no such form")
        }
    }

    func perform() throws {
        var encoder = try sizes.encoder(encoder)
        if plain {
            (encoder.lstm.layerNorm, encoder.lstm.residual, encoder.lstm.dropout) = (false, false, 0)
            (encoder.lstm.cellClip, encoder.lstm.projectionClip) = (nil, nil)
        }
        let files = try results.openInterruptible()
        let gpu = try device.open()
        if let text = device.announcement(gpu) { common.report.print("bench train: \(text)") }
        if let gpu { return try measure(encoder, on: gpu, files) }
        let kernels = kernels.chosen ?? .fastest
        OpenBLAS.hold(to: kernels)
        let report = common.report
        var benchmark = TrainingBenchmark(encoder, threads: common.threads)
        benchmark.batch = sizes.batch
        benchmark.window = sizes.window
        benchmark.seconds = seconds
        benchmark.kernels = kernels
        benchmark.shouldStop = { StopRequest.isMade }
        let result = try benchmark.run { number, round in
            report.progress("round \(number): \(rounded(max(round.sideBySide, round.inTurn))) words/s")
        }
        report.progress("")
        for round in result.rounds {
            try files.log([
                "event": "round", "sideBySide": round.sideBySide, "inTurn": round.inTurn, "ownProducts": round.ceiling.own,
                "openBLASProducts": round.ceiling.openBLAS,
            ])
        }
        let way = result.fasterWay
        try files.log([
            "event": "train", "cell": encoder.encoder.cell, "projection": encoder.width, "dimension": encoder.inputSize,
            "directions": encoder.directions.count, "batch": sizes.batch, "window": sizes.window, "threads": common.threads,
            "kernels": kernels.name, "parameters": result.parameters, "peakMemory": result.peakMemory, "way": way,
            "wordsPerSecond": result.spread { $0.wordsPerSecond(way) }, "sideBySide": result.spread(\.sideBySide),
            "inTurn": result.spread(\.inTurn), "trainingRate": result.spread { $0.trainingRate(way) },
            "ceiling": result.spread(\.ceiling.best), "share": result.spread { $0.share(way) },
            "phases": result.phases.byName, "withoutProducts": result.withoutProducts,
        ])
        try files.print(table(result, encoder))
        try files.commit()
    }

    private func measure(_ encoder: EncoderConfiguration, on gpu: CUDADevice, _ files: Results) throws {
        let backends = try encoder.directions.map { _ in try CUDABackend(gpu, precision: device.precision) as any Backend }
        let free = gpu.freeMemory
        let training = DeviceTraining(encoder, batch: sizes.batch, window: sizes.window, backends: backends)
        let speed = try training.run(seconds: seconds), rate = 6e-12 * Double(training.parameters)
        let taken = free - gpu.freeMemory
        try files.log([
            "event": "train", "gpu": gpu.name, "precision": device.precision.rawValue, "cell": encoder.encoder.cell,
            "projection": encoder.width, "batch": sizes.batch, "window": sizes.window, "parameters": training.parameters,
            "wordsPerSecond": speed, "gpuMemory": taken,
        ])
        var table = TextTable(["", "median", "lowest", "highest"])
        table.append("words/s", speed)
        table.append(["TFLOP/s at 6 x weights a word"] + [speed.median, speed.lowest, speed.highest].map { String(Int(rate * $0)) })
        try files.print(
            "\(gpu.name), \(device.precision.rawValue), cell \(encoder.encoder.cell), projection \(encoder.width), "
                + "\(grouped(training.parameters)) weights; batch \(sizes.batch), window \(sizes.window); GPU memory "
                + "\(megabytes(taken))\n" + table.text)
        try files.commit()
    }

    private func table(_ result: TrainingBenchmark.Result, _ encoder: EncoderConfiguration) -> String {
        var table = TextTable(["", "median", "lowest", "highest"])
        let way = result.fasterWay
        table.append("words/s", result.spread { $0.wordsPerSecond(way) })
        if encoder.directions.count > 1 {
            table.append("  directions side by side", result.spread(\.sideBySide))
            table.append("  one after the other", result.spread(\.inTurn))
        }
        table.append("training, GFLOP/s", result.spread { $0.trainingRate(way) })
        table.append("large products, GFLOP/s", result.spread(\.ceiling.own))
        table.append("the same by OpenBLAS's threads", result.spread(\.ceiling.openBLAS))
        table.append("training of the better", result.spread { $0.share(way) }) { percent($0) }
        var phases = TextTable("part of a step's time", phases: result.phases)
        phases.append(["all that is not a matrix product", percent(result.withoutProducts)])
        return "cell \(encoder.encoder.cell), projection \(encoder.width), dimension \(encoder.inputSize), "
            + "\(encoder.directions.count == 1 ? "1 direction" : "2 directions"), \(grouped(result.parameters)) weights; "
            + "batch \(sizes.batch), window \(sizes.window); \(common.threads) threads, \(result.rounds.count) rounds\n"
            + table.text + "peak memory \(megabytes(result.peakMemory))\n\n" + phases.text
    }
}
