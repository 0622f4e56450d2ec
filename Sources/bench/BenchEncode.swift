import ArgumentParser
import Benchmarking
import CUDA
import Files
import Kernels
import Model
import NetworkArguments
import ToolSupport

/// The command `bench encode`.
struct BenchEncode: BenchCommand {
    static let configuration = CommandConfiguration(
        commandName: "encode",
        abstract: "Encoding beside the machine's ceiling for matrix products, sentences alone, and the start.",
        discussion: """
            Weights are random. Sentences become the vectors of all layers in memory, as in encode, from packed weights; a word \
            costs 2 x weights operations, a multiplication and an addition for each weight of the LSTM layers in all directions. \
            The input layer reads each distinct word once, which is counted as it is computed. Marks between sentences and \
            the padding of batches are not counted.

            The overhead of a sentence encoded alone is the time outside the encoder's arithmetic. The start is that of a model \
            file in the page cache: mapped and checked, its weights packed, and encode itself for one short sentence.

            OpenBLAS is held to the same vectors as Contour, unless OPENBLAS_CORETYPE is set.

            With --device only the sentences are measured, and no ceiling: rounds follow one that does not count, in which \
            words are met for the first time. The host waits for the GPU where it has nothing left to prepare.

            Example: bench encode --preset elmo-c --text sentences.tok --sentences 2000
            Example: bench encode --device cuda --preset elmo-c --text sentences.tok --sentences 20000
            """)

    @OptionGroup var network: EncodedNetwork

    @Option(
        help: ArgumentHelp(
            "Measure on this token shard, or text whose tokens stand between spaces; else the text is synthetic.",
            valueName: "file"),
        completion: .file())
    var text: String?

    @Option(help: ArgumentHelp("Sentences of a round, the first ones of the text.", valueName: "n"))
    var sentences = 1000

    @Option(help: ArgumentHelp("Rounds to measure.", valueName: "n"))
    var rounds = 3

    @OptionGroup var device: DeviceOptions
    @OptionGroup var results: ResultOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard text != "-" else { throw ValidationError("--text must be a file") }
        guard (1...1 << 30).contains(sentences) else { throw ValidationError("--sentences must be from 1 to \(1 << 30)") }
        guard (1...1000).contains(rounds) else { throw ValidationError("--rounds must be from 1 to 1000") }
    }

    func perform() throws {
        let encoder = try network.encoder()
        let files = try results.openInterruptible()
        let report = common.report
        var benchmark = EncodingBenchmark(encoder, threads: common.threads)
        benchmark.text = text
        benchmark.sentences = sentences
        benchmark.rounds = rounds
        benchmark.shouldStop = { StopRequest.isMade }
        let gpu = try device.open()
        if let text = device.announcement(gpu) { common.report.print("bench encode: \(text)") }
        if let gpu { return try measure(benchmark, encoder, on: gpu, files) }
        OpenBLAS.hold(to: .fastest)
        let result = try benchmark.run(
            onProgress: { report.progress($0) },
            onRound: { report.progress("round \($0): \(rounded($1.wordsPerSecond)) words/s") })
        report.progress("")
        for round in result.rounds {
            try files.log([
                "event": "round", "encoded": round.wordsPerSecond, "ownProducts": round.ceiling.own,
                "openBLASProducts": round.ceiling.openBLAS,
            ])
        }
        for alone in result.alone {
            try files.log(["event": "sentence", "words": alone.words, "seconds": alone.seconds, "overhead": alone.overhead])
        }
        try files.log([
            "event": "encode", "input": encoder.input.rawValue, "cell": encoder.encoder.cell, "projection": encoder.width,
            "dimension": encoder.inputSize, "directions": encoder.directions.count, "threads": common.threads,
            "parameters": result.parameters, "sentences": result.sentences, "tokens": result.tokens,
            "distinctWords": result.distinctWords, "modelBytes": 4 * result.parameters, "peakMemory": result.peakMemory,
            "countedOperations": result.counted, "computedOperations": result.computed,
            "wordsPerSecond": result.spread(\.wordsPerSecond), "encodingRate": result.spread(\.encodingRate),
            "ceiling": result.spread(\.ceiling.best), "share": result.spread(\.share), "readSeconds": result.start.read,
            "packSeconds": result.start.pack, "toolSeconds": result.start.tool, "phases": result.phases.byName,
        ])
        try files.print(table(result, encoder))
        try files.commit()
    }

    private func measure(
        _ benchmark: EncodingBenchmark, _ encoder: EncoderConfiguration, on gpu: CUDADevice, _ files: Results
    ) throws {
        let free = gpu.freeMemory, report = common.report
        let backends = try device.backends(encoder.directions.count, on: gpu)
        var taken = 0
        let result = try benchmark.run(
            on: backends, onProgress: { report.progress($0) },
            onRound: { number, round in
                taken = free - gpu.freeMemory
                report.progress("round \(number): \(rounded(round.wordsPerSecond)) words/s")
            })
        report.progress("")
        for round in result.rounds { try files.log(["event": "round", "encoded": round.wordsPerSecond, "waited": round.waiting]) }
        try files.log([
            "event": "encode", "gpu": gpu.name, "precision": device.precision.rawValue, "input": encoder.input.rawValue,
            "cell": encoder.encoder.cell, "projection": encoder.width, "dimension": encoder.inputSize,
            "directions": encoder.directions.count, "threads": common.threads, "parameters": result.parameters,
            "sentences": result.sentences, "tokens": result.tokens, "distinctWords": result.distinctWords,
            "batchRows": result.batchRows, "batchSentences": result.batchSentences, "gpuMemory": taken,
            "peakMemory": peakMemory(), "wordsPerSecond": result.spread(\.wordsPerSecond), "waiting": result.spread(\.waiting),
        ])
        var table = TextTable(["", "median", "lowest", "highest"])
        table.append("words/s", result.spread(\.wordsPerSecond))
        table.append("the host waited for the GPU", result.spread(\.waiting)) { percent($0) }
        try files.print(
            "\(gpu.name), \(device.precision.rawValue), cell \(encoder.encoder.cell), projection \(encoder.width), "
                + "\(encoder.input.rawValue), \(encoder.directions.count == 1 ? "1 direction" : "2 directions"), "
                + "\(grouped(result.parameters)) weights; \(grouped(result.sentences)) sentences, \(grouped(result.tokens)) words, "
                + "\(grouped(result.distinctWords)) of them distinct; batches of at most \(grouped(result.batchRows)) positions "
                + "and \(grouped(result.batchSentences)) sentences; \(result.rounds.count) rounds\n" + table.text
                + "GPU memory \(megabytes(taken)), the host's at its peak \(megabytes(peakMemory()))\n")
        try files.commit()
    }

    private func table(_ result: EncodingBenchmark.Result, _ encoder: EncoderConfiguration) -> String {
        var table = TextTable(["", "median", "lowest", "highest"])
        table.append("words/s", result.spread(\.wordsPerSecond))
        table.append("encoding, GFLOP/s", result.spread(\.encodingRate))
        table.append("large products, GFLOP/s", result.spread(\.ceiling.own))
        table.append("the same by OpenBLAS's threads", result.spread(\.ceiling.openBLAS))
        table.append("encoding of the better", result.spread(\.share)) { percent($0) }
        for alone in result.alone {
            table.append("a sentence of \(alone.words) words, ms", alone.seconds) { fixed(1e3 * $0, 2) }
            table.append("  its overhead, µs", alone.overhead) { fixed(1e6 * $0, 0) }
        }
        table.append("model mapped and checked, ms", result.start.read) { fixed(1e3 * $0, 0) }
        table.append("weights packed, ms", result.start.pack) { fixed(1e3 * $0, 0) }
        table.append("encode of one short sentence, ms", result.start.tool) { fixed(1e3 * $0, 0) }
        return "cell \(encoder.encoder.cell), projection \(encoder.width), \(encoder.input.rawValue), "
            + "\(encoder.directions.count == 1 ? "1 direction" : "2 directions"), \(grouped(result.parameters)) weights; "
            + "\(grouped(result.sentences)) sentences, \(grouped(result.tokens)) words, \(grouped(result.distinctWords)) of them "
            + "distinct; \(common.threads) threads, \(result.rounds.count) rounds\n"
            + table.text + "products computed, of those counted: \(percent(result.computed / result.counted))\n"
            + "peak memory \(megabytes(result.peakMemory))\n\n"
            + TextTable("part of a round's time", phases: result.phases).text
    }
}
