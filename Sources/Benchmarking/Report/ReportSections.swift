/// Systems that one benchmark measured by turns in one run: only they are compared with each other.
struct SpeedSection {
    /// From 1, through all sections of a report.
    let number: Int
    let run: ReportRun
    /// The benchmark: output-layers, costs, compare, or what else a record says.
    let kind: String
    let systems: [SystemRecord]
    let ratios: [RatioRecord]
    let leftOut: [LeftOutRecord]

    var title: String {
        switch kind {
        case "output-layers": "Output layers and vocabularies"
        case "costs": "Where the time goes"
        case "compare": "Systems side by side"
        default: kind.isEmpty ? "Systems" : kind.printable
        }
    }

    /// The encoders in the order of their first record, by the name that records of one have in common.
    var encoders: [String] { distinct(systems.map(\.encoderName) + ratios.map { $0.encoder ?? "" }) }

    /// Of the encoder of that name: its name and size.
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
struct QualitySection {
    let number: Int
    let runs: [ReportRun]

    var qualities: [QualityRecord] { runs.flatMap(\.qualities) }
    var curves: [CurveRecord] { runs.flatMap(\.curves) }
    var probes: [ProbeRecord] { runs.flatMap(\.probes) }
}

/// The time that evaluations took in one run.
struct EvaluationSection {
    let number: Int
    let run: ReportRun

    static let title = "Evaluations"

    var table: ReportTable {
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

extension SystemRecord {
    /// What records of one encoder have in common: its name, or else its size.
    var encoderName: String { encoder ?? sizeText ?? "" }

    /// Cell and projection: `4096/512`, or `4096/512, 1 direction`; `nil` if the size is not given.
    var sizeText: String? {
        cell.map { "\($0)\(projection.map { "/\($0)" } ?? "")\(directions == 1 ? ", 1 direction" : "")" }
    }
}

/// Every value once, in the order of the first.
func distinct<Value: Hashable>(_ values: [Value]) -> [Value] {
    var seen: Set<Value> = []
    return values.filter { seen.insert($0).inserted }
}

extension ReportRun {
    /// The benchmarks in it whose results are speeds and memory, as sections from number `first` on.
    func speedSections(from first: Int) -> [SpeedSection] {
        let kinds = distinct(systems.map { $0.run ?? "" } + ratios.map { $0.run ?? "" } + leftOut.map { $0.run ?? "" })
        return kinds.enumerated().map { index, kind in
            SpeedSection(
                number: first + index, run: self, kind: kind,
                systems: systems.filter { ($0.run ?? "") == kind },
                ratios: ratios.filter { ($0.run ?? "") == kind },
                leftOut: leftOut.filter { ($0.run ?? "") == kind })
        }
    }

    var hasQuality: Bool { !qualities.isEmpty || !curves.isEmpty || !probes.isEmpty }

    /// What runs must have in common for their scores to stand side by side.
    private struct Conditions: Hashable {
        let processor, kernels, version, text: String?
        let threads, memory, textWords, distinctWords: Int?
        /// Of a run on an unknown machine.
        let file: String?
    }

    private var conditions: Conditions {
        Conditions(
            processor: machine?.processor, kernels: machine?.kernels, version: machine?.versionNumber, text: machine?.text,
            threads: machine?.threads, memory: machine?.memory, textWords: machine?.textWords,
            distinctWords: machine?.distinctWords, file: machine == nil ? file : nil)
    }

    /// The runs with scores, put together where they were taken under the same conditions, as sections from `first` on.
    static func qualitySections(_ runs: [ReportRun], from first: Int) -> [QualitySection] {
        let scored = runs.filter(\.hasQuality)
        return distinct(scored.map(\.conditions)).enumerated().map { index, conditions in
            QualitySection(number: first + index, runs: scored.filter { $0.conditions == conditions })
        }
    }
}
