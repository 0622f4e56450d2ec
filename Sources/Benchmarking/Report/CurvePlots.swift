/// Learning curves against the time of training: a line for each system, thin ones for its seeds.
struct CurvePlots {
    let section: QualitySection
    let styles: SystemStyles

    var plots: [Plot] {
        [
            plot("top10", "right word among the first ten, %", "The right word among the first ten", false) {
                $0.top10.map { 100 * $0 }
            },
            plot("perplexity", "perplexity among the candidates", "Perplexity among the candidates", true) {
                $0.candidatePerplexity
            },
        ].compactMap { $0 }
    }

    private struct Point {
        let system: String
        let seed, words: Int?
        let seconds, value: Double
    }

    /// `nil` if no point has the value.
    private func plot(
        _ name: String, _ label: String, _ caption: String, _ logarithmic: Bool, value: (CurveRecord) -> Double?
    ) -> Plot? {
        let points = section.curves.compactMap { curve in
            value(curve).map {
                Point(system: curve.system, seed: curve.seed, words: curve.words, seconds: curve.seconds, value: $0)
            }
        }.filter { $0.seconds.isFinite && $0.value.isFinite && (!logarithmic || $0.value > 0) }
        guard !points.isEmpty else { return nil }
        let hours = (points.map(\.seconds).max() ?? 0) > 7200
        let unit = hours ? 3600.0 : 1
        var lines: [LineChart.Line] = []
        var rows: [[String]] = []
        for system in distinct(points.map(\.system)) {
            let own = points.filter { $0.system == system }
            let seeds = distinct(own.map(\.seed)).map { seed in
                own.filter { $0.seed == seed }.sorted { $0.seconds < $1.seconds }
            }
            let mean = Self.mean(seeds)
            for seed in seeds {
                let line = seed.map { [$0.seconds / unit, $0.value] }
                // Seeds without a place in common have no mean: each is a line then.
                let isAlone = seeds.count == 1 || mean.isEmpty
                lines.append(
                    LineChart.Line(
                        style: styles[system], name: isAlone && seed[0].seed == seeds[0][0].seed ? system : nil, points: line,
                        isThin: !isAlone))
                rows += seed.map { [system, $0.seed.map { "\($0)" } ?? "", "\($0.seconds)", "\($0.value)"] }
            }
            if seeds.count > 1 && !mean.isEmpty {
                lines.append(
                    LineChart.Line(style: styles[system], name: system, points: mean.map { [$0.seconds / unit, $0.value] }))
                rows += mean.map { [system, "mean", "\($0.seconds)", "\($0.value)"] }
            }
        }
        let chart = LineChart(
            title: "",
            x: Axis("\(hours ? "hours" : "seconds") of training", points.map { $0.seconds / unit }, logarithmic: false),
            y: Axis(label, points.map(\.value), logarithmic: logarithmic), lines: lines)
        return Plot(
            family: .curves, section: section.number, name: "\(section.number)-curves-\(name)",
            caption: "\(caption), by the time of training"
                + (lines.contains(where: \.isThin) ? "; means over the seeds, and a thin line for each seed." : "."),
            height: chart.height, commands: chart.commands, columns: ["system", "seed", "seconds", "value"], rows: rows)
    }

    /// Means of seconds and values at the places (words trained on) that all seeds have.
    private static func mean(_ seeds: [[Point]]) -> [(seconds: Double, value: Double)] {
        let places = distinct(seeds.flatMap { $0.compactMap(\.words) }).filter { words in
            seeds.allSatisfy { seed in seed.contains { $0.words == words } }
        }
        return places.sorted().map { words in
            let there = seeds.compactMap { seed in seed.last { $0.words == words } }
            let count = Double(there.count)
            return (there.map(\.seconds).reduce(0, +) / count, there.map(\.value).reduce(0, +) / count)
        }
    }
}
