import Benchmarking
import Files
import Parallel
import ToolSupport

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
        files = try options.results.open()
        rows = try options.tsv.map { try OutputFile(path: $0, binary: false) }
        try rows?.write(SystemRow.line(SystemRow.titles) + "\n")
        StopRequest.listen()
        benchmark = options.benchmark(progress)
        do { try benchmark.prepare() } catch {
            // An interrupt from the terminal meets the tools that make the text ready, too.
            StopRequest.endBySignal()
            throw error
        }
        let size = benchmark.textSize
        try files.log(
            ResultRecord.machine(MachineRecord(
                command: (["bench"] + commandLineArguments).map(shellQuoted).joined(separator: " "),
                version: contourVersion,
                text: options.text ?? "synthetic", textWords: size.tokens, distinctWords: size.distinctWords,
                threads: options.common.threads)))
        try files.print(
            "\(Machine.processor); \(options.common.threads) threads, \(Machine.kernels); text \(options.text ?? "synthetic"), "
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
        let threads = options.common.threads, memory = benchmark.memoryGiven
        for result in outcome.results {
            try files.log(ResultRecord.system(SystemRecord(result, run: name, threads: threads, memoryGiven: memory)))
            try rows?.write(SystemRow.line(SystemRow(result, run: name, reference: outcome.results.first).cells) + "\n")
        }
        if let first = outcome.results.first {
            for result in outcome.results.dropFirst() { try files.log(ResultRecord.ratio(RatioRecord(result, to: first, run: name))) }
        }
        let differences = SystemDifferences(
            outcome.results.map { SystemRecord($0, run: name, threads: threads, memoryGiven: memory) })
        if !differences.differences.isEmpty {
            try files.log(ResultRecord.differences(DifferencesRecord(differences, of: outcome.results, run: name)))
        }
        for (system, reason) in outcome.leftOut { try files.log(ResultRecord.leftOut(LeftOutRecord(system, reason: reason, run: name))) }
        if isInterrupted { try files.log(ResultRecord.interrupted(run: name)) }
        if let first = outcome.results.first {
            progress.finish("measured \(first.rounds) rounds\(name == "output-layers" ? ": \(title)" : "")")
            try files.print("\n\(title)\n" + table(outcome.results) + (differences.text.map { $0 + "\n" } ?? ""))
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
            try files.commit()
            try rows?.commit()
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
