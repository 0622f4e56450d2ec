/// Learning curves against the time of training: a line for each system, thin ones for its seeds, and a dashed one for the
/// reference that they must beat.
struct CurvePlots {
    let section: QualitySection
    let styles: SystemStyles

    var plots: [Plot] {
        [
            plot(Figure(
                name: "top10", label: "right word among the first ten, %", caption: "The right word among the first ten",
                reference: "unigram model", value: { $0.top10.map { 100 * $0 } },
                referenceValue: { $0.unigramTop10.map { 100 * $0 } })),
            plot(Figure(
                name: "perplexity", label: "perplexity among the candidates", caption: "Perplexity among the candidates",
                isLogarithmic: true, reference: "unigram model", value: \.candidatePerplexity,
                referenceValue: \.unigramPerplexity)),
            plot(Figure(
                name: "loss", label: "cosine loss", caption: "Cosine loss of the continuous output", reference: "constant vector",
                value: { $0.constantLoss == nil ? nil : $0.loss }, referenceValue: \.constantLoss)),
        ].compactMap { $0 }
    }

    /// The contents of a picture.
    private struct Figure {
        let name, label, caption: String
        var isLogarithmic = false
        /// The reference that systems must beat, and its value.
        let reference: String
        let value, referenceValue: (CurveRecord) -> Double?

        /// A perplexity is at least 1; gnuplot makes no axis for what is nearly 0.
        func isShown(_ value: Double) -> Bool { value.isFinite && (!isLogarithmic || value > 1e-100) }
    }

    private struct Point {
        let curve: CurveRecord
        let value: Double

        var seconds: Double { curve.seconds }
    }

    /// `nil` if no point has the value.
    private func plot(_ figure: Figure) -> Plot? {
        let points = section.curves.compactMap { curve in figure.value(curve).map { Point(curve: curve, value: $0) } }
            .filter { $0.seconds.isFinite && figure.isShown($0.value) }
        let curves = points.map(\.curve)
        guard !points.isEmpty else { return nil }
        let hours = (points.map(\.seconds).max() ?? 0) > 7200
        let unit = hours ? 3600.0 : 1
        var lines: [LineChart.Line] = []
        var rows: [[String]] = []
        for system in distinct(curves.map(\.system)) {
            let own = points.filter { $0.curve.system == system }
            let seeds = distinct(own.map(\.curve.seed)).map { seed in
                own.filter { $0.curve.seed == seed }.sorted { $0.seconds < $1.seconds }
            }
            let mean = Self.mean(seeds)
            for (number, seed) in seeds.enumerated() {
                let line = seed.map { [$0.seconds / unit, $0.value] }
                // Seeds without a place in common have no mean: each is a line then.
                let isAlone = seeds.count == 1 || mean.isEmpty
                lines.append(
                    LineChart.Line(
                        style: styles[system], name: isAlone && number == 0 ? system : nil, points: line, isThin: !isAlone))
                rows += seed.map { [system, $0.curve.seed.map { "\($0)" } ?? "", "\($0.seconds)", "\($0.value)"] }
            }
            if seeds.count > 1 && !mean.isEmpty {
                lines.append(
                    LineChart.Line(style: styles[system], name: system, points: mean.map { [$0.seconds / unit, $0.value] }))
                rows += mean.map { [system, "mean", "\($0.seconds)", "\($0.value)"] }
            }
        }
        let references = references(figure, curves)
        let end = points.map(\.seconds).max() ?? 0
        for reference in references {
            lines.append(
                LineChart.Line(
                    style: SystemStyles.reference, name: reference.name,
                    points: [[0, reference.value], [end / unit, reference.value]], isThin: true))
            rows += [0, end].map { [reference.name, "", "\($0)", "\(reference.value)"] }
        }
        let chart = LineChart(
            title: "",
            x: Axis("\(hours ? "hours" : "seconds") of training", points.map { $0.seconds / unit }, logarithmic: false),
            y: Axis(figure.label, points.map(\.value) + references.map(\.value), logarithmic: figure.isLogarithmic), lines: lines)
        let hasSeeds = lines.dropLast(references.count).contains(where: \.isThin)
        let sizes = Self.sizes(curves)
        return Plot(
            family: .curves, section: section.number, name: "\(section.number)-curves-\(figure.name)",
            caption: "\(figure.caption), by the time of training"
                + (hasSeeds ? "; means over the seeds, and a thin line for each seed" : "")
                + (references.isEmpty ? "" : "; dashed: the \(figure.reference)") + "; held-out text: \(sizes).",
            height: chart.height, commands: chart.commands, columns: ["system", "seed", "seconds", "value"], rows: rows)
    }

    /// Returns the lines that the systems must beat: one, or one for each unigram model that they were measured beside.
    private func references(_ figure: Figure, _ curves: [CurveRecord]) -> [(name: String, value: Double)] {
        let values = curves.compactMap { curve in
            figure.referenceValue(curve).flatMap { value in
                figure.isShown(value) ? (BudgetedSystem(curve.system, nil), ReferenceScores(loss: value)) : nil
            }
        }
        return References(values).rows.compactMap { row in
            row.scores.loss.map { (row.owners.map { "\(figure.reference) \($0)" } ?? figure.reference, $0) }
        }
    }

    /// Returns the numbers of positions and seeds behind the systems' lines.
    private static func sizes(_ curves: [CurveRecord]) -> String {
        let sizes = distinct(curves.map(\.system)).map { system in
            let own = curves.filter { $0.system == system }
            return SampleSize(positions: own.compactMap(\.positions).min(), seeds: distinct(own.map(\.seed)).count).text
        }
        return distinct(sizes).joined(separator: "; or ")
    }

    /// Returns the means of seconds and values at the places (words trained on) that all seeds have.
    private static func mean(_ seeds: [[Point]]) -> [(seconds: Double, value: Double)] {
        let places = distinct(seeds.flatMap { $0.compactMap(\.curve.words) }).filter { words in
            seeds.allSatisfy { seed in seed.contains { $0.curve.words == words } }
        }
        return places.sorted().map { words in
            let there = seeds.compactMap { seed in seed.last { $0.curve.words == words } }
            let count = Double(there.count)
            return (there.map(\.seconds).reduce(0, +) / count, there.map(\.value).reduce(0, +) / count)
        }
    }
}

/// Scores of classifiers on vectors: for each task a row of points for each system, with the spread over the seeds.
struct ProbePlot {
    let section: QualitySection
    let styles: SystemStyles

    /// `nil` if there are no scores.
    var plot: Plot? {
        let probes = section.probes.filter { $0.value.isFinite }
        guard !probes.isEmpty else { return nil }
        let tasks = distinct(probes.map { ProbeTask($0) })
        let systems = distinct(probes.map { BudgetedSystem($0.system, $0.budget) })
        var labels: [String] = [], rows: [[String]] = []
        var medians: [Int: [[Double]]] = [:], all: [Int: [[Double]]] = [:]
        var y = 12.0
        for task in tasks {
            labels.append("set label \(Plot.quoted(task.title.shortened(to: 56))) at graph 0, first \(y + 8) left front")
            y += 26
            for (number, system) in systems.enumerated() {
                let values = section.probes(of: system).filter { ProbeTask($0) == task && $0.value.isFinite }.map(\.value)
                guard !values.isEmpty else { continue }
                let spread = Spread(values)
                medians[number, default: []].append([spread.median, y, spread.lowest, spread.highest])
                all[number, default: []] += values.map { [$0, y] }
                rows.append(
                    [task.title, system.name, system.budget ?? "", "\(spread.median)", "\(spread.lowest)", "\(spread.highest)"])
                y += 16
            }
            y += 4
        }
        let legend = systems.indices.filter { medians[$0] != nil }
        let height = y + 54 + 20 * Double(legend.count) + 22, width = Double(Plot.width)
        var commands = [
            "set lmargin at screen \(20 / width)", "set rmargin at screen \(1 - 26 / width)", "set tmargin at screen 1",
            "set bmargin at screen \(1 - y / height)", "set grid x lt 1 lw 0.5 lc rgb '#dddddd'", "set border 1",
            "set key at screen 0.03, screen \(1 - (y + 54) / height) left top vertical maxrows \(legend.count) Left reverse"
                + " samplen 1.5 spacing 1.15",
        ]
        commands += Axis("score", probes.map(\.value), logarithmic: false, fromZero: false).commands("x")
        commands += ["set yrange [\(y):0]", "unset ytics", "unset ylabel", "set xlabel offset 0, 0.4"] + labels
        var plots: [String] = []
        for number in legend {
            let style = styles[systems[number].name], colour = "lc rgb '\(style.colour)'"
            // The shape says what the systems had as much of.
            let point = systems[number].budget == "time" ? 9 : 7
            commands.append(Plot.dataBlock("all\(number)", all[number] ?? []))
            commands.append(Plot.dataBlock("medians\(number)", medians[number] ?? []))
            plots.append("$all\(number) using 1:2 with points pt 6 ps 0.35 \(colour) notitle")
            plots.append("$medians\(number) using 1:2:3:4 with xerrorbars lw 1.5 pt \(point) ps 0.8 \(colour) notitle")
            // A row of its own for the legend, without the bar.
            let title = Plot.quoted(systems[number].title.shortened(to: 52))
            plots.append("NaN with points pt \(point) ps 0.8 \(colour) title \(title)")
        }
        commands.append("plot \(plots.joined(separator: ", "))")
        let sizes = distinct(systems.map { system in
            ProbeTable.size(section.probes(of: system).filter(\.value.isFinite)).text
        }).joined(separator: "; or ")
        return Plot(
            family: .probes, section: section.number, name: "\(section.number)-probes",
            caption: "Scores of classifiers on the vectors: medians, with bars from the lowest to the highest over the seeds; \(sizes).",
            height: Int(height), commands: commands,
            columns: ["task", "system", "budget", "median", "lowest", "highest"], rows: rows)
    }
}
