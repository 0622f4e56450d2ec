/// A part of a report: the results of one run, or of runs that may be compared.
protocol ReportSection {
    /// The number from 1, through all sections of a report.
    var number: Int { get }
    var title: String { get }
    /// The runs that its numbers come from.
    var runs: [ReportRun] { get }

    /// The pictures that there are numbers for.
    func plots(_ styles: SystemStyles) -> [Plot]

    /// The tables, and the pictures drawn of `plots`, as HTML.
    func html(_ styles: SystemStyles, _ pictures: [Picture]) -> String

    /// The tables as text.
    func texts(_ styles: SystemStyles) -> [String]
}

/// Systems that one benchmark measured by turns in one run: only they are compared with each other.
struct SpeedSection: ReportSection {
    let number: Int
    let runs: [ReportRun]
    /// The benchmark: output-layers, costs, compare, or what else a record says.
    let kind: String
    let systems: [SystemRecord]
    let ratios: [RatioRecord]
    let leftOut: [LeftOutRecord]

    var title: String {
        switch kind {
        case "output-layers": "Output layers and vocabularies"
        case "encoders": "Encoders and output layers"
        case "costs": "Where the time goes"
        case "compare": "Systems side by side"
        default: kind.isEmpty ? "Systems" : kind.printable
        }
    }

    /// The encoders in the order of their first record, by the name that records of one have in common.
    var encoders: [String] { distinct(systems.map(\.encoderName) + ratios.map { $0.encoder ?? "" }) }

    /// Returns the name and the size of the encoder of that name.
    func encoderTitle(_ encoder: String) -> String {
        let sizes = distinct(systems.filter { $0.encoderName == encoder }.compactMap(\.sizeText))
        guard sizes.count == 1, let size = sizes.first, size != encoder else { return encoder.printable }
        return encoder.isEmpty ? size : "\(encoder.printable) (\(size))"
    }

    /// Tables: one for each encoder and vocabulary; a comparison by the user's own options is one table.
    var groups: [SystemGroup] {
        guard kind != "compare" && kind != "costs" else { return [SystemGroup(title: "", systems: systems, ratios: ratios)] }
        struct Key: Hashable {
            let encoder: String
            let vocabulary: Int?
        }
        let keys = distinct(
            systems.map { Key(encoder: $0.encoderName, vocabulary: $0.vocabulary) }
                + ratios.map { Key(encoder: $0.encoder ?? "", vocabulary: $0.vocabulary) })
        return keys.map { key in
            let words = key.vocabulary.map { "vocabulary of \(NumberText.grouped($0))" }
            let encoder = encoderTitle(key.encoder)
            return SystemGroup(
                title: [encoder.isEmpty ? nil : "encoder \(encoder)", words].compactMap { $0 }.joined(separator: ", "),
                systems: systems.filter { $0.encoderName == key.encoder && $0.vocabulary == key.vocabulary },
                ratios: ratios.filter { ($0.encoder ?? "") == key.encoder && $0.vocabulary == key.vocabulary })
        }
    }
}

/// The systems of a table, and how they compare.
struct SystemGroup {
    /// Encoder and vocabulary; may be empty.
    let title: String
    let systems: [SystemRecord]
    let ratios: [RatioRecord]
}

/// Scores that were taken on one kind of machine and text, in any number of runs.
struct QualitySection: ReportSection {
    let number: Int
    let title = "Quality"
    let runs: [ReportRun]

    var qualities: [QualityRecord] { runs.flatMap(\.qualities) }
    var curves: [CurveRecord] { runs.flatMap(\.curves) }
    var probes: [ProbeRecord] { runs.flatMap(\.probes) }

    /// Returns the scores of classifiers on a system's vectors.
    func probes(of system: BudgetedSystem) -> [ProbeRecord] {
        probes.filter { BudgetedSystem($0.system, $0.budget) == system }
    }
}

/// The time that evaluations took in one run.
struct EvaluationSection: ReportSection {
    let number: Int
    let title = "Evaluations"
    let run: ReportRun

    var runs: [ReportRun] { [run] }

    func plots(_ styles: SystemStyles) -> [Plot] { [] }
    func html(_ styles: SystemStyles, _ pictures: [Picture]) -> String { table.html }
    func texts(_ styles: SystemStyles) -> [String] { [table.text()] }

    private var table: ReportTable {
        var table = ReportTable(
            "seconds of scoring held-out text, and of its matrix products at the machine’s ceiling", "scored",
            ["evaluation, seconds", "its products at the ceiling, seconds", "ratio", "large products, GFLOP/s", "threads", "runs"])
        for record in run.evaluations {
            table.append(
                ReportTable.Head(
                    "\(NumberText.grouped(record.positions)) positions",
                    details: record.candidates.map { "ranked among \(NumberText.grouped($0)) words" }),
                [
                    ReportTable.Cell(record.seconds, NumberText.rounded), ReportTable.Cell(record.products, NumberText.rounded),
                    ReportTable.Cell(record.ratio, NumberText.rounded), ReportTable.Cell(record.ceiling, NumberText.rounded),
                    ReportTable.Cell(record.threads.map(NumberText.grouped)), ReportTable.Cell(record.rounds.map(NumberText.grouped)),
                ])
        }
        return table
    }
}

extension SpeedSection {
    func plots(_ styles: SystemStyles) -> [Plot] {
        SpeedPlots(section: self, styles: styles).plots + [CostPlot(section: self).plot].compactMap { $0 }
    }

    func html(_ styles: SystemStyles, _ pictures: [Picture]) -> String {
        let tables = SpeedTables(section: self, styles: styles), costs = tables.costs
        let speeds = tables.speeds.map { title, table in
            (title.isEmpty ? "" : "<h3>\(title.escapedForHTML)</h3>\n") + table.html
        }
        let reasons = leftOut.map { record in
            "<li>" + ReportTable.Head(record.name, colour: styles[record.name].colour).html
                + (record.place.isEmpty ? "" : ", \(record.place.escapedForHTML)") + ": \(record.reason.escapedForHTML)</li>\n"
        }
        // The picture of costs stands beside their table.
        let beside = "<h3>What the time goes to</h3>\n<div class=\"beside\">\n"
            + pictures.filter { $0.plot.family == .costs }.map(HTML.figure).joined()
            + "<div>\n\(costs.map(\.html).joined())</div>\n</div>\n"
        return HTML.figures(pictures.filter { $0.plot.family != .costs })
            + (speeds.isEmpty ? HTML.paragraph("No system was measured.") : speeds.joined())
            + (reasons.isEmpty ? "" : "<h3>Left out</h3>\n<ul>\n\(reasons.joined())</ul>\n") + (costs.isEmpty ? "" : beside)
    }

    func texts(_ styles: SystemStyles) -> [String] {
        let tables = SpeedTables(section: self, styles: styles)
        let speeds = tables.speeds.map { title, table in (title.isEmpty ? "" : "\(title.printable)\n\n") + table.text() }
        let reasons = leftOut.map { record in
            let name = [record.name, record.place].filter { !$0.isEmpty }.joined(separator: ", ")
            return "\(name) left out: \(record.reason)".printable + "\n"
        }
        return (speeds + [reasons.joined()] + tables.costs.map { $0.text() }).filter { !$0.isEmpty }
    }
}

extension QualitySection {
    func plots(_ styles: SystemStyles) -> [Plot] {
        CurvePlots(section: self, styles: styles).plots + [ProbePlot(section: self, styles: styles).plot].compactMap { $0 }
    }

    func html(_ styles: SystemStyles, _ pictures: [Picture]) -> String {
        func titled(_ title: String, _ table: ReportTable?) -> String {
            table.map { "<h3>\(title)</h3>\n\($0.html)" } ?? ""
        }
        return titled("Scores", QualityTable(section: self, styles: styles).table)
            + HTML.figures(pictures.filter { $0.plot.family == .curves })
            + titled("Probes", ProbeTable(section: self, styles: styles).table)
            + HTML.figures(pictures.filter { $0.plot.family == .probes })
    }

    func texts(_ styles: SystemStyles) -> [String] {
        [QualityTable(section: self, styles: styles).table, ProbeTable(section: self, styles: styles).table]
            .compactMap { $0?.text() }
    }
}

extension SystemRecord {
    /// The name that records of one encoder have in common, or else its size.
    var encoderName: String { encoder ?? sizeText ?? "" }

    /// Cell and projection: `4096/512`, or `4096/512, 1 direction`; `nil` if the size is not given.
    var sizeText: String? {
        cell.map { "\($0)\(projection.map { "/\($0)" } ?? "")\(directions == 1 ? ", 1 direction" : "")" }
    }
}

/// Returns every value once, in the order of the first.
func distinct<Value: Hashable>(_ values: [Value]) -> [Value] {
    var seen: Set<Value> = []
    return values.filter { seen.insert($0).inserted }
}

extension ReportRun {
    /// Returns the benchmarks in it whose results are speeds and memory, as sections from number `first` on.
    func speedSections(from first: Int) -> [SpeedSection] {
        let kinds = distinct(systems.map { $0.run ?? "" } + ratios.map { $0.run ?? "" } + leftOut.map { $0.run ?? "" })
        return kinds.enumerated().map { index, kind in
            SpeedSection(
                number: first + index, runs: [self], kind: kind,
                systems: systems.filter { ($0.run ?? "") == kind },
                ratios: ratios.filter { ($0.run ?? "") == kind },
                leftOut: leftOut.filter { ($0.run ?? "") == kind })
        }
    }

    var hasQuality: Bool { !qualities.isEmpty || !curves.isEmpty || !probes.isEmpty }

    /// The conditions that runs must share for their scores to stand side by side; an unknown machine is one for each file.
    private var conditions: [String?] {
        guard let machine else { return [file] }
        let numbers = [machine.threads, machine.memory, machine.textWords, machine.distinctWords]
        let names = [machine.processor, machine.kernels, machine.device?.name, machine.versionNumber, machine.text]
        return names + numbers.map { $0.map(String.init) }
    }

    /// Returns the runs with scores, put together if they were taken under the same conditions, as sections from `first` on.
    static func qualitySections(_ runs: [ReportRun], from first: Int) -> [QualitySection] {
        let scored = runs.filter(\.hasQuality)
        return distinct(scored.map(\.conditions)).enumerated().map { index, conditions in
            QualitySection(number: first + index, runs: scored.filter { $0.conditions == conditions })
        }
    }
}
