internal import Training

/// The scores of a section: a row for each system and budget, and below them the references that they must beat: the unigram
/// model, and for the continuous output's loss the best constant vector.
struct QualityTable {
    let section: QualitySection
    let styles: SystemStyles

    private static let columns = [
        "seeds", "held-out positions", "words trained on", "seconds", "right word first", "among the first ten", "cosine loss",
        "perplexity among the candidates", "perplexity", "classes",
    ]

    /// `nil` without scores.
    var table: ReportTable? {
        let groups = section.scoreGroups
        guard !groups.isEmpty else { return nil }
        var table = ReportTable(caption(groups), "system", Self.columns)
        for group in groups { append(group, &table) }
        appendReferences(groups, &table)
        table.footnotes = footnotes(groups)
        return table
    }

    /// The facts that all rows share, or a sentence on how they differ.
    private func caption(_ groups: [ScoreGroup]) -> String {
        let sizes = distinct(groups.map(\.size.text)).joined(separator: "; or ")
        let words = distinct(groups.compactMap { $0.count(\.candidates)?.median }).map { NumberText.fixed($0, 0) }
        return "held-out text; \(sizes); \(words.isEmpty ? "" : "ranked among \(words.joined(separator: " or ")) words; ")"
            + "medians over the seeds, and ranges"
    }

    private func append(_ group: ScoreGroup, _ table: inout ReportTable) {
        let comparison = group.comparison
        let mark = { (verdict: UnigramComparison.Verdict?) in verdict?.mark ?? "" }
        func whole(_ number: Double) -> String { NumberText.fixed(number, 0) }
        func byCosine(_ value: (QualityRecord) -> Double?) -> String? {
            group.spread(value).map { "by cosine \(NumberText.percent($0.median))" }
        }
        table.append(
            group.system.head(styles, mark: mark(comparison.verdict)),
            [
                ReportTable.Cell("\(group.size.seeds)", group.size.hasFewSeeds ? "small" : nil),
                positions(group),
                ReportTable.Cell(group.count(\.words), whole),
                ReportTable.Cell(group.spread(\.seconds), NumberText.rounded),
                ReportTable.Cell(
                    group.spread(\.top1), NumberText.percent, mark: mark(comparison.top1), notes: [byCosine(\.cosineTop1)]),
                ReportTable.Cell(
                    group.spread(\.top10), NumberText.percent, mark: mark(comparison.top10), notes: [byCosine(\.cosineTop10)]),
                ReportTable.Cell(group.spread(\.constantLoss) == nil ? nil : group.spread(\.loss), { NumberText.fixed($0, 3) }),
                ReportTable.Cell(
                    group.spread(\.candidatePerplexity), NumberText.rounded, mark: mark(comparison.perplexity)),
                ReportTable.Cell(isOwnShown ? group.spread(\.perplexity) : nil, NumberText.rounded),
                ReportTable.Cell(
                    group.count(\.classes).map { NumberText.fixed($0.median, 0) },
                    group.spread(\.unknownShare).map { "\(NumberText.percent($0.median)) unknown" }),
            ])
    }

    /// True if some system has a perplexity other than that among the candidates.
    private var isOwnShown: Bool { section.qualities.contains { $0.perplexity != $0.candidatePerplexity } }

    private func positions(_ group: ScoreGroup) -> ReportTable.Cell {
        let ranked = group.size.positions.map(NumberText.grouped) ?? "not recorded"
        let all = group.heldOutPositions.map { " of \(NumberText.grouped($0))" } ?? ""
        return ReportTable.Cell(ranked + all, group.size.hasFewPositions ? "small" : nil)
    }

    /// Appends a row for each unigram model that the systems were beside, and for each constant vector; if there are several, with
    /// the systems that they belong to.
    private func appendReferences(_ groups: [ScoreGroup], _ table: inout ReportTable) {
        func append(_ name: String, _ owners: String?, _ cells: [String: String?]) {
            table.append(
                ReportTable.Head(name, details: owners, colour: SystemStyles.reference.colour),
                Self.columns.map { ReportTable.Cell(cells[$0] ?? nil) })
        }
        let perplexity = groups.contains { $0.spread(\.candidatePerplexity) != nil }
            ? "perplexity among the candidates" : "perplexity"
        for reference in References(groups.map { ($0.system, $0.unigram) }).rows {
            let scores = reference.scores
            append("unigram model", reference.owners, [
                "held-out positions": scores.positions.map(NumberText.grouped),
                "right word first": scores.top1.map(NumberText.percent),
                "among the first ten": scores.top10.map(NumberText.percent),
                perplexity: scores.perplexity.map(NumberText.rounded),
            ])
        }
        for reference in References(groups.map { ($0.system, $0.constant) }).rows {
            append("constant vector", reference.owners, [
                "held-out positions": reference.scores.positions.map(NumberText.grouped),
                "cosine loss": reference.scores.loss.map { NumberText.fixed($0, 3) },
            ])
        }
    }

    private func footnotes(_ groups: [ScoreGroup]) -> [String] {
        let comparisons = groups.map(\.comparison)
        let verdicts = comparisons.flatMap { [$0.verdict, $0.top1, $0.top10, $0.perplexity] }
        let systems = comparisons.map(\.verdict)
        var notes = [UnigramComparison.Verdict.within, .worse].filter(verdicts.contains).map { verdict in
            verdict.footnote(ofSystems: systems.contains(verdict))
        }
        let unknown = distinct(groups.filter { $0.unigram.top1 == nil && $0.spread(\.top1) != nil }.map(\.system.name))
        if !unknown.isEmpty {
            notes.append(
                "The unigram model’s scores were not recorded"
                    + (unknown.count == distinct(groups.map(\.system.name)).count ? "" : " beside \(listed(unknown))")
                    + ": whether a system does better than it cannot be said.")
        }
        let uncounted = distinct(groups.filter { $0.unigram.top1 != nil && $0.size.positions == nil }.map(\.system.name))
        if !uncounted.isEmpty {
            notes.append("The number of positions was not recorded, so what is noise is not known: \(listed(uncounted)).")
        }
        if isOwnShown {
            notes.append(
                "Perplexities compare between systems with the same classes only; perplexities among the candidates compare "
                    + "between all that rank the same positions among the same words, the unigram model too.")
        }
        return notes
    }
}

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
        let sizes = distinct(systems.map { Self.size(section.probes(of: $0)).text }).joined(separator: "; or ")
        var table = ReportTable(
            "classifiers on the vectors; \(sizes); medians over the seeds of models and classifiers, ranges below", "system",
            ["seeds", "test tokens"] + tasks.flatMap { [$0.title, "change to the word vectors"] })
        for system in systems {
            let own = section.probes(of: system), size = Self.size(own)
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

    /// Returns the fewest tokens that were tested with, and the number of pairs of a model's and a classifier's seed.
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

    /// Returns the differences to the word vectors' score with the same seed of the probe, or else to the median of their scores.
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

/// The task that a classifier learns, and the measure of its score.
struct ProbeTask: Hashable {
    let task, measure: String

    init(_ probe: ProbeRecord) { (task, measure) = (probe.task, probe.measure) }

    var title: String { "\(task), \(measure)" }
}
