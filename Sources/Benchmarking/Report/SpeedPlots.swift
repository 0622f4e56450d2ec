/// Pictures of time, memory and speed: against the size of the vocabulary, and against that of the encoder.
struct SpeedPlots {
    let section: SpeedSection
    let styles: SystemStyles

    var plots: [Plot] {
        // Costs are bars of their own.
        guard section.kind != "costs" else { return [] }
        if section.kind == "encoders" { return [timeByEncoder].compactMap { $0 } }
        let pairs = section.encoders.enumerated().flatMap { number, encoder in
            [
                againstVocabulary(
                    .time, encoder, number, "seconds for a million words",
                    "Time to train on a million words, by the size of the vocabulary: medians, with bars from the lowest to the "
                        + "highest", value: \.millionWordsSeconds),
                againstVocabulary(
                    .memory, encoder, number, "peak memory, GB", "The most memory that training held, by the size of the vocabulary"
                ) { $0.peakMemory.map { Spread([Double($0) / 1e9]) } },
            ]
        }
        return (pairs + distinct(section.systems.map(\.vocabulary)).map(encoders)).compactMap { $0 }
    }

    /// A picture of the time for a million words with each encoder, a line for each output layer; `nil` if there are no values.
    private var timeByEncoder: Plot? {
        let encoders = section.encoders
        let places = section.systems.compactMap { system -> Place? in
            guard let index = encoders.firstIndex(of: system.encoderName), let time = system.millionWordsSeconds else { return nil }
            return Place(system: system.name, x: Double(index + 1), xText: encoders[index], value: time)
        }.filter(\.isFinite)
        guard !places.isEmpty else { return nil }
        return plot(
            .encoders, 0, "", "", Axis("encoder", names: encoders), "seconds for a million words", places, column: "encoder",
            caption: "Time to train on a million words with each encoder and output layer.")
    }

    /// Returns a picture with a line for each system with the encoder; `nil` if there are no values.
    private func againstVocabulary(
        _ family: Plot.Family, _ encoder: String, _ number: Int, _ label: String, _ caption: String,
        value: (SystemRecord) -> Spread?
    ) -> Plot? {
        let places = section.systems.filter { $0.encoderName == encoder }.compactMap { system in
            system.vocabulary.flatMap { words in
                value(system).map { Place(system: system.name, x: Double(words), xText: "\(words)", value: $0) }
            }
        }.filter { $0.x > 0 && $0.isFinite }
        guard !places.isEmpty else { return nil }
        let title = section.encoderTitle(encoder)
        return plot(
            family, number, encoder, title, Axis("vocabulary, words", places: places.map(\.x)), label, places,
            column: "vocabulary", caption: caption + (title.isEmpty ? "." : "; encoder \(title)."))
    }

    /// Returns a picture of words a second against the encoder's size at one size of the vocabulary; `nil` if there is only one
    /// encoder.
    private func encoders(vocabulary: Int?) -> Plot? {
        let systems = section.systems.filter { $0.vocabulary == vocabulary && $0.cell != nil && $0.wordsPerSecond != nil }
        let sizes = distinct(systems.map { Size($0) }).sorted()
        let places = systems.compactMap { system -> Place? in
            guard let index = sizes.firstIndex(of: Size(system)), let speed = system.wordsPerSecond else { return nil }
            return Place(system: system.name, x: Double(index + 1), xText: sizes[index].text, value: speed)
        }.filter(\.isFinite)
        guard distinct(places.map(\.x)).count > 1 else { return nil }
        let words = vocabulary.map { "vocabulary of \(NumberText.grouped($0))" }
        return plot(
            .encoders, vocabulary ?? 0, "", words ?? "", Axis("cell/projection of the encoder", names: sizes.map(\.text)),
            "words/s", places, column: "encoder",
            caption: "Speed of training by the size of the encoder\(words.map { ", \($0)" } ?? "").")
    }

    /// - Parameters:
    ///   - number, name: a number and a name that tell this picture's files from others of its family.
    ///   - column: the title of the column of x in the picture's table.
    private func plot(
        _ family: Plot.Family, _ number: Int, _ name: String, _ title: String, _ x: Axis, _ label: String, _ places: [Place],
        column: String, caption: String
    ) -> Plot {
        let chart = LineChart(
            title: title, x: x, y: Axis(label, places.flatMap { [$0.value.lowest, $0.value.highest] }),
            lines: distinct(places.map(\.system)).map { system in
                let points = places.filter { $0.system == system }.sorted { $0.x < $1.x }
                return LineChart.Line(
                    style: styles[system], name: system,
                    points: points.map { [$0.x, $0.value.median, $0.value.lowest, $0.value.highest] },
                    hasRange: points.contains { $0.value.lowest < $0.value.highest })
            })
        let names = ["\(section.number)-\(family)", "\(number)", String(name.slug.prefix(40))]
        return Plot(
            family: family, section: section.number, name: names.filter { !$0.isEmpty }.joined(separator: "-"),
            caption: caption, height: chart.height, commands: chart.commands,
            columns: ["system", column, "median", "lowest", "highest"], rows: places.map(\.row))
    }
}

/// A point of a picture.
private struct Place {
    let system: String
    let x: Double
    /// The text of x in the table.
    let xText: String
    let value: Spread

    var isFinite: Bool { value.lowest.isFinite && value.median.isFinite && value.highest.isFinite }

    var row: [String] { [system, xText, "\(value.median)", "\(value.lowest)", "\(value.highest)"] }
}

/// The size of an encoder, in the order of cells, then of projections, then of directions.
private struct Size: Hashable, Comparable {
    let cell, projection, directions: Int

    init(_ system: SystemRecord) {
        (cell, projection, directions) = (system.cell ?? 0, system.projection ?? 0, system.directions ?? 2)
    }

    var text: String { "\(cell)" + (projection > 0 ? "/\(projection)" : "") + (directions == 1 ? ", 1 dir." : "") }

    static func < (a: Size, b: Size) -> Bool { (a.cell, a.projection, a.directions) < (b.cell, b.projection, b.directions) }
}

/// Stacked bars of the parts of the time of each system's steps.
struct CostPlot {
    let section: SpeedSection

    /// The order of parts; others come before the last.
    private static let order = ["input", "recurrence", "projection", "output", "optimiser", "data"]
    /// Light colours of Tol, on which black letters stand, apart from those of systems.
    private static let colours = ["#77aadd", "#ee8866", "#eedd88", "#44bb99", "#ffaabb", "#bbcc33", "#99ddff", "#aaaa00"]
    private static let last = "other"

    /// The systems with costs, group by group.
    var groups: [(title: String, systems: [SystemRecord])] {
        section.groups.map { ($0.title, $0.systems.filter { shares($0).contains { $0 > 0 } }) }.filter { !$0.1.isEmpty }
    }

    /// The names of the costs of a section, in the order of bars and columns.
    var parts: [String] {
        let names = Set(section.systems.flatMap { ($0.costs ?? [:]).keys })
        let others = names.subtracting(Self.order + [Self.last]).sorted()
        return Self.order.filter(names.contains) + others + [Self.last].filter(names.contains)
    }

    /// Returns the shares of a system's parts in their sum, in the order of `parts`.
    func shares(_ system: SystemRecord) -> [Double] {
        let costs = parts.map { max(0, system.costs?[$0] ?? 0) }.map { $0.isFinite ? $0 : 0 }
        let sum = costs.reduce(0, +)
        return costs.map { sum > 0 ? $0 / sum : 0 }
    }

    func colour(_ part: Int) -> String {
        parts[part] == Self.last ? "#cccccc" : Self.colours[part % Self.colours.count]
    }

    /// `nil` if no system has costs.
    var plot: Plot? {
        let groups = groups
        guard !groups.isEmpty else { return nil }
        var bars = Bars(top: Double((parts.count + 3) / 4) * 22 + 14)
        for group in groups {
            if !group.title.isEmpty { bars.heading(group.title) }
            for system in group.systems { bars.append(system.name, shares(system)) }
        }
        let height = bars.bottom + 46, width = Double(Plot.width)
        var commands = [
            "set lmargin at screen \(Bars.left / width)", "set rmargin at screen \(1 - Bars.left / width)",
            "set tmargin at screen 1", "set bmargin at screen \(46 / height)", "unset key", "unset ytics", "set border 1",
            "set xlabel 'share of the time'", "set xrange [0:100]", "set yrange [\(bars.bottom):0]",
            "set xtics (\(stride(from: 0, through: 100, by: 20).map { "'\($0)%%' \($0)" }.joined(separator: ", ")))",
        ]
        commands += legend + bars.labels
        var plots: [String] = []
        for part in parts.indices {
            commands.append(Plot.dataBlock("part\(part)", bars.boxes[part] ?? [[0, 0, 0, 0]]))
            plots.append(
                "$part\(part) using (($1+$2)/2):(($3+$4)/2):1:2:3:4 with boxxyerror fill solid 1 border rgb '#ffffff'"
                    + " lc rgb '\(colour(part))'")
        }
        commands.append("plot \(plots.joined(separator: ", "))")
        return Plot(
            family: .costs, section: section.number, name: "\(section.number)-costs",
            caption: "What the time of a training step goes to.", height: Int(height), commands: commands,
            columns: ["group", "system"] + parts,
            rows: groups.flatMap { group in
                group.systems.map { [group.title, $0.name] + shares($0).map { "\($0)" } }
            })
    }

    /// A patch and a name for each part, four in a row.
    private var legend: [String] {
        parts.indices.flatMap { part in
            let x = 3 + Double(part % 4) * 25, y = 12 + Double(part / 4) * 22
            return [
                "set object \(part + 1) rectangle from first \(x - 3), \(y - 6) to \(x), \(y + 6)"
                    + " fillcolor rgb '\(colour(part))' fillstyle solid 1 noborder",
                "set label \(Plot.quoted(parts[part].shortened(to: 13))) at first \(x + 1), \(y) left",
            ]
        }
    }
}

/// Bars one below the other with their names above them. Lengths are in percent, heights in pixels from the top.
private struct Bars {
    static let left = 24.0
    private(set) var bottom: Double
    private(set) var labels: [String] = []
    /// Left, right, top and bottom of the boxes of each part.
    private(set) var boxes: [Int: [[Double]]] = [:]

    init(top: Double) { bottom = top }

    mutating func heading(_ text: String) {
        bottom += 8
        label(text, colour: "#666666")
    }

    mutating func append(_ name: String, _ shares: [Double]) {
        label(name, colour: "#000000")
        var start = 0.0
        for (part, share) in shares.enumerated() where share > 0 {
            let end = start + 100 * share
            boxes[part, default: []].append([start, end, bottom, bottom + 20])
            if share >= 0.075 {
                let text = "\(NumberText.fixed(100 * share, 0))%"
                labels.append("set label '\(text)' at first \((start + end) / 2), \(bottom + 10) center front")
            }
            start = end
        }
        bottom += 26
    }

    private mutating func label(_ text: String, colour: String) {
        labels.append(
            "set label \(Plot.quoted(text.shortened(to: 58))) at first 0, \(bottom + 10) left textcolor rgb '\(colour)'")
        bottom += 20
    }
}
