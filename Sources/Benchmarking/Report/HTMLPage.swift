/// The page: one file that needs no other, in HTML 5.
struct HTMLPage {
    let title: String
    let report: BenchmarkReport
    let pictures: [Picture]
    /// How the page was made.
    let command: String

    var html: String {
        let sections = speedSections + qualitySections + evaluationSections
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(title.escapedForHTML)</title>
            <style>
            \(StyleSheet.text)
            </style>
            </head>
            <body>
            <header>
            <h1>\(title.escapedForHTML)</h1>
            \(summary)</header>
            <nav aria-label="Contents">
            <ol>
            \(sections.map { "<li><a href=\"#\($0.anchor)\">\($0.title.escapedForHTML)</a></li>\n" }.joined())\
            <li><a href="#method">How it was measured</a></li>
            <li><a href="#commands">Commands to repeat it</a></li>
            </ol>
            </nav>
            <main>
            \(sections.map(\.html).joined())\(method)\(commands)</main>
            <footer>Made by bench report; the same results give the same page.</footer>
            </body>
            </html>

            """
    }

    private struct Part {
        let title, anchor, html: String

        init(_ number: Int, _ title: String, _ runs: [ReportRun], _ html: String) {
            (self.title, anchor) = (title, "section-\(number)")
            self.html =
                "<section id=\"\(anchor)\">\n<h2>\(title.escapedForHTML)</h2>\n\(RunFacts.html(runs))\(html)</section>\n"
        }
    }

    private var speedSections: [Part] {
        report.speedSections.map { section in
            let own = pictures.filter { $0.plot.section == section.number }
            return Part(
                section.number, section.title, [section.run],
                SpeedHTML(section: section, styles: report.styles, pictures: own).html)
        }
    }

    private var qualitySections: [Part] {
        report.qualitySections.map { section in
            let own = pictures.filter { $0.plot.section == section.number }
            return Part(
                section.number, "Quality", section.runs,
                QualityHTML(section: section, styles: report.styles, pictures: own).html)
        }
    }

    private var evaluationSections: [Part] {
        report.evaluationSections.map { section in
            Part(section.number, EvaluationSection.title, [section.run], section.table.html)
        }
    }

    /// Dates and machines of all runs.
    private var summary: String {
        let machines = report.runs.compactMap(\.machine)
        let dates = distinct(machines.compactMap(\.date)).sorted()
        let lines = [dates.count > 2 ? "\(dates[0]) to \(dates[dates.count - 1])" : dates.joined(separator: " and ")]
            + RunFacts.machines(report.runs)
        return lines.filter { !$0.isEmpty }.map { HTML.paragraph($0, class: "weak") }.joined()
            + RunFacts.remarks(report.runs).map { HTML.paragraph($0) }.joined()
    }

    private var method: String {
        var html = "<section id=\"method\">\n<h2>How it was measured</h2>\n"
        if !report.speedSections.isEmpty {
            html += HTML.paragraph(
                "The systems of a section took turns in one run: one round of each, then the next round, because machines "
                    + "change their speed from minute to minute. A speed is the median of the rounds; the lowest and the highest "
                    + "stand below it, and are the bars in pictures.")
            html += HTML.paragraph(
                "A ratio compares what was measured side by side: it is the median of the ratios within the rounds, with the "
                    + "confidence interval of that median. Where there were too few rounds for an interval, the range of the "
                    + "ratios stands instead. Numbers of different runs are never divided by each other.")
            html += HTML.paragraph(
                "Seconds and joules are for training on a million words. A dash is what was not measured; joules cannot be "
                    + "measured on machines that do not show their processors’ counters of energy.")
        }
        if !report.qualitySections.isEmpty {
            html += HTML.paragraph(
                "Scores are those of trained models on text that they never saw. Systems had the same number of words to train "
                    + "on, or the same time, as stands below their names. Medians and ranges are over the seeds. Fewer than "
                    + "\(NumberText.grouped(SampleSize.fewPositions)) positions, or than \(SampleSize.fewSeeds) seeds, are called "
                    + "small.")
            html += HTML.paragraph(
                "The unigram model ranks the same words at the same positions by nothing but how frequent they are; the constant "
                    + "vector is the one of the lowest loss on the held-out text. A score is within the noise of the unigram "
                    + "model’s if it differs by less than 1.96 standard errors of the difference and half of the seeds’ range.")
            if report.qualitySections.contains(where: { !$0.probes.isEmpty }) {
                html += HTML.paragraph(
                    "A probe is a classifier on a model’s vectors. Its change to the word vectors alone is taken between "
                        + "classifiers with the same seed; medians and ranges are of these changes.")
            }
        }
        if !report.evaluationSections.isEmpty {
            html += HTML.paragraph(
                "An evaluation scores held-out text as train does. Right after each one, large matrix products showed what the "
                    + "machine can do, and so how long the evaluation’s own products would take at that speed. A ratio is the "
                    + "median of the ratios within the runs, with their range.")
        }
        return html + "</section>\n"
    }

    private var commands: String {
        let all = distinct(report.runs.compactMap { $0.machine?.command?.printable }) + [command]
        let lines = all.map(\.escapedForHTML).joined(separator: "\n")
        return "<section id=\"commands\">\n<h2>Commands to repeat it</h2>\n<pre>\(lines)</pre>\n</section>\n"
    }
}

/// The tables and pictures of one benchmark's speeds, memory and costs.
private struct SpeedHTML {
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

/// The tables and pictures of scores.
private struct QualityHTML {
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

/// Pieces of a page. Text is escaped where it goes in; what is `html` already is not.
enum HTML {
    static func paragraph(_ text: String, class name: String? = nil) -> String {
        "<p\(name.map { " class=\"\($0)\"" } ?? "")>\(text.escapedForHTML)</p>\n"
    }

    /// A picture with its sentence below.
    static func figure(_ picture: Picture) -> String {
        "<figure>\n\(picture.svg)<figcaption>\(picture.plot.caption.escapedForHTML)</figcaption>\n</figure>\n"
    }

    /// Pictures beside each other where there is room.
    static func figures(_ pictures: [Picture]) -> String {
        pictures.isEmpty ? "" : "<div class=\"figures\">\n\(pictures.map(figure).joined())</div>\n"
    }

    /// Names and values of facts; those without a value are left out.
    static func facts(_ facts: [(name: String, html: String?)]) -> String {
        let rows = facts.compactMap { fact in
            fact.html.map { html in
                "<div\(html.count > 60 ? " class=\"wide\"" : "")><dt>\(fact.name.escapedForHTML)</dt><dd>\(html)</dd></div>\n"
            }
        }
        return rows.isEmpty ? "" : "<dl>\n\(rows.joined())</dl>\n"
    }

    static func list(_ items: [String]) -> String {
        items.isEmpty ? "" : "<ul>\n\(items.map { "<li>\($0)</li>\n" }.joined())</ul>\n"
    }

    /// A name that may be of any script, with the colour that it has in pictures.
    static func system(_ name: String, _ styles: SystemStyles, details: String? = nil) -> String {
        "<span class=\"patch\" style=\"background:\(styles[name].colour)\"></span><bdi>\(name.escapedForHTML)</bdi>"
            + (details.map { "<small>\($0.escapedForHTML)</small>" } ?? "")
    }
}

extension String {
    /// For text and for values of attributes in HTML and XML.
    package var escapedForHTML: String {
        var text = ""
        for scalar in printable.unicodeScalars {
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            case "'": text += "&#39;"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
