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
        func values(_ task: ProbeTask, _ system: BudgetedSystem) -> [Double] {
            probes.filter { ProbeTask($0) == task && BudgetedSystem($0.system, $0.budget) == system }.map(\.value)
        }
        var labels: [String] = [], rows: [[String]] = []
        var medians: [Int: [[Double]]] = [:], all: [Int: [[Double]]] = [:]
        var y = 12.0
        for task in tasks {
            labels.append("set label \(Plot.quoted(task.title.shortened(to: 56))) at graph 0, first \(y + 8) left front")
            y += 26
            for (number, system) in systems.enumerated() {
                let values = values(task, system)
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
            ProbeTable.size(probes.filter { BudgetedSystem($0.system, $0.budget) == system }).text
        }).joined(separator: "; or ")
        return Plot(
            family: .probes, section: section.number, name: "\(section.number)-probes",
            caption: "Scores of classifiers on the vectors: medians, with bars from the lowest to the highest over the seeds; \(sizes).",
            height: Int(height), commands: commands,
            columns: ["task", "system", "budget", "median", "lowest", "highest"], rows: rows)
    }
}

/// What a classifier learns, and how it is scored.
struct ProbeTask: Hashable {
    let task, measure: String

    init(_ probe: ProbeRecord) { (task, measure) = (probe.task, probe.measure) }

    var title: String { "\(task), \(measure)" }
}

/// A system, and what it had as much of as the others: `words`, `time`, or nothing of the kind.
struct BudgetedSystem: Hashable {
    let name: String
    let budget: String?

    init(_ name: String, _ budget: String?) { (self.name, self.budget) = (name, budget) }

    var budgetText: String? {
        switch budget {
        case "words": "the same words"
        case "time": "the same time"
        default: budget
        }
    }

    var title: String { budgetText.map { "\(name), \($0)" } ?? name }
}
