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
