public import ArgumentParser
import Benchmarking
import Files
import Model
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

    /// Opens the results, before anything is measured, and reads the text. Throws `ToolError`.
    /// - Parameter budget: seconds of the whole run, if the options do not say otherwise.
    init(_ name: String, _ options: SystemOptions, budget: Double) throws {
        self.name = name
        self.options = options
        self.budget = options.budget?.seconds ?? budget
        end = monotonicSeconds() + self.budget
        progress = RunProgress("bench \(name)", options.common.report)
        files = try options.results.openInterruptible()
        rows = try options.tsv.map { try OutputFile(path: $0, binary: false) }
        try rows?.write(SystemRow.line(SystemRow.titles) + "\n")
        benchmark = options.benchmark(progress)
        do { try benchmark.prepare() } catch {
            // An interrupt from the terminal meets the tools that make the text ready, too.
            StopRequest.endBySignal()
            throw error
        }
        let size = benchmark.textSize
        let text = options.text ?? "synthetic"
        try files.log(
            MachineRecord(
                command: measuredCommand, version: contourVersion, text: text, textWords: size.tokens,
                distinctWords: size.distinctWords, threads: options.common.threads))
        try files.print(
            "\(Machine.processor); \(options.common.threads) threads, \(Machine.kernels); text \(text), "
                + "\(grouped(size.tokens)) tokens; \(Machine.date)\n")
    }

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
        measured += outcome.results.count
        let results = outcome.results
        let records = results.map {
            SystemRecord($0, run: name, threads: options.common.threads, memoryGiven: benchmark.memoryGiven)
        }
        for (record, result) in zip(records, results) {
            try files.log(record)
            try rows?.write(SystemRow.line(SystemRow(result, run: name, reference: results.first).cells) + "\n")
        }
        for result in results.dropFirst() { try files.log(RatioRecord(result, to: results[0], run: name)) }
        let differences = DifferencesRecord(records)
        if let differences { try files.log(differences) }
        for (system, reason) in outcome.leftOut { try files.log(LeftOutRecord(system, reason: reason, run: name)) }
        if isInterrupted { try files.log(InterruptedRecord(run: name)) }
        if let first = results.first {
            progress.finish("measured \(first.rounds) rounds\(name == "output-layers" ? ": \(title)" : "")")
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
        let help = error.groups > 1 ? "give more, or fewer --encoders or --vocabularies"
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

    /// Speeds, ratios and sizes of systems that were measured together; ratios are to the first.
    static func table(_ results: [SystemResult], memory: Int) -> String {
        var table = TextTable([
            "", "encoder", "vocabulary", "words/s", "lowest", "highest", "1 M words", "time, times", "95% interval", "parameters", "optimiser",
            "peak memory", "gradient", "batch in \(megabytes(memory))", "joules, 1 M words",
        ])
        for (place, result) in results.enumerated() {
            let speed = result.wordsPerSecond, ratio = result.ratio(to: results[0])
            let interval = ratio.low.flatMap { low in ratio.high.map { "\(fixed(low, 3)) to \(fixed($0, 3))" } }
            table.append([
                result.system.name, result.system.sizeText, result.system.vocabularyText, rounded(speed.median), rounded(speed.lowest), rounded(speed.highest),
                spelt(seconds: result.secondsOfMillionWords.median), place == 0 ? "1" : fixed(ratio.ratio.median, 3),
                place == 0 ? "" : interval ?? "too few rounds", grouped(result.parameters), megabytes(result.optimizerBytes),
                megabytes(result.peakMemory), megabytes(result.gradientBytes), grouped(result.largestBatch),
                result.joulesOfMillionWords.map(rounded) ?? "not measurable here",
            ])
        }
        let rounds = results[0].rounds
        return table.text + "\(rounds) rounds"
            + (rounds < SystemsBenchmark.enoughRounds
                ? ", which are few: ratios have no interval; a larger --budget measures more" : "") + "\n"
    }

    /// Where the time of their steps goes: a table, and a bar of letters for each.
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

    /// Output and optimiser, and output and other, begin alike.
    private static func letter(of part: String) -> String {
        ["output": "=", "optimiser": "o", "other": "."][part] ?? String(part.prefix(1))
    }
}

/// How systems are measured together: options of `output-layers`, `costs` and `compare`.
struct SystemOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Train on this text, plain or compressed, or a token shard [synthetic].", valueName: "file"),
        completion: .file())
    var text: String?

    @Option(help: ArgumentHelp("Size of the synthetic text.", valueName: "n"))
    var megabytes = 16

    @Option(parsing: .unconditional, help: ArgumentHelp(
        """
        Take no longer than this in all, starts included: 90s, 15m [output-layers 30m, compare 5m, costs 1m]. As many rounds are \
        measured as fit; where not even three do, it is refused, with the time that it needs.
        """, valueName: "time"))
    var budget: TimeSpan?

    @Option(help: ArgumentHelp("End earlier when every ratio is known to this share of itself; 0 does not.", valueName: "x"))
    var precision = 0.005

    @Option(help: ArgumentHelp("Tell the largest batch for this much memory [the machine's].", valueName: "size"))
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
        guard precision >= 0 && precision < 1 else { throw ValidationError("--precision must be from 0 to less than 1") }
    }

    /// The memory that the largest batch is told for.
    var memoryGiven: Int { memory?.bytes ?? memoryLimit() }

    /// - Parameter progress: is told what is going on.
    func benchmark(_ progress: RunProgress) -> SystemsBenchmark {
        var benchmark = SystemsBenchmark(threads: common.threads)
        benchmark.text = text
        benchmark.megabytes = megabytes
        benchmark.memoryGiven = memoryGiven
        benchmark.tableMemory = tableMemory.bytes
        benchmark.precision = precision
        benchmark.shouldStop = { StopRequest.isMade }
        benchmark.onProgress = { progress.show($0) }
        benchmark.onStage = { progress.finish($0) }
        return benchmark
    }
}

extension OptimizerKind: ExpressibleByArgument {}

/// What a long benchmark says while it runs: on a terminal one line that is overwritten; elsewhere, in a log or a pipe, a line
/// for each stage that is done, and every half a minute one of what is going on.
final class RunProgress {
    private let name: String
    private let report: Report
    private var last = monotonicSeconds()

    private static let interval = 30.0

    /// - Parameter name: what lines begin with.
    init(_ name: String, _ report: Report) { (self.name, self.report) = (name, report) }

    /// What is being done.
    func show(_ text: String) {
        guard !report.showsProgress else { return report.progress(text) }
        if monotonicSeconds() - last >= Self.interval { print(text) }
    }

    /// What is done.
    func finish(_ text: String) {
        if !report.showsProgress { print(text) }
    }

    private func print(_ text: String) {
        report.print("\(name): \(text)")
        last = monotonicSeconds()
    }
}

/// A system's results as a line of a TSV file: numbers as they are, in bytes and seconds; empty where there is none.
private struct SystemRow {
    static let titles = [
        "run", "name", "encoder", "vocabulary", "batch", "window", "rounds", "words_per_second", "lowest", "highest",
        "seconds_of_million_words", "time_ratio", "ratio_low", "ratio_high", "ratio_to", "parameters", "optimizer_bytes",
        "peak_memory", "gradient_bytes", "largest_batch", "joules_of_million_words",
    ] + SystemResult.parts.map { "share_\($0)" } + ["options", "cell", "projection", "classes"]

    let cells: [String]

    /// - Parameter reference: the first of those measured together.
    init(_ result: SystemResult, run: String, reference: SystemResult?) {
        let system = result.system, speed = result.wordsPerSecond
        let ratio = reference.map { result.ratio(to: $0) }
        func text(_ number: Double?) -> String { number.map { "\($0)" } ?? "" }
        cells = [
            run, system.name, system.encoder, "\(system.vocabulary)", "\(system.batch)", "\(system.window)", "\(result.rounds)",
            text(speed.median), text(speed.lowest), text(speed.highest), text(result.secondsOfMillionWords.median),
            text(ratio?.ratio.median), text(ratio?.low), text(ratio?.high), reference?.system.name ?? "", "\(result.parameters)",
            "\(result.optimizerBytes)", "\(result.peakMemory)", "\(result.gradientBytes)", "\(result.largestBatch)",
            text(result.joulesOfMillionWords),
        ] + result.shares.map { text($0) } + [
            system.options, "\(system.configuration.encoder.cell)", "\(system.configuration.width)",
            system.configuration.output.hasVocabulary ? "\(system.configuration.vocabularySize)" : "",
        ]
    }

    /// The line without its end; tabs and line ends in names become spaces.
    static func line(_ cells: [String]) -> String {
        cells.map { String($0.map { $0 == "\t" || $0.isNewline ? " " : $0 }) }.joined(separator: "\t")
    }
}
