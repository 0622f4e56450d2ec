/// The scores of classifiers on vectors: a row for each system and budget, two columns for each task, the score and its change to
/// that of the word vectors.
struct ProbeTable {
    let section: QualitySection
    let styles: SystemStyles

    /// `nil` without scores.
    var table: ReportTable? {
        let records = section.probes
        guard !records.isEmpty else { return nil }
        let tasks = distinct(records.map { ProbeTask($0) })
        let systems = distinct(records.map { BudgetedSystem($0.system, $0.budget) })
        let sizes = distinct(systems.map { Self.size(own($0)).text }).joined(separator: "; or ")
        var table = ReportTable(
            "classifiers on the vectors; \(sizes); medians over the seeds of models and classifiers, ranges below", "system",
            ["seeds", "test tokens"] + tasks.flatMap { [$0.title, "change to the word vectors"] })
        for system in systems {
            let own = own(system), size = Self.size(own)
            let cells = tasks.flatMap { task in
                let scores = own.filter { ProbeTask($0) == task }
                return [score(scores), change(scores, task, system)]
            }
            table.append(
                system.head(styles),
                [
                    ReportTable.Cell("\(size.seeds)", size.hasFewSeeds ? "small" : nil),
                    ReportTable.Cell(
                        size.positions.map(NumberText.grouped) ?? "not recorded", size.hasFewPositions ? "small" : nil),
                ] + cells)
        }
        return table
    }

    private func own(_ system: BudgetedSystem) -> [ProbeRecord] {
        section.probes.filter { BudgetedSystem($0.system, $0.budget) == system }
    }

    /// The fewest tokens that were tested with, and how many pairs of a model's and a classifier's seed.
    static func size(_ records: [ProbeRecord]) -> SampleSize {
        SampleSize(
            positions: records.compactMap(\.testTokens).min(),
            seeds: distinct(records.map { "\($0.seed ?? 0) \($0.probeSeed ?? 0)" }).count, unit: "test tokens")
    }

    private func score(_ records: [ProbeRecord]) -> ReportTable.Cell {
        guard !records.isEmpty else { return ReportTable.Cell(nil) }
        func part(_ name: String, _ value: (ProbeRecord) -> Double?) -> String? {
            let values = records.compactMap(value)
            return values.isEmpty ? nil : "\(name) \(NumberText.fixed(Spread(values).median, 3))"
        }
        return ReportTable.Cell(
            Spread(records.map(\.value)), { NumberText.fixed($0, 3) },
            notes: [part("precision", \.precision), part("recall", \.recall)])
    }

    /// The differences to the word vectors' score with the same seed of the probe, or else to the median of their scores.
    private func change(_ records: [ProbeRecord], _ task: ProbeTask, _ system: BudgetedSystem) -> ReportTable.Cell {
        let baseline = section.probes.filter { $0.system == SystemStyles.baseline && ProbeTask($0) == task }
        guard system.name != SystemStyles.baseline, !baseline.isEmpty, !records.isEmpty else { return ReportTable.Cell(nil) }
        let changes = records.map { record in
            let same = baseline.filter { $0.probeSeed == record.probeSeed }
            return record.value - Spread((same.isEmpty ? baseline : same).map(\.value)).median
        }
        return ReportTable.Cell(Spread(changes), { NumberText.signed($0, 3) })
    }
}
