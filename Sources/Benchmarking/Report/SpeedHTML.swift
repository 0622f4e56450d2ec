/// The tables and pictures of one benchmark's speeds, memory and costs.
struct SpeedHTML {
    let section: SpeedSection
    let styles: SystemStyles
    /// Those of this section.
    let pictures: [Picture]

    var html: String {
        let tables = SpeedTables(section: section, styles: styles)
        let shown = tables.speeds.map { title, table in
            (title.isEmpty ? "" : "<h3>\(title.escapedForHTML)</h3>\n") + table.html
        }
        return HTML.figures(pictures.filter { $0.plot.family != .costs })
            + (shown.isEmpty ? HTML.paragraph("No system was measured.") : shown.joined()) + leftOut + costs(tables.costs)
    }

    private var leftOut: String {
        guard !section.leftOut.isEmpty else { return "" }
        let items = section.leftOut.map { record in
            HTML.system(record.name, styles) + (record.place.isEmpty ? "" : ", \(record.place.escapedForHTML)")
                + ": \(record.reason.escapedForHTML)"
        }
        return "<h3>Left out</h3>\n" + HTML.list(items)
    }

    /// The picture of costs, and beside it their table.
    private func costs(_ tables: [ReportTable]) -> String {
        guard !tables.isEmpty else { return "" }
        return "<h3>What the time goes to</h3>\n<div class=\"beside\">\n"
            + pictures.filter { $0.plot.family == .costs }.map(HTML.figure).joined()
            + "<div>\n\(tables.map(\.html).joined())</div>\n</div>\n"
    }
}
