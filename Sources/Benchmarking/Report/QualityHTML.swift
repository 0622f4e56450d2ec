/// The tables and pictures of scores.
struct QualityHTML {
    let section: QualitySection
    let styles: SystemStyles
    /// Those of this section.
    let pictures: [Picture]

    var html: String {
        scores + HTML.figures(pictures.filter { $0.plot.family == .curves }) + probes
            + HTML.figures(pictures.filter { $0.plot.family == .probes })
    }

    /// A row for each system and budget.
    private var scores: String {
        let records = section.qualities
        guard !records.isEmpty else { return "" }
        var table = HTMLTable(
            "held-out text; medians over the seeds, ranges below",
            ["system", "seeds", "words trained on", "seconds", "right word first", "among the first ten", "perplexity",
             "perplexity among the candidates", "candidates"])
        for system in distinct(records.map { BudgetedSystem($0.system, $0.budget) }) {
            let own = records.filter { BudgetedSystem($0.system, $0.budget) == system }
            func spread(_ value: (QualityRecord) -> Double?) -> Spread? {
                let values = own.compactMap(value)
                return values.isEmpty ? nil : Spread(values)
            }
            func count(_ value: (QualityRecord) -> Int?) -> Spread? { spread { value($0).map(Double.init) } }
            func whole(_ number: Double) -> String { NumberText.fixed(number, 0) }
            table.append(
                HTML.system(system.name, styles, details: system.budgetText),
                [
                    HTMLTable.Cell("\(distinct(own.map(\.seed)).count)"),
                    HTMLTable.Cell(count(\.words), whole),
                    HTMLTable.Cell(spread(\.seconds), NumberText.rounded),
                    HTMLTable.Cell(spread(\.top1), NumberText.percent),
                    HTMLTable.Cell(spread(\.top10), NumberText.percent),
                    perplexity(spread(\.perplexity), classes: count(\.classes), unknown: spread(\.unknownShare)),
                    HTMLTable.Cell(spread(\.candidatePerplexity), NumberText.rounded),
                    HTMLTable.Cell(
                        count(\.candidates)?.text(whole).median,
                        spread(\.coverage).map { "\(NumberText.percent($0.median)) of the text" }),
                ])
        }
        return "<h3>Scores</h3>\n" + table.html
            + (records.contains { $0.perplexity != nil }
                ? HTML.paragraph(
                    "Perplexities compare between systems with the same classes only; perplexities among the candidates compare "
                        + "between all that have them.", class: "weak") : "")
    }

    private func perplexity(_ spread: Spread?, classes: Spread?, unknown: Spread?) -> HTMLTable.Cell {
        let texts = spread?.text(NumberText.rounded)
        return HTMLTable.Cell(
            texts?.median, texts?.range, classes.map { "\(NumberText.fixed($0.median, 0)) classes" },
            unknown.map { "\(NumberText.percent($0.median)) unknown" })
    }

    /// A row for each system and budget, two columns for each task: the score, and its change to that of the word vectors.
    private var probes: String {
        let records = section.probes
        guard !records.isEmpty else { return "" }
        let tasks = distinct(records.map { ProbeTask($0) })
        var table = HTMLTable(
            "classifiers on the vectors; medians over the seeds of models and classifiers, ranges below",
            ["system", "runs"] + tasks.flatMap { [$0.title, "change to the word vectors"] })
        for system in distinct(records.map { BudgetedSystem($0.system, $0.budget) }) {
            let own = records.filter { BudgetedSystem($0.system, $0.budget) == system }
            let cells = tasks.flatMap { task in
                let scores = own.filter { ProbeTask($0) == task }
                return [score(scores), change(scores, task, system)]
            }
            let runs = distinct(own.map { "\($0.seed ?? 0) \($0.probeSeed ?? 0)" }).count
            table.append(HTML.system(system.name, styles, details: system.budgetText), [HTMLTable.Cell("\(runs)")] + cells)
        }
        return "<h3>Probes</h3>\n" + table.html
    }

    private func score(_ records: [ProbeRecord]) -> HTMLTable.Cell {
        guard !records.isEmpty else { return HTMLTable.Cell(nil) }
        let texts = Spread(records.map(\.value)).text { NumberText.fixed($0, 3) }
        func part(_ name: String, _ value: (ProbeRecord) -> Double?) -> String? {
            let values = records.compactMap(value)
            return values.isEmpty ? nil : "\(name) \(NumberText.fixed(Spread(values).median, 3))"
        }
        return HTMLTable.Cell(texts.median, texts.range, part("precision", \.precision), part("recall", \.recall))
    }

    /// The differences to the word vectors' score with the same seed of the probe, or else to the median of their scores.
    private func change(_ records: [ProbeRecord], _ task: ProbeTask, _ system: BudgetedSystem) -> HTMLTable.Cell {
        let baseline = section.probes.filter { $0.system == SystemStyles.baseline && ProbeTask($0) == task }
        guard system.name != SystemStyles.baseline, !baseline.isEmpty, !records.isEmpty else { return HTMLTable.Cell(nil) }
        let changes = records.map { record in
            let same = baseline.filter { $0.probeSeed == record.probeSeed }
            return record.value - Spread((same.isEmpty ? baseline : same).map(\.value)).median
        }
        return HTMLTable.Cell(Spread(changes)) { NumberText.signed($0, 3) }
    }
}
