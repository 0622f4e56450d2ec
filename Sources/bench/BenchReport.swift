import ArgumentParser
import Benchmarking
import Files
import Tasks
import ToolSupport

/// The command `bench report`.
struct BenchReport: BenchCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "One page in HTML, and pictures, of what the benchmarks measured.",
        discussion: """
            Reads any number of the files that other benchmarks write with --json; docs/report.md lists what is taken from \
            them. The page is one file with its pictures in it. With --pictures the pictures are files too, each beside a \
            table of what it draws, and the page is written only where -o names a file. Needs gnuplot. With --text the tables \
            are printed as text in place of a page, and nothing is drawn.

            Example: bench report results.jsonl -o report.html
            Example: bench report --text results.jsonl
            """)

    @Argument(
        help: ArgumentHelp("Results in JSON Lines, plain or compressed; - is standard input.", valueName: "results"),
        completion: .file())
    var inputs: [String]

    @Option(help: ArgumentHelp("The page's title.", valueName: "text"))
    var title = "Contour: benchmarks"

    @Option(help: ArgumentHelp("Write the pictures (.svg) and what they draw (.tsv) to this folder.", valueName: "folder"),
            completion: .directory)
    var pictures: String?

    @Flag(help: "Print the tables as text, without a page and pictures.")
    var text = false

    @Option(help: ArgumentHelp("Of tasks: the system that the others are compared with [the first one].", valueName: "name"))
    var against: String?

    @OptionGroup var output: OutputOption

    @Flag(name: .shortAndLong, help: "Print nothing on stderr but errors.")
    var quiet = false

    func validate() throws {
        try requireOneStandardInput("the results", inputs)
        for input in inputs where isSameFile(input, output.output) {
            throw ValidationError("-o \(output.output) would replace results that are read")
        }
        guard !text || pictures == nil else { throw ValidationError("--text draws no --pictures") }
    }

    func perform() throws {
        let gnuplot = text ? nil : try Gnuplot()
        let folder = try pictures.map { try PictureFolder(path: $0) }
        let page = pictures == nil || output.output != "-" ? try output.open(binary: false) : nil
        let report = Report(quiet: quiet)
        let files = try read(differentInputs(report), report)
        if let against, !files.contains(where: { $0.taskSystems.contains(against) }) {
            throw ToolError(.usage, "--against \(against): no result of a task is of this system")
        }
        let results = BenchmarkReport(files, reference: against) { name, first, second in
            guard let statistic = PairedTest.Statistic(rawValue: name), PairedTest.fits(first + second, statistic) else { return nil }
            let outcome = PairedTest().compare(first, second, by: statistic)
            return (outcome.difference, outcome.p)
        }
        if let gnuplot {
            try results.write(page: page, folder: folder, title: title, command: command, gnuplot: gnuplot) {
                report.progress("drawing \($0)")
            }
            report.progress("")
        } else {
            try page?.write(results.text)
        }
        try page?.commit()
    }

    /// Returns the files with results. Throws `ToolError` with status `dataError` if no file has any. Warns of files without results
    /// among others with results, and of incomplete lines.
    private func read(_ inputs: [String], _ report: Report) throws -> [ReportFile] {
        let files = try inputs.map { try ReportFile(openInput($0)) }
        let usable = files.filter { $0.lack == nil }
        if usable.isEmpty, let lack = files.first?.lack { throw lack }
        for file in files {
            if let lack = file.lack {
                report.print("bench report: warning: \(lack)")
            } else if let line = file.tornLine {
                report.print("bench report: \(file.name): line \(line): is torn off, and passed over")
            }
        }
        return usable
    }

    /// Returns the distinct inputs, each file once.
    private func differentInputs(_ report: Report) -> [String] {
        var inputs: [String] = []
        for input in self.inputs {
            if let other = inputs.first(where: { $0 == input || isSameFile($0, input) }) {
                report.print("bench report: \(input): is read once: it is the same file as \(other)")
            } else {
                inputs.append(input)
            }
        }
        return inputs
    }

    /// The command line that makes the same page again.
    private var command: String {
        let titles = (title == "Contour: benchmarks" ? [] : ["--title", title]) + (against.map { ["--against", $0] } ?? [])
        let outputs = output.output == "-" ? [] : ["-o", output.output]
        return (["bench", "report"] + titles + inputs + outputs).map(shellQuoted).joined(separator: " ")
    }
}
