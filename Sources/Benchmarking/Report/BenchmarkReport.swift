public import Files

/// Results of benchmarks in tables and pictures.
public struct BenchmarkReport {
    let runs: [ReportRun]
    let styles: SystemStyles
    let speedSections: [SpeedSection]
    let qualitySections: [QualitySection]
    let evaluationSections: [EvaluationSection]

    public init(_ files: [ReportFile]) {
        runs = files.flatMap(\.runs)
        styles = SystemStyles(runs)
        var sections: [SpeedSection] = []
        for run in runs { sections += run.speedSections(from: sections.count + 1) }
        speedSections = sections
        let qualities = ReportRun.qualitySections(runs, from: sections.count + 1)
        qualitySections = qualities
        evaluationSections = runs.filter { !$0.evaluations.isEmpty }.enumerated().map { index, run in
            EvaluationSection(number: sections.count + qualities.count + 1 + index, run: run)
        }
    }

    /// Those that there are numbers for.
    package var plots: [Plot] {
        speedSections.flatMap { section in
            SpeedPlots(section: section, styles: styles).plots + [CostPlot(section: section).plot].compactMap { $0 }
        }
            + qualitySections.flatMap { section in
                CurvePlots(section: section, styles: styles).plots
                    + [ProbePlot(section: section, styles: styles).plot].compactMap { $0 }
            }
    }

    /// The tables as text, for a terminal; nothing is drawn.
    public var text: String { TextReport(report: self).text }

    /// Draws the pictures and writes them.
    /// - Parameters:
    ///   - page: gets the page in HTML; commit it afterwards.
    ///   - folder: gets the pictures as files.
    ///   - title: of the page.
    ///   - command: how the report was made, for those who repeat it.
    ///   - progress: is told the name of each picture before it is drawn.
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

/// The tables of a report as text, for a terminal.
private struct TextReport {
    let report: BenchmarkReport

    var text: String {
        let speeds = report.speedSections.map { section in
            let tables = SpeedTables(section: section, styles: report.styles)
            let shown = tables.speeds.map { title, table in (title.isEmpty ? "" : "\(title.printable)\n\n") + table.text() }
            let leftOut = section.leftOut.map { record in
                "\([record.name, record.place].filter { !$0.isEmpty }.joined(separator: ", ")) left out: \(record.reason)".printable + "\n"
            }
            return heading(section.title, [section.run])
                + (shown + [leftOut.joined()] + tables.costs.map { $0.text() }).filter { !$0.isEmpty }.joined(separator: "\n")
        }
        let scores = report.qualitySections.map { section in
            let tables = [
                QualityTable(section: section, styles: report.styles).table, ProbeTable(section: section, styles: report.styles).table,
            ].compactMap { $0 }
            return heading("Quality", section.runs) + tables.map { $0.text() }.joined(separator: "\n")
        }
        let evaluations = report.evaluationSections.map { section in
            heading(EvaluationSection.title, [section.run]) + section.table.text()
        }
        let remarks = RunFacts.remarks(report.runs).map { $0 + "\n" }.joined()
        return ([remarks] + speeds + scores + evaluations).filter { !$0.isEmpty }.joined(separator: "\n")
    }

    /// The title, and where the numbers come from.
    private func heading(_ title: String, _ runs: [ReportRun]) -> String {
        let facts = RunFacts.machines(runs) + distinct(runs.compactMap { $0.machine.flatMap(RunFacts.textText) }).map { "text \($0)" }
            + distinct(runs.compactMap { $0.machine?.date }) + distinct(runs.compactMap { $0.machine?.versionText })
        let stopped = runs.contains(where: \.isInterrupted) ? "interrupted: what stands here was measured before\n" : ""
        return "\(title)\(facts.isEmpty ? "" : ": ")\(facts.joined(separator: "; ").printable)\n\(stopped)\n"
    }
}
