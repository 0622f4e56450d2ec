/// The page: one file that needs no other, in HTML 5.
struct HTMLPage {
    let title: String
    let report: BenchmarkReport
    let pictures: [Picture]
    /// The command that makes the page.
    let command: String

    var html: String {
        let sections = report.sections
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
            \(sections.map { "<li><a href=\"#section-\($0.number)\">\($0.title.escapedForHTML)</a></li>\n" }.joined())\
            <li><a href="#method">How it was measured</a></li>
            <li><a href="#commands">Commands to repeat it</a></li>
            </ol>
            </nav>
            <main>
            \(sections.map(html).joined())\(method)\(commands)</main>
            <footer>Made by bench report; the same results give the same page.</footer>
            </body>
            </html>

            """
    }

    private func html(_ section: any ReportSection) -> String {
        let own = pictures.filter { $0.plot.section == section.number }
        return "<section id=\"section-\(section.number)\">\n<h2>\(section.title.escapedForHTML)</h2>\n"
            + RunFacts.html(section.runs) + section.html(report.styles, own) + "</section>\n"
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
        var paragraphs: [String] = []
        if report.sections.contains(where: { $0 is SpeedSection }) {
            paragraphs += [
                "The systems of a section took turns in one run: one round of each, then the next round, because machines "
                    + "change their speed from minute to minute. A speed is the median of the rounds; the lowest and the highest "
                    + "stand below it, and are the bars in pictures.",
                "A ratio compares what was measured side by side: it is the median of the ratios within the rounds, with the "
                    + "confidence interval of that median. Where there were too few rounds for an interval, the range of the "
                    + "ratios stands instead. Numbers of different runs are never divided by each other.",
                "Seconds and joules are for training on a million words. A dash is what was not measured; joules cannot be "
                    + "measured on machines that do not show their processors’ counters of energy.",
            ]
        }
        let scores = report.sections.compactMap { $0 as? QualitySection }
        if !scores.isEmpty {
            paragraphs += [
                "Scores are those of trained models on text that they never saw. Systems had the same number of words to train "
                    + "on, or the same time, as stands below their names. Medians and ranges are over the seeds. Fewer than "
                    + "\(NumberText.grouped(SampleSize.fewPositions)) positions, or than \(SampleSize.fewSeeds) seeds, are called "
                    + "small.",
                "The unigram model ranks the same words at the same positions by nothing but how frequent they are; the constant "
                    + "vector is the one of the lowest loss on the held-out text. A score is within the noise of the unigram "
                    + "model’s if it differs by less than 1.96 standard errors of the difference and half of the seeds’ range.",
            ]
        }
        if scores.contains(where: { !$0.probes.isEmpty }) {
            paragraphs.append(
                "A probe is a classifier on a model’s vectors. Its change to the word vectors alone is taken between "
                    + "classifiers with the same seed; medians and ranges are of these changes.")
        }
        if report.sections.contains(where: { $0 is EvaluationSection }) {
            paragraphs.append(
                "An evaluation scores held-out text as train does. Right after each one, large matrix products showed what the "
                    + "machine can do, and so how long the evaluation’s own products would take at that speed. A ratio is the "
                    + "median of the ratios within the runs, with their range.")
        }
        return "<section id=\"method\">\n<h2>How it was measured</h2>\n"
            + paragraphs.map { HTML.paragraph($0) }.joined() + "</section>\n"
    }

    private var commands: String {
        let all = distinct(report.runs.compactMap { $0.machine?.command?.printable }) + [command]
        let lines = all.map(\.escapedForHTML).joined(separator: "\n")
        return "<section id=\"commands\">\n<h2>Commands to repeat it</h2>\n<pre>\(lines)</pre>\n</section>\n"
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
}

extension String {
    /// The string as text or as the value of an attribute in HTML and XML.
    package var escapedForHTML: String {
        let entities: [Unicode.Scalar: String] = ["&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&quot;", "'": "&#39;"]
        return printable.unicodeScalars.map { entities[$0] ?? String($0) }.joined()
    }
}
