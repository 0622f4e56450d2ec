/// The tables and pictures of scores.
struct QualityHTML {
    let section: QualitySection
    let styles: SystemStyles
    /// Those of this section.
    let pictures: [Picture]

    var html: String {
        titled("Scores", QualityTable(section: section, styles: styles).table)
            + HTML.figures(pictures.filter { $0.plot.family == .curves })
            + titled("Probes", ProbeTable(section: section, styles: styles).table)
            + HTML.figures(pictures.filter { $0.plot.family == .probes })
    }

    private func titled(_ title: String, _ table: ReportTable?) -> String {
        table.map { "<h3>\(title)</h3>\n\($0.html)" } ?? ""
    }
}
