public import ArgumentParser
import Benchmarking
import Files
import Model
import NetworkArguments
import Parallel
import ToolSupport
public import Training

/// Systems measured together, group by group, and their results as they come: what an interrupted run leaves is whole groups
/// and the rounds of the last one.
struct SystemsRun {
    let name: String
    let options: SystemOptions
    private let files: Results
    private let rows: OutputFile?
    private var benchmark: SystemsBenchmark
    private let progress: RunProgress
    private let budget: Double
    private let end: Double
    private(set) var measured = 0
    private var reasons: [String] = []
    private(set) var isInterrupted = false

    /// Opens the results, and the GPU if one is asked for, before anything is measured, and reads the text. Throws `ToolError`.
    /// - Parameters:
    ///   - device: where the systems are trained; `nil`: on the processor.
    ///   - budget: the seconds of the whole run, if the options do not say otherwise.
    init(_ name: String, _ options: SystemOptions, _ device: DeviceOptions? = nil, budget: Double) throws {
        self.name = name
        self.options = options
        self.budget = options.budget?.seconds ?? budget
        end = monotonicSeconds() + self.budget
        progress = RunProgress("bench \(name)", options.common.report)
        files = try options.results.openInterruptible()
        rows = try options.tsv.map { try OutputFile(path: $0, binary: false) }
        let gpu = try device?.open()
        if let text = device?.announcement(gpu) { options.common.report.print("bench \(name): \(text)") }
        let measured = device.flatMap { device in gpu.map { MeasuredDevice($0, precision: device.precision) } }
        do { benchmark = try options.benchmark(on: measured, progress) } catch {
            // An interrupt from the terminal meets the tools that make the text ready, too.
            StopRequest.endBySignal()
            throw error
        }
        let size = benchmark.textSize
        let text = options.text ?? "synthetic"
        try files.log(
            MachineRecord(
                command: measuredCommand, version: contourVersion, text: text, textWords: size.tokens,
                distinctWords: size.distinctWords, threads: options.common.threads, device: measured))
        let trained = measured.map { "\($0.name), \($0.precision), CUDA \($0.driver), \(megabytes($0.memory)) free; " } ?? ""
        try files.print(
            "\(trained)\(Machine.processor); \(options.common.threads) threads, \(Machine.kernels); text \(text), "
                + "\(grouped(size.tokens)) tokens; \(Machine.date)\n")
    }

    /// Prints text behind the results.
    func print(_ text: String) throws { try files.print(text) }

    /// The memory in bytes that the largest batch is told for.
    var memoryGiven: Int { benchmark.memoryGiven }

    /// Measures a group for `share` of what is left of the budget, and prints it: `title`, then what `table` makes of it, and
    /// what the systems differ in. Throws `ToolError` with status `usage` if the budget does not suffice for this group and
    /// those `later`.
    mutating func measure(
        _ systems: [MeasuredSystem], share: Double = 1, later: [[MeasuredSystem]] = [], title: String,
        table: ([SystemResult]) -> String
    ) throws {
        guard !isInterrupted else { return }
        let now = monotonicSeconds(), outcome: SystemsBenchmark.Outcome
        do {
            outcome = try benchmark.run(systems, until: now + share * max(0, end - now), end: end, later: later)
        } catch let error as BudgetTooShort {
            options.common.report.progress("")
            throw tooShort(error)
        }
        options.common.report.progress("")
        isInterrupted = outcome.isInterrupted
        let results = outcome.results
        let records = results.map {
            SystemRecord($0, run: name, threads: options.common.threads, memoryGiven: benchmark.memoryGiven)
        }
        for (record, result) in zip(records, results) {
            try files.log(record)
            let columns = result.columns(run: name, reference: results[0])
            if measured == 0 { try rows?.write(tabSeparated(columns.map(\.title))) }
            try rows?.write(tabSeparated(columns.map(\.cell)))
            measured += 1
        }
        for result in results.dropFirst() { try files.log(RatioRecord(result, to: results[0], run: name)) }
        let differences = DifferencesRecord(records)
        if let differences { try files.log(differences) }
        for (system, reason) in outcome.leftOut { try files.log(LeftOutRecord(system, reason: reason, run: name)) }
        if isInterrupted { try files.log(InterruptedRecord(run: name)) }
        if let first = results.first {
            progress.finish("measured \(first.rounds) rounds\(name == "output-layers" || name == "encoders" ? ": \(title)" : "")")
            try files.print("\n\(title)\n" + table(results) + (differences.map { $0.text + "\n" } ?? ""))
        }
        for (system, reason) in outcome.leftOut {
            try files.print("\(system.name) left out: \(reason)\n")
            options.common.report.print("bench \(name): \(system.name) left out: \(reason)")
            reasons.append("\(system.name): \(reason)")
        }
    }

    private func tooShort(_ error: BudgetTooShort) -> ToolError {
        let what = error.groups > 1 ? "of each of \(error.groups) groups " : ""
        let help = error.groups > 1
            ? "give more, or fewer \(name == "encoders" ? "of --encoder and --output" : "--encoders or --vocabularies")"
            : name == "compare" ? "give more, or a smaller --vocabulary inside the quotes of each network" : "give more"
        return ToolError(
            .usage,
            "a budget of \(TimeSpan(seconds: budget)) is too short: starts included, three rounds \(what)take about "
                + "\(spelt(seconds: error.fewest.rounded(.up))), and twelve, which intervals of ratios need, about "
                + "\(spelt(seconds: error.enough.rounded(.up))); \(help)")
    }

    /// Ends the run: results appear. Throws `ToolError` with status `configuration` if there are none.
    func finish() throws {
        // Results of an earlier run are not replaced by none.
        if measured > 0 {
            try rows?.commit()
            try files.commit()
        }
        if isInterrupted {
            if measured == 0 { options.common.report.print("bench \(name): interrupted before anything was measured") }
            return StopRequest.endBySignal()
        }
        guard measured > 0 else {
            throw ToolError(.configuration, "nothing was measured: \(reasons.joined(separator: "; "))")
        }
    }

    /// Returns what there is to tell of systems that were measured together: where the time goes only of the processor, which
    /// would be that of queueing on a GPU.
    static func tables(_ results: [SystemResult], memory: Int) -> String {
        table(results, memory: memory) + (results[0].device == nil ? "\n" + costs(results) : "")
    }

    /// Returns speeds, ratios and sizes of systems that were measured together; ratios are to the first.
    private static func table(_ results: [SystemResult], memory: Int) -> String {
        var table = TextTable([
            "", "encoder", "vocabulary", "words/s", "lowest", "highest", "1 M words", "time, times", "95% interval",
            "parameters", "optimiser", results[0].device == nil ? "peak memory" : "GPU memory", "gradient",
            "batch in \(megabytes(memory))", "joules, 1 M words",
        ])
        for (place, result) in results.enumerated() {
            let speed = result.wordsPerSecond, ratio = result.ratio(to: results[0])
            let interval = ratio.low.flatMap { low in ratio.high.map { "\(fixed(low, 3)) to \(fixed($0, 3))" } }
            table.append([
                result.system.name, result.system.sizeText, result.system.vocabularyText, rounded(speed.median),
                rounded(speed.lowest), rounded(speed.highest), spelt(seconds: result.secondsOfMillionWords.median),
                place == 0 ? "1" : fixed(ratio.ratio.median, 3), place == 0 ? "" : interval ?? "too few rounds",
                grouped(result.parameters), megabytes(result.optimizerBytes), megabytes(result.peakMemory),
                megabytes(result.gradientBytes), grouped(result.largestBatch),
                result.joulesOfMillionWords.map(rounded) ?? "not measurable here",
            ])
        }
        let rounds = results[0].rounds
        return table.text + "\(rounds) rounds"
            + (rounds < SystemsBenchmark.enoughRounds
                ? ", which are few: ratios have no interval; a larger --budget measures more" : "") + "\n"
    }

    /// Returns a table of the parts of the systems' steps, and a bar of letters for each.
    static func costs(_ results: [SystemResult]) -> String {
        var table = TextTable(["part of a step's time"] + results.map(\.system.name))
        for (place, part) in SystemResult.parts.enumerated() {
            table.append([part] + results.map { percent($0.shares[place]) })
        }
        table.append(["words/s"] + results.map { rounded($0.wordsPerSecond.median) })
        table.append(["microseconds a word"] + results.map { fixed($0.secondsOfMillionWords.median, 1) })
        var text = table.text
        let longest = results.map(\.secondsOfMillionWords.median).max() ?? 1
        let width = results.map(\.system.name.count).max() ?? 0
        for result in results {
            let length = 60 * result.secondsOfMillionWords.median / longest
            var bar = "", end = 0.0
            for (place, part) in SystemResult.parts.enumerated() {
                end += result.shares[place] * length
                let letter = Self.letter(of: part)
                bar += String(repeating: letter, count: max(0, Int(end.rounded()) - bar.count))
            }
            text += result.system.name + String(repeating: " ", count: width - result.system.name.count) + "  \(bar)\n"
        }
        let names = SystemResult.parts.map { "\(Self.letter(of: $0)) \($0)" }
        return text + "(" + names.joined(separator: ", ") + ")\n"
    }

    /// Returns a letter for a part: output, optimiser and other begin alike.
    private static func letter(of part: String) -> String {
        ["output": "=", "optimiser": "o", "other": "."][part] ?? String(part.prefix(1))
    }
}

/// The options of `encoders`, `output-layers`, `costs` and `compare`, which measure systems together.
struct SystemOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Train on this text, plain or compressed, or a token shard [synthetic].", valueName: "file"),
        completion: .file())
    var text: String?

    @Option(help: ArgumentHelp("Size of the synthetic text.", valueName: "n"))
    var megabytes = 16

    @Option(parsing: .unconditional, help: ArgumentHelp(
        """
        Take no longer than this in all, starts included: 90s, 15m [encoders 1h, output-layers 30m, compare 5m, costs 1m]. As many rounds are \
        measured as fit; where not even three do, it is refused, with the time that it needs.
        """, valueName: "time"))
    var budget: TimeSpan?

    @Option(help: ArgumentHelp("End earlier when every ratio is known to this share of itself; 0 does not.", valueName: "x"))
    var ratioPrecision = 0.005

    @Option(help: ArgumentHelp(
        "Tell the largest batch for this much memory [the machine's, or what is free of the GPU's].", valueName: "size"))
    var memory: ByteSize?

    @Option(help: ArgumentHelp("The most memory for the vectors of words.", valueName: "size"))
    var tableMemory = ByteSize(bytes: 256 << 20)

    @Option(
        help: ArgumentHelp("Write what was measured of each system to this file too, tabs between columns.", valueName: "file"),
        completion: .file())
    var tsv: String?

    @OptionGroup var results: ResultOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard text != "-" else { throw ValidationError("--text must be a file: it is read more than once") }
        guard (1...1_000_000).contains(megabytes) else { throw ValidationError("--megabytes must be from 1 to 1000000") }
        guard budget?.seconds ?? 1 > 0 else { throw ValidationError("--budget must be above 0") }
        try results.checkDifferent(from: tsv)
        guard ratioPrecision >= 0 && ratioPrecision < 1 else {
            throw ValidationError("--ratio-precision must be from 0 to less than 1")
        }
    }

    /// Returns the benchmark that the options ask for, its text read. Throws what `SystemsBenchmark` throws.
    /// - Parameters:
    ///   - device: the GPU that trains; `nil`: the processor does.
    ///   - progress: shows what is going on.
    func benchmark(on device: MeasuredDevice?, _ progress: RunProgress) throws -> SystemsBenchmark {
        var benchmark = try SystemsBenchmark(
            text: text, megabytes: megabytes, threads: common.threads, onProgress: progress.show, onStage: progress.finish)
        benchmark.device = device
        benchmark.memoryGiven = memory?.bytes ?? device?.memory ?? memoryLimit()
        benchmark.tableMemory = tableMemory.bytes
        benchmark.precision = ratioPrecision
        benchmark.shouldStop = { StopRequest.isMade }
        return benchmark
    }
}

extension OptimizerKind: ExpressibleByArgument {}

/// The sizes of systems, but for their encoders and vocabularies: options of `output-layers`, and of a network in quotes.
struct SystemSizes: ParsableArguments {
    @Option(help: ArgumentHelp("Units of a network that reads subwords; of a smaller vocabulary, all its words.", valueName: "n"))
    var units = PublishedSystem.Sizes().units

    @Option(help: ArgumentHelp("Width of the words' vectors.", valueName: "n"))
    var dimension = PublishedSystem.Sizes().dimension

    @Option(help: ArgumentHelp("Parallel streams of text [128; transformer: as many words in all].", valueName: "n"))
    var batch: Int?

    @Option(help: ArgumentHelp("Words of a stream trained together [20; transformer: 128].", valueName: "n"))
    var window: Int?

    @Option(help: "The rule of the updates.")
    var optimizer = PublishedSystem.Sizes().optimizer

    func validate() throws {
        guard (100...1 << 28).contains(units) else { throw ValidationError("--units must be from 100 to \(1 << 28)") }
        guard (1...65536).contains(dimension) else { throw ValidationError("--dimension must be from 1 to 65536") }
        let (batch, window) = shape(usualWindow: nil)
        try checkWindow(batch: batch, window: window)
    }

    /// Streams and window of a network whose encoder is usually trained on so many words together; `nil`: as many as a recurrent one.
    func shape(usualWindow: Int?) -> (batch: Int, window: Int) {
        let usual = PublishedSystem.Sizes(), window = window ?? usualWindow ?? usual.window
        return (batch ?? (usualWindow == nil ? usual.batch : max(1, usual.batch * usual.window / window)), window)
    }
}

/// The messages of a long benchmark: on a terminal one line that is overwritten; elsewhere a line for each stage that is done, and
/// every half a minute one of what is going on.
final class RunProgress {
    private let name: String
    private let report: Report
    private var last = monotonicSeconds()

    private static let interval = 30.0

    /// - Parameter name: the beginning of each line.
    init(_ name: String, _ report: Report) { (self.name, self.report) = (name, report) }

    /// Shows what is being done.
    func show(_ text: String) {
        guard !report.showsProgress else { return report.progress(text) }
        if monotonicSeconds() - last >= Self.interval { print(text) }
    }

    /// Shows what has been done.
    func finish(_ text: String) {
        if !report.showsProgress { print(text) }
    }

    private func print(_ text: String) {
        report.print("\(name): \(text)")
        last = monotonicSeconds()
    }
}

extension SystemResult {
    /// The columns of a TSV file with their titles: unrounded numbers, in bytes and seconds; empty where there is none.
    /// - Parameter reference: the first of the systems measured together.
    fileprivate func columns(run: String, reference: SystemResult) -> [(title: String, cell: String)] {
        let ratio = ratio(to: reference), configuration = system.configuration
        func text(_ number: Double?) -> String { number.map { "\($0)" } ?? "" }
        return [
            ("run", run), ("name", system.name), ("encoder", system.encoder), ("vocabulary", "\(system.vocabulary)"),
            ("batch", "\(system.batch)"), ("window", "\(system.window)"), ("rounds", "\(rounds)"),
            ("words_per_second", text(wordsPerSecond.median)), ("lowest", text(wordsPerSecond.lowest)),
            ("highest", text(wordsPerSecond.highest)), ("seconds_of_million_words", text(secondsOfMillionWords.median)),
            ("time_ratio", text(ratio.ratio.median)), ("ratio_low", text(ratio.low)), ("ratio_high", text(ratio.high)),
            ("ratio_to", reference.system.name), ("parameters", "\(parameters)"), ("optimizer_bytes", "\(optimizerBytes)"),
            ("peak_memory", "\(peakMemory)"), ("gradient_bytes", "\(gradientBytes)"), ("largest_batch", "\(largestBatch)"),
            ("joules_of_million_words", text(joulesOfMillionWords)),
        ] + zip(Self.parts, shares).map { ("share_\($0)", text(device == nil ? $1 : nil)) } + [
            ("options", system.options), ("cell", "\(configuration.encoder.cell)"), ("projection", "\(configuration.width)"),
            ("classes", configuration.output.hasVocabulary ? "\(configuration.vocabularySize)" : ""),
            ("device", device.map { "\($0.name), \($0.precision)" } ?? ""),
        ]
    }
}

/// Returns the line of a TSV file; tabs and line ends in cells become spaces.
private func tabSeparated(_ cells: [String]) -> String {
    cells.map { String($0.map { $0 == "\t" || $0.isNewline ? " " : $0 }) }.joined(separator: "\t") + "\n"
}
