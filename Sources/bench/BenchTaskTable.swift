import ArgumentParser
import Benchmarking
import Files
import FoundationEssentials
import Tasks
import ToolSupport

/// The command `bench task-table`.
struct BenchTaskTable: BenchCommand {
    static let configuration = CommandConfiguration(
        commandName: "task-table", abstract: "The results of bench task side by side, and which differences are more than chance.",
        discussion: """
            Reads what bench task --json wrote, of any tasks and systems. Of each task and system it prints the mean and the standard \
            deviation over the seeds, the difference from the system that --against names, and the p value of that difference: how \
            probable one as large would be, with other sentences and other seeds, if the two systems were alike. The test swaps the \
            systems' results of each sentence at random, and adds the chance in the seeds by Student's t distribution. A p below \
            0.05 is marked with *. With one seed p knows the chance in the sentences alone, and stands in brackets.

            Example: bench task-table results/*.jsonl --against ELMo
            """)

    @Argument(help: "Results, in JSON Lines.", completion: .file())
    var inputs: [String]

    @Option(help: ArgumentHelp("The system that the others are tested against [the first one].", valueName: "name"))
    var against: String?

    @Option(help: ArgumentHelp("Random swaps of a test.", valueName: "n"))
    var trials = 10_000

    @OptionGroup var seed: SeedOption
    @OptionGroup var results: ResultOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        try requireOneStandardInput("results", inputs)
        guard (1...10_000_000).contains(trials) else { throw ValidationError("--trials must be from 1 to 10000000") }
    }

    /// The record of a network, as `bench task` writes it.
    private struct Record: Decodable {
        let event: String
        let system, task, measure, statistic: String?
        let value: Double?
        let units: [[Double]]?
        let taskSeed: UInt64?
        let warning: String?
    }

    /// The networks of one system that learned one task.
    private struct Cell {
        var values: [Double] = []
        var units: [[[Double]]] = []
    }

    func perform() throws {
        let files = try results.open()
        var warnings: [String] = []
        var tasks: [String] = [], systems: [String] = [], measures: [String: (name: String, statistic: PairedTest.Statistic)] = [:]
        var cells: [String: [String: Cell]] = [:]
        for path in inputs {
            let lines = LineReader(try openInput(path))
            var line = Data()
            while try lines.next({ line = Data($0) }) {
                guard let record = try? JSONDecoder().decode(Record.self, from: line) else {
                    throw ToolError.data(lines.name, "line \(lines.number)", "is not a record of bench --json")
                }
                guard record.event == "task" else { continue }
                guard let task = record.task, let system = record.system, let value = record.value, let units = record.units,
                    let measure = record.measure, let statistic = PairedTest.Statistic(rawValue: record.statistic ?? ""), PairedTest.fits([units], statistic)
                else { throw ToolError.data(lines.name, "line \(lines.number)", "is not a whole record of bench task") }
                if !tasks.contains(task) { tasks.append(task) }
                if !systems.contains(system) { systems.append(system) }
                if let warning = record.warning {
                    warnings.append("\(task), \(system)\(record.taskSeed.map { ", seed \($0)" } ?? ""): \(warning)")
                }
                measures[task] = (measure, statistic)
                cells[task, default: [:]][system, default: Cell()].values.append(value)
                cells[task]?[system]?.units.append(units)
            }
        }
        guard let first = systems.first else { throw ToolError.data(inputs.joined(separator: ", "), "", "has no results of bench task") }
        let reference = against ?? first
        guard systems.contains(reference) else { throw ToolError(.usage, "--against \(reference): no result is of this system") }
        for task in tasks {
            guard let measure = measures[task], let all = cells[task] else { continue }
            var table = TextTable(["\(task)", "\(measure.name) %", "deviation", "seeds", "less \(reference)", "p"])
            for system in systems {
                guard let cell = all[system] else { continue }
                let percents = cell.values.map { 100 * $0 }, mean = percents.reduce(0, +) / Double(percents.count)
                let square = percents.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
                let deviation = percents.count > 1 ? fixed((square / Double(percents.count - 1)).squareRoot(), 2) : ""
                let (difference, p) = try compare(cell, all[reference], system == reference, measure.statistic, task, system)
                table.append([system, fixed(mean, 2), deviation, "\(cell.values.count)", difference, p])
                try files.log([
                    "event": "taskTable", "task": task, "system": system, "measure": measure.name, "mean": mean / 100,
                    "seeds": cell.values.count,
                ])
            }
            try files.print((task == tasks[0] ? "" : "\n") + table.text)
        }
        if !warnings.isEmpty { try files.print("\n" + warnings.joined(separator: "\n") + "\n") }
        try files.commit()
    }

    /// Returns the difference of a system from the reference, and its p-value; both are empty if there is nothing to compare. Throws
    /// `ToolError`, `configuration`, for systems that were scored on different texts.
    private func compare(
        _ cell: Cell, _ reference: Cell?, _ isReference: Bool, _ statistic: PairedTest.Statistic, _ task: String, _ system: String
    ) throws -> (difference: String, p: String) {
        guard let reference, !isReference else { return ("", "") }
        let seeds = min(cell.units.count, reference.units.count)
        let counts = (cell.units + reference.units).map(\.count)
        if let other = counts.first(where: { $0 != counts[0] }) {
            throw ToolError(
                .configuration,
                "\(task): \(system) and the system it is compared with were scored on different texts, of \(counts[0]) and of \(other) sentences")
        }
        guard PairedTest.fits(cell.units + reference.units, statistic) else {
            throw ToolError(
                .configuration, "\(task): \(system) and the system it is compared with have different numbers of counts for a sentence")
        }
        let outcome = PairedTest(trials: trials, seed: seed.seed)
            .compare(Array(cell.units.prefix(seeds)), Array(reference.units.prefix(seeds)), by: statistic)
        let p = fixed(outcome.p, 4), mark = outcome.p < 0.05 ? " *" : ""
        return ((outcome.difference < 0 ? "" : "+") + fixed(100 * outcome.difference, 2), (seeds > 1 ? p : "(\(p))") + mark)
    }
}
