public import ArgumentParser
import Benchmarking
import Files
import Model
import NetworkArguments
import Parallel
import ToolSupport
public import Training

/// A run that measures systems together, group by group, and writes their results as they come. An interrupted run leaves complete
/// groups and the rounds of the last group.
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

    /// Opens the results, and the GPU if the options ask for one, before anything is measured, and reads the text. Throws `ToolError`.
    /// - `device`: the device on which the systems are trained; `nil` means the processor.
    /// - `budget`: the seconds of the whole run, unless the options give another number.
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
            // An interrupt from the terminal also reaches the tools that prepare the text.
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

    /// Prints text after the results.
    func print(_ text: String) throws { try files.print(text) }

    /// The memory in bytes for which the largest batch is determined.
    var memoryGiven: Int { benchmark.memoryGiven }

    /// Measures a group for `share` of the rest of the budget, and prints `title`, the table that `table` makes of the results, and
    /// the differences between the systems. Throws `ToolError` with status `usage` if the budget does not suffice for this group and
    /// those in `later`.
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

    /// Ends the run and commits the results. Throws `ToolError` with status `configuration` if there are none.
    func finish() throws {
        // The results of an earlier run are not replaced by empty ones.
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

    /// Returns the tables of systems that were measured together. The costs are shown only for the processor; on a GPU they would be
    /// those of queueing.
    static func tables(_ results: [SystemResult], memory: Int) -> String {
        table(results, memory: memory) + (results[0].device == nil ? "\n" + costs(results) : "")
    }

    /// Returns the speeds, ratios and sizes of systems that were measured together; ratios are to the first system.
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

    /// Returns a table of the parts of the systems' steps, with a bar of letters for each system.
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

    /// Returns the letter of a part. The names of output, optimiser and other begin with the same letter.
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

    /// Returns the benchmark for the options, with its text read. Throws what `SystemsBenchmark` throws.
    /// - Parameters:
    ///   - device: the GPU that trains; `nil` means the processor.
    ///   - progress: shows the progress.
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

/// The sizes of systems other than those of encoders and vocabularies: options of `output-layers`, and of a network in quotes.
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

    /// Returns the number of streams, and of steps in a window.
    /// - `usualWindow`: the usual number of steps in a window of the encoder; `nil` means that of a recurrent encoder.
    func shape(usualWindow: Int?) -> (batch: Int, window: Int) {
        let usual = PublishedSystem.Sizes(), window = window ?? usualWindow ?? usual.window
        return (batch ?? (usualWindow == nil ? usual.batch : max(1, usual.batch * usual.window / window)), window)
    }
}

/// The progress messages of a long benchmark. On a terminal there is one line, which is overwritten; elsewhere there is a line for
/// each finished stage, and every half a minute a line about the current stage.
final class RunProgress {
    private let name: String
    private let report: Report
    private var last = monotonicSeconds()

    private static let interval = 30.0

    /// Makes the messages.
    /// - `name`: the beginning of each line.
    init(_ name: String, _ report: Report) { (self.name, self.report) = (name, report) }

    /// Shows the current activity.
    func show(_ text: String) {
        guard !report.showsProgress else { return report.progress(text) }
        if monotonicSeconds() - last >= Self.interval { print(text) }
    }

    /// Shows a finished activity.
    func finish(_ text: String) {
        if !report.showsProgress { print(text) }
    }

    private func print(_ text: String) {
        report.print("\(name): \(text)")
        last = monotonicSeconds()
    }
}

extension SystemResult {
    /// Returns the columns of a TSV file with their titles. Numbers are unrounded, in bytes and seconds; a cell without a value is
    /// empty.
    /// - `reference`: the first one of the systems that were measured together.
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

/// Returns a line of a TSV file, with spaces in place of tabs and line ends in cells.
private func tabSeparated(_ cells: [String]) -> String {
    cells.map { String($0.map { $0 == "\t" || $0.isNewline ? " " : $0 }) }.joined(separator: "\t") + "\n"
}
