public import Files

/// A report of benchmark results in tables and pictures.
public struct BenchmarkReport {
    let runs: [ReportRun]
    /// The sections in the order of their numbers: speeds, then scores, then tasks, then evaluations.
    let sections: [ReportSection]

    /// Makes a report of files.
    /// - `pairedTest`: compares two systems of a task; `nil` means that they are not compared.
    /// - `reference`: the system with which the others are compared; `nil` means the first one of each task.
    public init(_ files: [ReportFile], reference: String? = nil, pairedTest: TaskResults.PairedTest? = nil) {
        runs = files.flatMap(\.runs)
        let styles = SystemStyles(runs)
        var sections: [ReportSection] = []
        for run in runs {
            for results in run.speeds { sections.append(results.section(sections.count + 1, run, styles)) }
        }
        for results in QualityResults.all(runs) { sections.append(results.section(sections.count + 1, styles)) }
        for results in TaskResults.all(runs) { sections.append(results.section(sections.count + 1, styles, reference, pairedTest)) }
        for run in runs where !run.evaluations.isEmpty { sections.append(run.evaluationSection(sections.count + 1)) }
        self.sections = sections
    }

    /// The pictures for which there are values.
    package var plots: [Plot] { sections.flatMap { $0.parts.flatMap(\.plots) } }

    /// The tables as text for a terminal, without pictures.
    public var text: String {
        let remarks = MachineRecord.remarks(runs).map { $0 + "\n" }.joined()
        return ([remarks] + sections.map(\.text)).filter { !$0.isEmpty }.joined(separator: "\n")
    }

    /// Draws the pictures and writes them. Throws `ToolError`: `software` if gnuplot fails; `cannotCreate` and `ioError`.
    /// - `page`: receives the page in HTML, which needs no other file; the caller commits it.
    /// - `folder`: receives the pictures as files.
    /// - `title`: the title of the page.
    /// - `command`: the command that makes the report, for readers who repeat it.
    /// - `progress`: called with the name of each picture before it is drawn.
    public func write(
        page: OutputFile?, folder: PictureFolder?, title: String, command: String, gnuplot: Gnuplot,
        progress: (String) -> Void = { _ in }
    ) throws {
        var pictures: [String: Picture] = [:]
        for plot in plots {
            progress(plot.name)
            pictures[plot.name] = try gnuplot.draw(plot)
        }
        try page?.write(html(title, command, pictures))
        try folder?.write(plots.compactMap { pictures[$0.name] })
    }

    private func html(_ title: String, _ command: String, _ pictures: [String: Picture]) -> String {
        let machines = runs.compactMap(\.machine), dates = distinct(machines.compactMap(\.date)).sorted()
        let period = dates.count > 2 ? "\(dates[0]) to \(dates[dates.count - 1])" : dates.joined(separator: " and ")
        func has(_ kind: ReportSection.Kind) -> Bool { sections.contains { $0.kind == kind } }
        return Templates.render("page", [
            "title": title, "style": Templates.styleSheet,
            "summary": ([period] + MachineRecord.texts(runs)).filter { !$0.isEmpty }, "remarks": MachineRecord.remarks(runs),
            "sections": sections.map { $0.values(pictures) },
            "hasSpeeds": has(.speeds), "hasScores": has(.scores), "hasProbes": runs.contains { !$0.probes.isEmpty },
            "hasTasks": has(.task), "hasEvaluations": has(.evaluations),
            "fewPositions": NumberText.grouped(SampleSize.fewPositions), "fewSeeds": SampleSize.fewSeeds,
            "commands": distinct(machines.compactMap { $0.command?.printable }) + [command],
        ])
    }
}

/// A section of a report: the results of one run, or of runs that may be compared.
struct ReportSection {
    enum Kind { case speeds, scores, task, evaluations }

    /// The number of the section in the report, from 1.
    let number: Int
    let kind: Kind
    let title: String
    /// The runs from which the section's numbers come.
    let runs: [ReportRun]
    let parts: [ReportPart]

    private var isInterrupted: Bool { runs.contains(where: \.isInterrupted) }

    /// The tables, below a line with the sources of the numbers.
    fileprivate var text: String {
        let machines = runs.compactMap(\.machine)
        let facts = MachineRecord.texts(runs) + distinct(machines.compactMap(\.textText)).map { "text \($0)" }
            + distinct(machines.compactMap(\.date)) + distinct(machines.compactMap(\.versionText))
        let stopped = isInterrupted ? "interrupted: what stands here was measured before\n" : ""
        return "\(title)\(facts.isEmpty ? "" : ": ")\(facts.joined(separator: "; ").printable)\n\(stopped)\n"
            + parts.flatMap(\.texts).joined(separator: "\n")
    }

    /// The values of the section in the template of the page.
    fileprivate func values(_ pictures: [String: Picture]) -> Templates.Values {
        [
            "number": number, "title": title, "runs": runs.map { ["facts": $0.facts] }, "isInterrupted": isInterrupted,
            "parts": parts.map { $0.values(pictures) },
        ]
    }
}

/// The tables and pictures of a section that belong together.
struct ReportPart {
    /// A line of a list.
    struct Item {
        let head: ReportTable.Head
        let text: String
        /// The line in a report without pictures.
        let line: String
    }

    /// The line above the part, in the page.
    var heading: String?
    /// A sentence in place of a table, in the page.
    var remark: String?
    var tables: [ReportTable] = []
    var items: [Item] = []
    var plots: [Plot] = []
    /// True if the pictures are beside the tables, and not below them.
    var isBeside = false

    fileprivate var texts: [String] {
        tables.map { $0.text() } + (items.isEmpty ? [] : [items.map { $0.line.printable + "\n" }.joined()])
    }

    fileprivate func values(_ pictures: [String: Picture]) -> Templates.Values {
        Templates.present([
            "heading": heading, "remark": remark, "tables": tables.map(\.arranged), "items": items, "isBeside": isBeside,
            "figures": plots.map { ["svg": pictures[$0.name]?.svg ?? "", "caption": $0.caption] },
        ])
    }
}

extension [Double] {
    /// The spread of the values; `nil` without values.
    var spread: Spread? { isEmpty ? nil : Spread(self) }
    var mean: Double? { isEmpty ? nil : reduce(0, +) / Double(count) }
}

/// Returns the distinct values, in the order of their first occurrences.
func distinct<Value: Hashable>(_ values: [Value]) -> [Value] {
    var seen: Set<Value> = []
    return values.filter { seen.insert($0).inserted }
}

/// Returns the names as a list in English: `a`, `a and b`, `a, b and c`.
func listed(_ names: [String]) -> String {
    guard let last = names.last, names.count > 1 else { return names.first ?? "" }
    return "\(names.dropLast().joined(separator: ", ")) and \(last)"
}
