import ArgumentParser
import Benchmarking
import Files
import Kernels
import ToolSupport

/// The options of every benchmark for the destinations of its results. The files are created before anything is measured.
struct ResultOptions: ParsableArguments {
    @OptionGroup var output: OutputOption

    @Option(
        help: ArgumentHelp("Write the results to this file too, in JSON Lines; - prints them instead of the table.",
                           valueName: "file"),
        completion: .file())
    var json: String?

    func validate() throws { try checkDifferent() }

    /// Throws `ValidationError` if two results go to the same file.
    func checkDifferent(from other: String? = nil) throws {
        let files = [output.output, json, other].compactMap { $0 }.filter { $0 != "-" }
        guard Set(files).count == files.count else { throw ValidationError("two results cannot go to one file") }
        guard other != "-" || json != "-" else { throw ValidationError("two results cannot go to standard output") }
    }

    /// Opens both files. Throws `ToolError` with status `cannotCreate`.
    func open() throws -> Results {
        let jsonOnly = json == "-" && output.output == "-"
        return Results(
            table: jsonOnly ? nil : try output.open(binary: false),
            json: try json.map { try OutputFile(path: $0, binary: false) })
    }

    /// Opens both files. From now on SIGINT and SIGTERM request the end of the measurement, and `Results.commit` ends the process.
    /// Throws `ToolError` with status `cannotCreate`.
    func openInterruptible() throws -> Results {
        let results = try open()
        StopRequest.listen()
        return results
    }
}

/// The open files of a benchmark's results.
struct Results {
    let table: OutputFile?
    let json: OutputFile?

    func print(_ text: String) throws { try table?.write(text) }

    func log(_ record: some BenchmarkRecord) throws { if let json { try ResultLog(json).write(record) } }

    func log(_ fields: ResultFields) throws { if let json { try ResultLog(json).write(fields) } }

    /// Gives the files their names. If a signal has ended the measurement, the table says so, and the process ends by that signal.
    func commit() throws {
        if StopRequest.isMade { try print("interrupted: what stands here is what was measured\n") }
        try table?.commit()
        try json?.commit()
        StopRequest.endBySignal()
    }
}

/// The measured command line, for the record of the machine.
var measuredCommand: String { (["bench"] + commandLineArguments).map(shellQuoted).joined(separator: " ") }

extension TextTable {
    /// Appends a row with a median, the lowest and the highest value.
    mutating func append(_ name: String, _ spread: Spread, _ form: (Double) -> String = rounded) {
        append([name] + [spread.median, spread.lowest, spread.highest].map(form))
    }

    /// Appends a row with cells, the medians of two speeds, and their ratio with its range.
    mutating func append(_ cells: [String], _ first: Spread, _ second: Spread, ratio: Spread) {
        append(
            cells + [rounded(first.median), rounded(second.median)]
                + [ratio.median, ratio.lowest, ratio.highest].map { fixed($0, 2) })
    }

    /// Makes a table of the fractions of a time that phases take.
    init(_ title: String, phases: [(phase: Phase, share: Double)]) {
        self.init([title, "share"])
        for (phase, share) in phases { append([phase.title, percent(share)]) }
    }
}

/// Returns a number with three digits or more, which is the precision that a noisy measurement deserves.
func rounded(_ number: Double) -> String {
    number >= 1000 ? grouped(Int(number)) : fixed(number, number >= 100 ? 0 : number >= 10 ? 1 : 2)
}

/// Returns a number of bytes in megabytes.
func megabytes(_ bytes: Int) -> String {
    bytes < 10_000_000 ? fixed(1e-6 * Double(bytes), 2) + " MB" : grouped((bytes + 500_000) / 1_000_000) + " MB"
}

func percent(_ share: Double) -> String { fixed(100 * share, 1) + "%" }

extension Phase {
    /// The name of the phase in a table.
    fileprivate var title: String {
        switch self {
        case .inputProducts: "products of inputs"
        case .recurrentProducts: "products of states, step by step"
        case .projectionProducts: "products of projections, step by step"
        case .weightProducts: "products for weights' gradients"
        case .outputProducts: "products of the output layer"
        case .gates: "gates and cells"
        case .attention: "attention"
        case .layerNorm: "layer norm"
        case .dropout: "dropout, clipping of projections"
        case .sums: "biases, residuals"
        case .loss: "loss"
        case .optimiser: "gradient's norm, Adam"
        case .gathering: "gathering of vectors"
        case .characters: "letters of words"
        case .sampling: "sampling of classes"
        case .other: "other"
        }
    }
}
