internal import Training

/// The scores of models on held-out text and of classifiers on their vectors, from any number of runs on one kind of machine and text.
struct QualityResults {
    let runs: [ReportRun]
    let qualities: [QualityRecord]
    let curves: [CurveRecord]
    let probes: [ProbeRecord]

    /// Returns the results of runs. Runs under the same conditions are combined; an unknown machine counts as a machine of its own for
    /// each file.
    static func all(_ runs: [ReportRun]) -> [QualityResults] {
        func conditions(_ run: ReportRun) -> [String?] { run.conditions ?? [run.file] }
        let scored = runs.filter(\.hasQuality)
        return distinct(scored.map(conditions)).map { shared in
            let runs = scored.filter { conditions($0) == shared }
            return QualityResults(
                runs: runs, qualities: runs.flatMap(\.qualities), curves: runs.flatMap(\.curves), probes: runs.flatMap(\.probes))
        }
    }

    func section(_ number: Int, _ styles: SystemStyles) -> ReportSection {
        let scores = scoreTable(styles), curves = curvePlots(number, styles), probes = probeTable(styles)
        return ReportSection(
            number: number, kind: .scores, title: "Quality", runs: runs,
            parts: [
                ReportPart(heading: scores.map { _ in "Scores" }, tables: scores.map { [$0] } ?? [], plots: curves),
                ReportPart(
                    heading: probes.map { _ in "Probes" }, tables: probes.map { [$0] } ?? [],
                    plots: [probePlot(number, styles)].compactMap { $0 }),
            ])
    }

    private var scoreGroups: [ScoreGroup] {
        distinct(qualities.map { BudgetedSystem($0.system, $0.budget) }).map { system in
            ScoreGroup(system: system, records: qualities.filter { BudgetedSystem($0.system, $0.budget) == system })
        }
    }

    /// Returns the scores on held-out text: a row for each system and budget, and below them the references that they must beat. The
    /// references are the unigram model and, for the loss of the continuous output, the best constant vector. Returns `nil` without
    /// scores.
    private func scoreTable(_ styles: SystemStyles) -> ReportTable? {
        let groups = scoreGroups
        guard !groups.isEmpty else { return nil }
        let candidates = distinct(groups.compactMap { $0.count(\.candidates)?.median }).map { NumberText.fixed($0, 0) }
        // Some systems have a perplexity that differs from the one among the candidates.
        let hasOwn = qualities.contains { $0.perplexity != $0.candidatePerplexity }
        let columns = [
            "seeds", "held-out positions", "words trained on", "seconds", "right word first", "among the first ten", "cosine loss",
            "perplexity among the candidates", "perplexity", "classes",
        ]
        var table = ReportTable(
            "held-out text; \(SampleSize.text(groups.map(\.size))); "
                + "\(candidates.isEmpty ? "" : "ranked among \(candidates.joined(separator: " or ")) words; ")"
                + "medians over the seeds, and ranges",
            "system", columns)
        for group in groups {
            let comparison = group.comparison
            func byCosine(_ value: (QualityRecord) -> Double?) -> [String?] {
                [group.spread(value).map { "by cosine \(NumberText.percent($0.median))" }]
            }
            table.append(
                group.system.head(styles, mark: comparison.verdict?.mark ?? ""),
                [
                    group.size.seedsCell, group.size.positionsCell(of: group.heldOutPositions),
                    ReportTable.Cell(group.count(\.words), { NumberText.fixed($0, 0) }),
                    ReportTable.Cell(group.spread(\.seconds), NumberText.rounded),
                    ReportTable.Cell(
                        group.spread(\.top1), NumberText.percent, mark: comparison.top1?.mark ?? "", notes: byCosine(\.cosineTop1)),
                    ReportTable.Cell(
                        group.spread(\.top10), NumberText.percent, mark: comparison.top10?.mark ?? "", notes: byCosine(\.cosineTop10)),
                    ReportTable.Cell(group.spread(\.constantLoss) == nil ? nil : group.spread(\.loss), { NumberText.fixed($0, 3) }),
                    ReportTable.Cell(
                        group.spread(\.candidatePerplexity), NumberText.rounded, mark: comparison.perplexity?.mark ?? ""),
                    ReportTable.Cell(hasOwn ? group.spread(\.perplexity) : nil, NumberText.rounded),
                    ReportTable.Cell(
                        group.count(\.classes).map { NumberText.fixed($0.median, 0) },
                        group.spread(\.unknownShare).map { "\(NumberText.percent($0.median)) unknown" }),
                ])
        }
        let perplexity = groups.contains { $0.spread(\.candidatePerplexity) != nil } ? columns[7] : columns[8]
        let references = ReferenceScores.distinct(groups.map { ($0.system, $0.unigram) }).map { ("unigram model", $0) }
            + ReferenceScores.distinct(groups.map { ($0.system, $0.constant) }).map { ("constant vector", $0) }
        for (name, (scores, owners)) in references {
            let cells = [
                "held-out positions": scores.positions.map(NumberText.grouped),
                "right word first": scores.top1.map(NumberText.percent), "among the first ten": scores.top10.map(NumberText.percent),
                perplexity: scores.perplexity.map(NumberText.rounded), "cosine loss": scores.loss.map { NumberText.fixed($0, 3) },
            ]
            table.append(
                ReportTable.Head(text: name, details: owners, colour: SystemStyles.reference.colour),
                columns.map { ReportTable.Cell(cells[$0] ?? nil) })
        }
        table.footnotes = footnotes(groups)
        if hasOwn {
            table.footnotes.append(
                "Perplexities compare between systems with the same classes only; perplexities among the candidates compare "
                    + "between all that rank the same positions among the same words, the unigram model too.")
        }
        return table
    }

    /// Returns the meanings of marks, and what is not known about the unigram model.
    private func footnotes(_ groups: [ScoreGroup]) -> [String] {
        let comparisons = groups.map(\.comparison), systems = comparisons.map(\.verdict)
        let verdicts = systems + comparisons.flatMap { [$0.top1, $0.top10, $0.perplexity] }
        var notes = [UnigramComparison.Verdict.within, .worse].filter(verdicts.contains).map { verdict in
            verdict.footnote(ofSystems: systems.contains(verdict))
        }
        func names(_ isMeant: (ScoreGroup) -> Bool) -> [String] { distinct(groups.filter(isMeant).map(\.system.name)) }
        let unknown = names { $0.unigram.top1 == nil && $0.spread(\.top1) != nil }
        if !unknown.isEmpty {
            notes.append(
                "The unigram model’s scores were not recorded\(unknown == names { _ in true } ? "" : " beside \(listed(unknown))"): "
                    + "whether a system does better than it cannot be said.")
        }
        let uncounted = names { $0.unigram.top1 != nil && $0.size.positions == nil }
        if !uncounted.isEmpty {
            notes.append("The number of positions was not recorded, so what is noise is not known: \(listed(uncounted)).")
        }
        return notes
    }

    /// Returns the task that a classifier learns, and the measure of its score. Only scores with the same title are compared.
    private func title(_ probe: ProbeRecord) -> String { "\(probe.task), \(probe.measure)" }

    private func probes(of system: BudgetedSystem) -> [ProbeRecord] {
        probes.filter { BudgetedSystem($0.system, $0.budget) == system }
    }

    /// Returns the smallest number of test tokens, and the number of pairs of a model's seed and a classifier's seed.
    private func size(_ records: [ProbeRecord]) -> SampleSize {
        SampleSize(
            positions: records.compactMap(\.testTokens).min(),
            seeds: distinct(records.map { "\($0.seed ?? 0) \($0.probeSeed ?? 0)" }).count, unit: "test tokens")
    }

    /// Returns the scores of classifiers on vectors: a row for each system and budget, and two columns for each task, the score and
    /// its difference from that of the word vectors. Returns `nil` without scores.
    private func probeTable(_ styles: SystemStyles) -> ReportTable? {
        guard !probes.isEmpty else { return nil }
        let tasks = distinct(probes.map(title)), systems = distinct(probes.map { BudgetedSystem($0.system, $0.budget) })
        var table = ReportTable(
            "classifiers on the vectors; \(SampleSize.text(systems.map { size(probes(of: $0)) })); "
                + "medians over the seeds of models and classifiers, ranges below",
            "system", ["seeds", "test tokens"] + tasks.flatMap { [$0, "change to the word vectors"] })
        func thousandths(_ number: Double) -> String { NumberText.fixed(number, 3) }
        for system in systems {
            let own = probes(of: system), size = size(own)
            let cells = tasks.flatMap { task in
                let records = own.filter { title($0) == task }
                func part(_ name: String, _ value: (ProbeRecord) -> Double?) -> String? {
                    records.compactMap(value).spread.map { "\(name) \(thousandths($0.median))" }
                }
                return [
                    ReportTable.Cell(
                        records.map(\.value).spread, thousandths,
                        notes: [part("precision", \.precision), part("recall", \.recall)]),
                    ReportTable.Cell(change(records, task, system), { NumberText.signed($0, 3) }),
                ]
            }
            table.append(system.head(styles), [size.seedsCell, size.positionsCell()] + cells)
        }
        return table
    }

    /// Returns the differences from the word vectors' score with the same seed of the probe or, if there is none, from the median of
    /// their scores.
    private func change(_ records: [ProbeRecord], _ task: String, _ system: BudgetedSystem) -> Spread? {
        let baseline = probes.filter { $0.system == SystemStyles.baseline && title($0) == task }
        guard system.name != SystemStyles.baseline, !baseline.isEmpty, !records.isEmpty else { return nil }
        return Spread(
            records.map { record in
                let same = baseline.filter { $0.probeSeed == record.probeSeed }
                return record.value - Spread((same.isEmpty ? baseline : same).map(\.value)).median
            })
    }

    /// Returns a picture with a row of points for each task and system, with the spread over the seeds, or `nil` if there are no
    /// scores.
    private func probePlot(_ number: Int, _ styles: SystemStyles) -> Plot? {
        let finite = probes.filter(\.value.isFinite), systems = distinct(finite.map { BudgetedSystem($0.system, $0.budget) })
        let scores = distinct(finite.map(title)).flatMap { task in
            systems.compactMap { system -> Plot.Score? in
                let values = probes(of: system).filter { title($0) == task && $0.value.isFinite }.map(\.value)
                return values.spread.map { Plot.Score(group: task, system: system, values: values, middle: $0.median) }
            }
        }
        let sizes = SampleSize.text(systems.map { size(probes(of: $0).filter(\.value.isFinite)) })
        return Plot(
            name: "\(number)-probes",
            caption: "Scores of classifiers on the vectors: medians, with bars from the lowest to the highest over the seeds; \(sizes).",
            axis: "score", middle: "median", scores: scores, styles: styles)
    }

    /// Returns learning curves over the training time, with a dashed line for the reference that systems must beat.
    private func curvePlots(_ number: Int, _ styles: SystemStyles) -> [Plot] {
        /// Returns a picture, or `nil` if no point has the value.
        func plot(
            _ name: String, _ label: String, _ caption: String, isLogarithmic: Bool = false, reference: String,
            _ value: (CurveRecord) -> Double?, _ referenceValue: (CurveRecord) -> Double?
        ) -> Plot? {
            // A perplexity is at least 1; gnuplot makes no axis for values near 0.
            func shown(_ value: Double?) -> Double? { value.flatMap { $0.isFinite && (!isLogarithmic || $0 > 1e-100) ? $0 : nil } }
            let drawn = curves.filter { $0.seconds.isFinite && shown(value($0)) != nil }
            let values = drawn.compactMap { shown(value($0)) }, end = drawn.map(\.seconds).max() ?? 0
            guard !drawn.isEmpty else { return nil }
            let hours = end > 7200, unit = hours ? 3600.0 : 1
            let points = zip(drawn, values).map { curve, value in
                LearningCurves.Point(
                    system: curve.system, seed: curve.seed.map { "\($0)" }, place: curve.words, x: curve.seconds, y: value)
            }
            let lines = LearningCurves(points, unit: unit, styles)
            // There is one line, or one for each unigram model with which systems were measured.
            let references = ReferenceScores.distinct(
                drawn.map { (BudgetedSystem($0.system, nil), ReferenceScores(loss: shown(referenceValue($0)))) }
            ).map { ($0.owners.map { "\(reference) \($0)" } ?? reference, $0.scores.loss ?? 0) }
            let sizes = distinct(drawn.map(\.system)).map { system in
                let own = drawn.filter { $0.system == system }
                return SampleSize(positions: own.compactMap(\.positions).min(), seeds: distinct(own.map(\.seed)).count)
            }
            return Plot(
                name: "\(number)-curves-\(name)",
                caption: "\(caption), by the time of training"
                    + (lines.lines.contains(where: \.isThin) ? "; means over the seeds, and a thin line for each seed" : "")
                    + (references.isEmpty ? "" : "; dashed: the \(reference)") + "; held-out text: \(SampleSize.text(sizes)).",
                x: Axis("\(hours ? "hours" : "seconds") of training", drawn.map { $0.seconds / unit }, logarithmic: false),
                y: Axis(label, values + references.map { $0.1 }, logarithmic: isLogarithmic),
                lines.lines + references.map { name, value in
                    PlotLine(style: SystemStyles.reference, name: name, points: [[0, value], [end / unit, value]], isThin: true)
                },
                columns: ["system", "seed", "seconds", "value"],
                rows: lines.rows + references.flatMap { name, value in [0, end].map { [name, "", "\($0)", "\(value)"] } })
        }
        return [
            plot(
                "top10", "right word among the first ten, %", "The right word among the first ten", reference: "unigram model",
                { $0.top10.map { 100 * $0 } }, { $0.unigramTop10.map { 100 * $0 } }),
            plot(
                "perplexity", "perplexity among the candidates", "Perplexity among the candidates", isLogarithmic: true,
                reference: "unigram model", \.candidatePerplexity, \.unigramPerplexity),
            plot(
                "loss", "cosine loss", "Cosine loss of the continuous output", reference: "constant vector",
                { $0.constantLoss == nil ? nil : $0.loss }, \.constantLoss),
        ].compactMap { $0 }
    }
}
