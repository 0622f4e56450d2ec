/// Systems that one benchmark measured by turns in one run. Only such systems are compared with each other.
struct SpeedResults {
    /// The name of the benchmark: output-layers, encoders, costs, compare, or another name in a record.
    let kind: String
    let systems: [SystemRecord]
    let ratios: [RatioRecord]
    let leftOut: [LeftOutRecord]

    /// The systems of a table, and their comparison.
    struct Group {
        /// The encoder and the vocabulary; may be empty.
        let title: String
        let systems: [SystemRecord]
        let ratios: [RatioRecord]
    }

    func section(_ number: Int, _ run: ReportRun, _ styles: SystemStyles) -> ReportSection {
        let tables = groups.filter { !$0.systems.isEmpty || !$0.ratios.isEmpty }.map { table($0, styles) }
        let reasons = leftOut.map { record in
            ReportPart.Item(
                head: ReportTable.Head(text: record.name, colour: styles[record.name].colour),
                text: "\(record.place.isEmpty ? "" : ", \(record.place)"): \(record.reason)",
                line: "\([record.name, record.place].filter { !$0.isEmpty }.joined(separator: ", ")) left out: \(record.reason)")
        }
        var parts = [
            ReportPart(plots: plots(number, styles)),
            ReportPart(remark: tables.isEmpty ? "No system was measured." : nil, tables: tables),
        ]
        if !reasons.isEmpty { parts.append(ReportPart(heading: "Left out", items: reasons)) }
        if let costs = CostPart(groups: groups).part(number, styles) { parts.append(costs) }
        return ReportSection(number: number, kind: .speeds, title: title, runs: [run], parts: parts)
    }

    private var title: String {
        switch kind {
        case "output-layers": "Output layers and vocabularies"
        case "encoders": "Encoders and output layers"
        case "costs": "Where the time goes"
        case "compare": "Systems side by side"
        default: kind.isEmpty ? "Systems" : kind.printable
        }
    }

    /// The encoders in the order of their first records, by the names that the records of one encoder have in common.
    var encoders: [String] { distinct(systems.map(\.encoderName) + ratios.map { $0.encoder ?? "" }) }

    /// Returns the name and the size of the encoder with a name.
    func encoderTitle(_ encoder: String) -> String {
        let sizes = distinct(systems.filter { $0.encoderName == encoder }.compactMap(\.sizeText))
        guard sizes.count == 1, let size = sizes.first, size != encoder else { return encoder.printable }
        return encoder.isEmpty ? size : "\(encoder.printable) (\(size))"
    }

    /// The tables: one for each encoder and vocabulary; a comparison by the user's own options is one table.
    private var groups: [Group] {
        guard kind != "compare" && kind != "costs" else { return [Group(title: "", systems: systems, ratios: ratios)] }
        struct Key: Hashable {
            let encoder: String
            let vocabulary: Int?
        }
        let keys = distinct(
            systems.map { Key(encoder: $0.encoderName, vocabulary: $0.vocabulary) }
                + ratios.map { Key(encoder: $0.encoder ?? "", vocabulary: $0.vocabulary) })
        return keys.map { key in
            let encoder = encoderTitle(key.encoder)
            return Group(
                title: listOfPlaces(encoder.isEmpty ? nil : encoder, key.vocabulary),
                systems: systems.filter { $0.encoderName == key.encoder && $0.vocabulary == key.vocabulary },
                ratios: ratios.filter { ($0.encoder ?? "") == key.encoder && $0.vocabulary == key.vocabulary })
        }
    }

    private func table(_ group: Group, _ styles: SystemStyles) -> ReportTable {
        struct Reference: Hashable {
            let quantity, to: String
        }
        let isOnDevice = group.systems.contains { $0.device != nil }
        let references = distinct(group.ratios.map { Reference(quantity: $0.quantity, to: $0.to) })
        var table = ReportTable(
            conditions(group), "system",
            ["vocabulary", "words/s", "seconds for a million words"]
                + references.map { "\($0.quantity), in multiples of \($0.to.shortened(to: 40))’s" }
                + ["encoder", "parameters", "optimiser’s state",
                   isOnDevice ? "GPU memory" : "peak memory", "gradients", "largest batch", "joules for a million words"],
            title: group.title.prefix(1).uppercased() + group.title.dropFirst())
        let isMixed = distinct(group.systems.map(\.encoderName)).count > 1
        // An interrupted run may have compared systems that it did not summarise any more.
        let compared = distinct(group.ratios.map(\.of)).filter { name in !group.systems.contains { $0.name == name } }
        for (name, system) in group.systems.map({ ($0.name, $0 as SystemRecord?) }) + compared.map({ ($0, nil) }) {
            let ratios = references.map { reference in
                name == reference.to
                    ? ReportTable.Cell("1", "the reference")
                    : ReportTable.Cell(
                        group.ratios.last { $0.of == name && $0.to == reference.to && $0.quantity == reference.quantity })
            }
            var joules = ReportTable.Cell(system?.joulesPerMillionWords.map(NumberText.rounded))
            if system != nil && joules.value == nil {
                joules = ReportTable.Cell("not measurable here")
                joules.isRemark = true
            }
            table.append(
                ReportTable.Head(text: name, details: system?.details, colour: styles[name].colour),
                [
                    ReportTable.Cell(system?.vocabularyText),
                    ReportTable.Cell(system?.wordsPerSecond, NumberText.rounded),
                    ReportTable.Cell(system?.millionWordsSeconds, NumberText.rounded),
                ] + ratios + [
                    ReportTable.Cell(isMixed ? system?.encoderName : nil, system?.encoder == nil ? nil : system?.sizeText),
                    ReportTable.Cell(system?.parameters.map(NumberText.grouped)),
                    ReportTable.Cell(system?.optimizerBytes.map(NumberText.bytes)),
                    ReportTable.Cell(system?.peakMemory.map(NumberText.bytes)),
                    ReportTable.Cell(system?.gradientBytes.map(NumberText.bytes)),
                    ReportTable.Cell(
                        system?.largestBatch.map(NumberText.grouped), system?.memoryGiven.map { "in \(NumberText.bytes($0))" }),
                    joules,
                ])
        }
        table.footnotes = [DifferencesRecord(group.systems)?.text].compactMap { $0 }
        return table
    }

    /// Returns the settings that the systems of a table share, or the distinct values of each setting.
    private func conditions(_ group: Group) -> String {
        func values(_ name: String, _ value: (SystemRecord) -> Int?) -> String? {
            let values = distinct(group.systems.compactMap(value))
            return values.isEmpty ? nil : "\(name) \(values.map(NumberText.grouped).joined(separator: " or "))"
        }
        let isFew = group.systems.contains { $0.rounds.map { $0 < SystemsBenchmark.enoughRounds } ?? false }
        // Ratios may come from only some of the rounds.
        let paired = distinct(group.ratios.compactMap(\.rounds))
        let isOther = !paired.isEmpty && paired != distinct(group.systems.compactMap(\.rounds))
        return [
            values("batch", \.batch), values("window", \.window), values("threads", \.threads),
            values("rounds", \.rounds).map { $0 + (isFew ? " (few)" : "") },
            isOther ? "ratios of the quieter \(paired.map(NumberText.grouped).joined(separator: " or "))" : nil,
        ].compactMap { $0 }.joined(separator: ", ")
    }
}

/// Returns `encoder small, vocabulary of 10,000`, as far as these are known.
private func listOfPlaces(_ encoder: String?, _ vocabulary: Int?) -> String {
    [encoder.map { "encoder \($0)" }, vocabulary.map { "vocabulary of \(NumberText.grouped($0))" }].compactMap { $0 }
        .joined(separator: ", ")
}

extension ReportRun {
    /// The benchmarks among the runs whose results are speeds and memory.
    var speeds: [SpeedResults] {
        distinct(systems.map { $0.run ?? "" } + ratios.map { $0.run ?? "" } + leftOut.map { $0.run ?? "" }).map { kind in
            SpeedResults(
                kind: kind, systems: systems.filter { ($0.run ?? "") == kind }, ratios: ratios.filter { ($0.run ?? "") == kind },
                leftOut: leftOut.filter { ($0.run ?? "") == kind })
        }
    }

    /// Returns the section on the time of evaluations.
    func evaluationSection(_ number: Int) -> ReportSection {
        var table = ReportTable(
            "seconds of scoring held-out text, and of its matrix products at the machine’s ceiling", "scored",
            ["evaluation, seconds", "its products at the ceiling, seconds", "ratio", "large products, GFLOP/s", "threads", "runs"])
        for record in evaluations {
            table.append(
                ReportTable.Head(
                    text: "\(NumberText.grouped(record.positions)) positions",
                    details: record.candidates.map { "ranked among \(NumberText.grouped($0)) words" }),
                [record.seconds, record.products, record.ratio, record.ceiling].map { ReportTable.Cell($0, NumberText.rounded) }
                    + [record.threads, record.rounds].map { ReportTable.Cell($0.map(NumberText.grouped)) })
        }
        return ReportSection(
            number: number, kind: .evaluations, title: "Evaluations", runs: [self], parts: [ReportPart(tables: [table])])
    }
}

extension ReportTable.Cell {
    /// Makes a cell with a ratio and the interval of its median or, if there is none, its range.
    fileprivate init(_ record: RatioRecord?) {
        func text(_ number: Double) -> String { NumberText.fixed(number, number >= 100 ? 0 : 2) }
        guard let record else {
            self.init(nil)
            return
        }
        let confidence = record.confidence.map { "\(NumberText.short(100 * $0))%: " } ?? ""
        let bounds = record.low.flatMap { low in record.high.map { "\(confidence)\(text(low)) to \(text($0))" } }
        self.init(text(record.ratio.median), bounds ?? "range \(text(record.ratio.lowest)) to \(text(record.ratio.highest))")
    }
}

extension LeftOutRecord {
    /// The encoder and the vocabulary with which the system would have been measured.
    fileprivate var place: String { listOfPlaces(encoder, vocabulary) }
}

extension SystemRecord {
    /// The name that the records of one encoder have in common or, if there is none, the encoder's size.
    var encoderName: String { encoder ?? sizeText ?? "" }

    /// The cell and the projection: `4096/512`, or `4096/512, 1 direction`; `nil` if the size is not given.
    var sizeText: String? {
        cell.map { "\($0)\(projection.map { "/\($0)" } ?? "")\(directions == 1 ? ", 1 direction" : "")" }
    }

    /// The input and output layers, and the options.
    fileprivate var details: String? {
        let parts = [
            input.map { "\($0) in" }, output.map { "\($0) out" }, optimizer, options == name ? nil : options,
        ].compactMap { $0 }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }
}

/// The fractions of each system's time for the parts of a step, as stacked bars and in tables.
private struct CostPart {
    /// The groups with costs.
    private let groups: [SpeedResults.Group]
    /// The names of the costs, in the order of bars and columns.
    private let names: [String]

    /// The order of the parts; others come before the last one.
    private static let order = ["input", "recurrence", "projection", "output", "optimiser", "data"]
    /// Light colours of Tol, on which black letters are readable, different from those of systems.
    private static let colours = ["#77aadd", "#ee8866", "#eedd88", "#44bb99", "#ffaabb", "#bbcc33", "#99ddff", "#aaaa00"]
    private static let last = "other"

    init(groups: [SpeedResults.Group]) {
        let found = Set(groups.flatMap { $0.systems.flatMap { ($0.costs ?? [:]).keys } })
        let names = Self.order.filter(found.contains) + found.subtracting(Self.order + [Self.last]).sorted()
            + [Self.last].filter(found.contains)
        self.names = names
        self.groups = groups.map { group in
            SpeedResults.Group(
                title: group.title, systems: group.systems.filter { Self.shares($0, names).contains { $0 > 0 } }, ratios: [])
        }.filter { !$0.systems.isEmpty }
    }

    /// Returns the fractions of a system's parts in their sum.
    private static func shares(_ system: SystemRecord, _ names: [String]) -> [Double] {
        let costs = names.map { max(0, system.costs?[$0] ?? 0) }.map { $0.isFinite ? $0 : 0 }
        let sum = costs.reduce(0, +)
        return costs.map { sum > 0 ? $0 / sum : 0 }
    }

    /// Returns the picture and the tables, or `nil` if no system has costs.
    func part(_ number: Int, _ styles: SystemStyles) -> ReportPart? {
        guard !groups.isEmpty else { return nil }
        let tables = groups.map { group in
            var table = ReportTable(
                [group.title, "seconds for a million words below"].filter { !$0.isEmpty }.joined(separator: "; "), "system", names)
            for system in group.systems {
                table.append(
                    ReportTable.Head(text: system.name, colour: styles[system.name].colour),
                    Self.shares(system, names).map { share in
                        ReportTable.Cell(
                            NumberText.percent(share),
                            system.millionWordsSeconds.map { "\(NumberText.rounded(share * $0.median)) s" })
                    })
            }
            return table
        }
        return ReportPart(heading: "What the time goes to", tables: tables, plots: [plot(number)], isBeside: true)
    }

    private func plot(_ number: Int) -> Plot {
        let colours = names.enumerated().map { $1 == Self.last ? "#cccccc" : Self.colours[$0 % Self.colours.count] }
        let top = (names.count + 3) / 4 * 22 + 14, titles = groups.count { !$0.title.isEmpty }
        return Plot(
            "bars", name: "\(number)-costs", caption: "What the time of a training step goes to.",
            height: top + 28 * titles + 46 * groups.reduce(0) { $0 + $1.systems.count } + 46, columns: ["group", "system"] + names,
            rows: groups.flatMap { group in
                group.systems.map { [group.title, $0.name] + Self.shares($0, names).map { "\($0)" } }
            },
            [
                "top": top,
                "parts": names.indices.map { ["number": $0, "name": names[$0].shortened(to: 13), "colour": colours[$0]] as Templates.Values },
                "groups": groups.map { group in
                    Templates.present([
                        "title": group.title.isEmpty ? nil : group.title.shortened(to: 58),
                        "bars": group.systems.map { system in
                            ["name": system.name.shortened(to: 58), "boxes": boxes(system, colours)] as Templates.Values
                        },
                    ])
                },
            ])
    }

    private func boxes(_ system: SystemRecord, _ colours: [String]) -> [Templates.Values] {
        var end = 0.0
        return zip(Self.shares(system, names), colours).filter { $0.0 > 0 }.map { share, colour in
            let start = end
            end += 100 * share
            return Templates.present([
                "start": start, "end": end, "colour": colour,
                "label": share >= 0.075 ? "\(NumberText.fixed(100 * share, 0))%" : nil,
            ])
        }
    }
}
