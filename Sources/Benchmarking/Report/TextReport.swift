/// The tables of a report as text, for a terminal.
struct TextReport {
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
