/// The tables and pictures of one benchmark's speeds, memory and costs.
struct SpeedHTML {
    let section: SpeedSection
    let styles: SystemStyles
    /// Those of this section.
    let pictures: [Picture]

    var html: String {
        let groups = section.groups.filter { !$0.systems.isEmpty || !$0.ratios.isEmpty }
        let tables = groups.isEmpty ? HTML.paragraph("No system was measured.") : groups.map { table($0) }.joined()
        return HTML.figures(pictures.filter { $0.plot.family != .costs }) + tables + leftOut + costs
    }

    private func table(_ group: SystemGroup) -> String {
        let references = distinct(group.ratios.map { Reference(quantity: $0.quantity, to: $0.to) })
        let title = group.title.isEmpty ? "" : "<h3>\(capitalized(group.title).escapedForHTML)</h3>\n"
        var table = HTMLTable(
            conditions(group),
            ["system", "words/s", "seconds for a million words"]
                + references.map { "\($0.quantity), in multiples of \($0.to.shortened(to: 40))’s" }
                + ["encoder", "vocabulary", "parameters", "optimiser’s state", "peak memory", "gradients", "largest batch",
                   "joules for a million words"])
        let measured = Set(group.systems.map(\.name))
        let isMixed = distinct(group.systems.map { "\($0.encoderName) \($0.vocabulary ?? 0)" }).count > 1
        for system in group.systems {
            let ratios = references.map { ratio($0, system.name, group) }
            let sizes = [
                HTMLTable.Cell(isMixed ? system.encoderName : nil, system.encoder == nil ? nil : system.sizeText),
                HTMLTable.Cell(isMixed ? system.vocabulary.map(NumberText.grouped) : nil),
            ]
            let speed = [
                HTMLTable.Cell(system.wordsPerSecond, NumberText.rounded),
                HTMLTable.Cell(system.millionWordsSeconds, NumberText.rounded),
            ]
            let memory = [
                HTMLTable.Cell(system.parameters.map(NumberText.grouped)),
                HTMLTable.Cell(system.optimizerBytes.map(NumberText.bytes)),
                HTMLTable.Cell(system.peakMemory.map(NumberText.bytes)),
                HTMLTable.Cell(system.gradientBytes.map(NumberText.bytes)),
                HTMLTable.Cell(
                    system.largestBatch.map(NumberText.grouped), system.memoryGiven.map { "in \(NumberText.bytes($0))" }),
                HTMLTable.Cell(
                    html: system.joulesPerMillionWords.map(NumberText.rounded)
                        ?? "<span class=\"missing\">not measurable here</span>"),
            ]
            table.append(HTML.system(system.name, styles, details: Self.details(system)), speed + ratios + sizes + memory)
        }
        // A run that was interrupted may have compared what it no longer summed up.
        for name in distinct(group.ratios.map(\.of)) where !measured.contains(name) {
            let none = HTMLTable.Cell(nil)
            table.append(
                HTML.system(name, styles),
                [none, none] + references.map { ratio($0, name, group) } + [HTMLTable.Cell](repeating: none, count: 8))
        }
        return title + table.html
    }

    private struct Reference: Hashable {
        let quantity, to: String
    }

    private func ratio(_ reference: Reference, _ name: String, _ group: SystemGroup) -> HTMLTable.Cell {
        if name == reference.to { return HTMLTable.Cell("1", "the reference") }
        let found = group.ratios.last { $0.of == name && $0.to == reference.to && $0.quantity == reference.quantity }
        guard let found else { return HTMLTable.Cell(nil) }
        func text(_ number: Double) -> String { NumberText.fixed(number, number >= 100 ? 0 : 2) }
        guard let low = found.low, let high = found.high else {
            return HTMLTable.Cell(text(found.ratio.median), "range \(text(found.ratio.lowest)) to \(text(found.ratio.highest))")
        }
        let confidence = found.confidence.map { "\(NumberText.short(100 * $0))%: " } ?? ""
        return HTMLTable.Cell(text(found.ratio.median), "\(confidence)\(text(low)) to \(text(high))")
    }

    /// What the systems of a table have in common, or the different values of each setting.
    private func conditions(_ group: SystemGroup) -> String {
        func values(_ name: String, _ value: (SystemRecord) -> Int?, _ others: [Int] = []) -> String? {
            let values = distinct(group.systems.compactMap(value) + others)
            return values.isEmpty ? nil : "\(name) \(values.map(NumberText.grouped).joined(separator: " or "))"
        }
        return [
            values("batch", \.batch), values("window", \.window), values("threads", \.threads),
            values("rounds", \.rounds, group.ratios.compactMap(\.rounds)),
        ].compactMap { $0 }.joined(separator: ", ")
    }

    private static func details(_ system: SystemRecord) -> String? {
        let parts = [
            system.input.map { "\($0) in" }, system.output.map { "\($0) out" }, system.optimizer,
            system.options == system.name ? nil : system.options,
        ].compactMap { $0 }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }

    private func capitalized(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }

    private var leftOut: String {
        guard !section.leftOut.isEmpty else { return "" }
        let items = section.leftOut.map { record in
            let encoder = record.encoder.map { "encoder \($0)" }
            let words = record.vocabulary.map { "vocabulary of \(NumberText.grouped($0))" }
            let place = [encoder, words].compactMap { $0 }.joined(separator: ", ")
            return HTML.system(record.name, styles) + (place.isEmpty ? "" : ", \(place.escapedForHTML)")
                + ": \(record.reason.escapedForHTML)"
        }
        return "<h3>Left out</h3>\n" + HTML.list(items)
    }

    /// The picture of costs, and beside it their table.
    private var costs: String {
        let plot = CostPlot(section: section)
        guard !plot.groups.isEmpty else { return "" }
        let tables = plot.groups.map { group in
            var table = HTMLTable(
                [group.title, "seconds for a million words below"].filter { !$0.isEmpty }.joined(separator: "; "),
                ["system"] + plot.parts)
            for system in group.systems {
                let cells = plot.shares(system).map { share in
                    HTMLTable.Cell(
                        NumberText.percent(share),
                        system.millionWordsSeconds.map { "\(NumberText.rounded(share * $0.median)) s" })
                }
                table.append(HTML.system(system.name, styles), cells)
            }
            return table.html
        }
        return "<h3>What the time goes to</h3>\n<div class=\"beside\">\n"
            + pictures.filter { $0.plot.family == .costs }.map(HTML.figure).joined()
            + "<div>\n\(tables.joined())</div>\n</div>\n"
    }
}
