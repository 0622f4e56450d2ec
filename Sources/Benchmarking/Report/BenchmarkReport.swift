public import Files

/// Results of benchmarks in tables and pictures.
public struct BenchmarkReport {
    let runs: [ReportRun]
    let styles: SystemStyles
    /// Speeds, then scores, then evaluations, in the order of their numbers.
    let sections: [any ReportSection]

    public init(_ files: [ReportFile]) {
        runs = files.flatMap(\.runs)
        styles = SystemStyles(runs)
        var sections: [any ReportSection] = []
        for run in runs { sections += run.speedSections(from: sections.count + 1) }
        sections += ReportRun.qualitySections(runs, from: sections.count + 1)
        for run in runs where !run.evaluations.isEmpty {
            sections.append(EvaluationSection(number: sections.count + 1, run: run))
        }
        self.sections = sections
    }

    /// The pictures that there are numbers for.
    package var plots: [Plot] { sections.flatMap { $0.plots(styles) } }

    /// The tables as text, for a terminal; nothing is drawn.
    public var text: String {
        let remarks = RunFacts.remarks(runs).map { $0 + "\n" }.joined()
        let texts = sections.map { section in
            RunFacts.heading(section.title, section.runs) + section.texts(styles).joined(separator: "\n")
        }
        return ([remarks] + texts).filter { !$0.isEmpty }.joined(separator: "\n")
    }

    /// Draws the pictures and writes them.
    /// - Parameters:
    ///   - page: takes the page in HTML; commit it afterwards.
    ///   - folder: takes the pictures as files.
    ///   - title: the title of the page.
    ///   - command: the command that makes the report, for those who repeat it.
    ///   - progress: called with the name of each picture before it is drawn.
    /// Throws `ToolError`: `software` if gnuplot fails; `cannotCreate` and `ioError`.
    public func write(
        page: OutputFile?, folder: PictureFolder?, title: String, command: String, gnuplot: Gnuplot,
        progress: (String) -> Void = { _ in }
    ) throws {
        let pictures = try plots.map { plot in
            progress(plot.name)
            return try gnuplot.draw(plot)
        }
        try page?.write(HTMLPage(title: title, report: self, pictures: pictures, command: command).html)
        try folder?.write(pictures)
    }
}
