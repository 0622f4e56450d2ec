extension SpeedResults {
    /// Returns pictures of time, memory and speed, over the size of the vocabulary, and over that of the encoder. Costs are separate
    /// bars.
    func plots(_ number: Int, _ styles: SystemStyles) -> [Plot] {
        if kind == "costs" { return [] }
        /// Returns a picture with a line for each system, or `nil` if there are no values.
        /// - `name`: the part of the files' names that differs between the pictures of a section.
        func plot(
            _ name: String..., title: String = "", x: ([Place]) -> Axis, _ label: String, column: String, caption: String, _ places: [Place?]
        ) -> Plot? {
            let places = places.compactMap { $0 }.filter(\.isFinite)
            guard !places.isEmpty else { return nil }
            return Plot(
                name: "\(number)-\(name.filter { !$0.isEmpty }.joined(separator: "-"))", caption: caption, title: title, x: x(places),
                y: Axis(label, places.flatMap { [$0.value.lowest, $0.value.highest] }),
                distinct(places.map(\.system)).map { system in
                    let points = places.filter { $0.system == system }.sorted { $0.x < $1.x }
                    return PlotLine(
                        style: styles[system], name: system,
                        points: points.map { [$0.x, $0.value.median, $0.value.lowest, $0.value.highest] },
                        hasRange: points.contains { $0.value.lowest < $0.value.highest })
                },
                columns: ["system", column, "median", "lowest", "highest"], rows: places.map(\.row))
        }
        if kind == "encoders" {
            let encoders = encoders
            return [
                plot(
                    "encoders", "0", x: { _ in Axis("encoder", names: encoders) }, "seconds for a million words", column: "encoder",
                    caption: "Time to train on a million words with each encoder and output layer.",
                    systems.map { system in
                        encoders.firstIndex(of: system.encoderName).flatMap {
                            Place(system, x: Double($0 + 1), encoders[$0], system.millionWordsSeconds)
                        }
                    }),
            ].compactMap { $0 }
        }
        let byVocabulary = encoders.enumerated().flatMap { place, encoder in
            let own = systems.filter { $0.encoderName == encoder && $0.vocabulary ?? 0 > 0 }, title = encoderTitle(encoder)
            let end = title.isEmpty ? "." : "; encoder \(title)."
            func against(_ family: String, _ label: String, _ caption: String, _ value: (SystemRecord) -> Spread?) -> Plot? {
                plot(
                    family, "\(place)", String(encoder.slug.prefix(40)), title: title,
                    x: { Axis("vocabulary, words", places: $0.map(\.x)) }, label, column: "vocabulary", caption: caption + end,
                    own.map { system in system.vocabulary.flatMap { Place(system, x: Double($0), "\($0)", value(system)) } })
            }
            return [
                against(
                    "time", "seconds for a million words",
                    "Time to train on a million words, by the size of the vocabulary: medians, with bars from the lowest to the highest",
                    \.millionWordsSeconds),
                against(
                    "memory", "peak memory, GB", "The most memory that training held, by the size of the vocabulary"
                ) { $0.peakMemory.map { Spread([Double($0) / 1e9]) } },
            ]
        }
        let byEncoder = distinct(systems.map(\.vocabulary)).map { vocabulary in
            let own = systems.filter { $0.vocabulary == vocabulary && $0.cell != nil && $0.wordsPerSecond.map(Place.isFinite) ?? false }
            // The order is by cells, then by projections, then by directions.
            func size(_ system: SystemRecord) -> [Int] { [system.cell ?? 0, system.projection ?? 0, system.directions ?? 2] }
            let sizes = distinct(own.map(size)).sorted { $0.lexicographicallyPrecedes($1) }
            let texts = sizes.map { "\($0[0])" + ($0[1] > 0 ? "/\($0[1])" : "") + ($0[2] == 1 ? ", 1 dir." : "") }
            let words = vocabulary.map { "vocabulary of \(NumberText.grouped($0))" }
            // A single size makes no line.
            return sizes.count < 2 ? nil : plot(
                "encoders", "\(vocabulary ?? 0)", title: words ?? "",
                x: { _ in Axis("cell/projection of the encoder", names: texts) }, "words/s", column: "encoder",
                caption: "Speed of training by the size of the encoder\(words.map { ", \($0)" } ?? "").",
                own.map { system in
                    sizes.firstIndex(of: size(system)).flatMap { Place(system, x: Double($0 + 1), texts[$0], system.wordsPerSecond) }
                })
        }
        return (byVocabulary + byEncoder).compactMap { $0 }
    }
}

/// A point of a picture.
private struct Place {
    let system: String
    let x: Double
    /// The text of x in the table.
    let xText: String
    let value: Spread

    init?(_ system: SystemRecord, x: Double, _ xText: String, _ value: Spread?) {
        guard let value else { return nil }
        (self.system, self.x, self.xText, self.value) = (system.name, x, xText, value)
    }

    var isFinite: Bool { Self.isFinite(value) }

    static func isFinite(_ value: Spread) -> Bool { value.lowest.isFinite && value.median.isFinite && value.highest.isFinite }

    var row: [String] { [system, xText, "\(value.median)", "\(value.lowest)", "\(value.highest)"] }
}
