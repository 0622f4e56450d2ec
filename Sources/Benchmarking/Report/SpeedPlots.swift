/// Pictures of time, memory and speed: against the size of the vocabulary, and against that of the encoder.
struct SpeedPlots {
    let section: SpeedSection
    let styles: SystemStyles

    var plots: [Plot] {
        // Costs are bars of their own.
        guard section.kind != "costs" else { return [] }
        let pairs = section.encoders.enumerated().flatMap { [time($1, $0), memory($1, $0)] }
        return pairs.compactMap { $0 } + distinct(section.systems.map(\.vocabulary)).compactMap(encoders)
    }

    private func time(_ encoder: String, _ number: Int) -> Plot? {
        againstVocabulary(
            .time, encoder, number, "seconds for a million words",
            "Time to train on a million words, by the size of the vocabulary: medians, with bars from the lowest to the highest"
        ) { $0.millionWordsSeconds }
    }

    private func memory(_ encoder: String, _ number: Int) -> Plot? {
        againstVocabulary(
            .memory, encoder, number, "peak memory, GB", "The most memory that training held, by the size of the vocabulary"
        ) { $0.peakMemory.map { Spread([Double($0) / 1e9]) } }
    }

    /// One line for each system with the encoder; `nil` if there are no values.
    private func againstVocabulary(
        _ family: Plot.Family, _ encoder: String, _ number: Int, _ label: String, _ caption: String,
        value: (SystemRecord) -> Spread?
    ) -> Plot? {
        let places = section.systems.filter { $0.encoderName == encoder }.compactMap { system in
            system.vocabulary.flatMap { words in value(system).map { Place(system.name, Double(words), "\(words)", $0) } }
        }.filter { $0.x > 0 && $0.isFinite }
        guard !places.isEmpty else { return nil }
        let title = section.encoderTitle(encoder)
        let chart = chart(title, Axis("vocabulary, words", places: places.map(\.x)), label, places)
        return Plot(
            family: family, section: section.number, name: name("\(family)", number, encoder),
            caption: caption + (title.isEmpty ? "." : "; encoder \(title)."), height: chart.height, commands: chart.commands,
            columns: ["system", "vocabulary", "median", "lowest", "highest"], rows: places.map(\.row))
    }

    /// Words a second against the encoder's size at one size of the vocabulary; `nil` if there is only one encoder.
    private func encoders(vocabulary: Int?) -> Plot? {
        let systems = section.systems.filter { $0.vocabulary == vocabulary && $0.cell != nil && $0.wordsPerSecond != nil }
        let sizes = distinct(systems.map { Size($0) }).sorted()
        let places = systems.compactMap { system in
            zip(sizes.firstIndex(of: Size(system)), system.wordsPerSecond).map { index, speed in
                Place(system.name, Double(index + 1), sizes[index].text, speed)
            }
        }.filter(\.isFinite)
        guard distinct(places.map(\.x)).count > 1 else { return nil }
        let words = vocabulary.map { "vocabulary of \(NumberText.grouped($0))" }
        let chart = chart(words ?? "", Axis("cell/projection of the encoder", names: sizes.map(\.text)), "words/s", places)
        return Plot(
            family: .encoders, section: section.number, name: name("encoders", vocabulary ?? 0, ""),
            caption: "Speed of training by the size of the encoder\(words.map { ", \($0)" } ?? "").",
            height: chart.height, commands: chart.commands,
            columns: ["system", "encoder", "median", "lowest", "highest"], rows: places.map(\.row))
    }

    private func chart(_ title: String, _ x: Axis, _ label: String, _ places: [Place]) -> LineChart {
        LineChart(
            title: title, x: x, y: Axis(label, places.flatMap { [$0.value.lowest, $0.value.highest] }),
            lines: distinct(places.map(\.system)).map { system in
                let points = places.filter { $0.system == system }.sorted { $0.x < $1.x }
                return LineChart.Line(
                    style: styles[system], name: system,
                    points: points.map { [$0.x, $0.value.median, $0.value.lowest, $0.value.highest] },
                    hasRange: points.contains { $0.value.lowest < $0.value.highest })
            })
    }

    private func name(_ family: String, _ number: Int, _ text: String) -> String {
        let slug = String(text.slug.prefix(40))
        return ["\(section.number)-\(family)", "\(number)", slug].filter { !$0.isEmpty }.joined(separator: "-")
    }
}

/// A point of a picture.
private struct Place {
    let system: String
    let x: Double
    /// For the table.
    let xText: String
    let value: Spread

    init(_ system: String, _ x: Double, _ xText: String, _ value: Spread) {
        (self.system, self.x, self.xText, self.value) = (system, x, xText, value)
    }

    var isFinite: Bool { value.lowest.isFinite && value.median.isFinite && value.highest.isFinite }

    var row: [String] { [system, xText, "\(value.median)", "\(value.lowest)", "\(value.highest)"] }
}

/// How large an encoder is, in the order of cells, then of projections, then of directions.
private struct Size: Hashable, Comparable {
    let cell, projection, directions: Int

    init(_ system: SystemRecord) {
        (cell, projection, directions) = (system.cell ?? 0, system.projection ?? 0, system.directions ?? 2)
    }

    var text: String { "\(cell)" + (projection > 0 ? "/\(projection)" : "") + (directions == 1 ? ", 1 dir." : "") }

    static func < (a: Size, b: Size) -> Bool { (a.cell, a.projection, a.directions) < (b.cell, b.projection, b.directions) }
}

/// Both, or nothing.
private func zip<First, Second>(_ first: First?, _ second: Second?) -> (First, Second)? {
    guard let first, let second else { return nil }
    return (first, second)
}
