/// The tables of one benchmark's speeds, memory and costs.
struct SpeedTables {
    let section: SpeedSection
    let styles: SystemStyles

    /// A table for each encoder and vocabulary, with its title; a comparison by the user's own options is one, without a title.
    var speeds: [(title: String, table: ReportTable)] {
        section.groups.filter { !$0.systems.isEmpty || !$0.ratios.isEmpty }.map { (capitalized($0.title), speed($0)) }
    }

    /// Tables of the parts of the time, one for each encoder and vocabulary.
    var costs: [ReportTable] {
        let plot = CostPlot(section: section)
        return plot.groups.map { group in
            var table = ReportTable(
                [group.title, "seconds for a million words below"].filter { !$0.isEmpty }.joined(separator: "; "), "system",
                plot.parts)
            for system in group.systems {
                let cells = plot.shares(system).map { share in
                    ReportTable.Cell(
                        NumberText.percent(share),
                        system.millionWordsSeconds.map { "\(NumberText.rounded(share * $0.median)) s" })
                }
                table.append(head(system.name), cells)
            }
            return table
        }
    }

    private func head(_ name: String, details: String? = nil) -> ReportTable.Head {
        ReportTable.Head(name, details: details, colour: styles[name].colour)
    }

    private func speed(_ group: SystemGroup) -> ReportTable {
        let isOnDevice = group.systems.contains { $0.device != nil }
        let references = distinct(group.ratios.map { Reference(quantity: $0.quantity, to: $0.to) })
        var table = ReportTable(
            conditions(group), "system",
            ["vocabulary", "words/s", "seconds for a million words"]
                + references.map { "\($0.quantity), in multiples of \($0.to.shortened(to: 40))’s" }
                + ["encoder", "parameters", "optimiser’s state",
                   isOnDevice ? "GPU memory" : "peak memory", "gradients", "largest batch", "joules for a million words"])
        let isMixed = distinct(group.systems.map(\.encoderName)).count > 1
        // A run that was interrupted may have compared systems that it no longer summed up.
        let compared = distinct(group.ratios.map(\.of)).filter { name in !group.systems.contains { $0.name == name } }
        for (name, system) in group.systems.map({ ($0.name, $0 as SystemRecord?) }) + compared.map({ ($0, nil) }) {
            let joules = system?.joulesPerMillionWords.map(NumberText.rounded)
            table.append(
                head(name, details: system.flatMap(Self.details)),
                [
                    ReportTable.Cell(system?.vocabularyText),
                    ReportTable.Cell(system?.wordsPerSecond, NumberText.rounded),
                    ReportTable.Cell(system?.millionWordsSeconds, NumberText.rounded),
                ] + references.map { ratio($0, name, group) } + [
                    ReportTable.Cell(isMixed ? system?.encoderName : nil, system?.encoder == nil ? nil : system?.sizeText),
                    ReportTable.Cell(system?.parameters.map(NumberText.grouped)),
                    ReportTable.Cell(system?.optimizerBytes.map(NumberText.bytes)),
                    ReportTable.Cell(system?.peakMemory.map(NumberText.bytes)),
                    ReportTable.Cell(system?.gradientBytes.map(NumberText.bytes)),
                    ReportTable.Cell(
                        system?.largestBatch.map(NumberText.grouped), system?.memoryGiven.map { "in \(NumberText.bytes($0))" }),
                    system != nil && joules == nil ? .remark("not measurable here") : ReportTable.Cell(joules),
                ])
        }
        table.footnotes = [DifferencesRecord(group.systems)?.text].compactMap { $0 }
        return table
    }

    private struct Reference: Hashable {
        let quantity, to: String
    }

    private func ratio(_ reference: Reference, _ name: String, _ group: SystemGroup) -> ReportTable.Cell {
        if name == reference.to { return ReportTable.Cell("1", "the reference") }
        let found = group.ratios.last { $0.of == name && $0.to == reference.to && $0.quantity == reference.quantity }
        guard let found else { return ReportTable.Cell(nil) }
        func text(_ number: Double) -> String { NumberText.fixed(number, number >= 100 ? 0 : 2) }
        guard let low = found.low, let high = found.high else {
            return ReportTable.Cell(text(found.ratio.median), "range \(text(found.ratio.lowest)) to \(text(found.ratio.highest))")
        }
        let confidence = found.confidence.map { "\(NumberText.short(100 * $0))%: " } ?? ""
        return ReportTable.Cell(text(found.ratio.median), "\(confidence)\(text(low)) to \(text(high))")
    }

    /// Returns the settings that the systems of a table share, or the different values of each.
    private func conditions(_ group: SystemGroup) -> String {
        func values(_ name: String, _ value: (SystemRecord) -> Int?) -> String? {
            let values = distinct(group.systems.compactMap(value))
            return values.isEmpty ? nil : "\(name) \(values.map(NumberText.grouped).joined(separator: " or "))"
        }
        return [
            values("batch", \.batch), values("window", \.window), values("threads", \.threads),
            values("rounds", \.rounds).map { text in
                let isFew = group.systems.contains { $0.rounds.map { $0 < SystemsBenchmark.enoughRounds } ?? false }
                return text + (isFew ? " (few)" : "")
            },
            ratioRounds(group),
        ].compactMap { $0 }.joined(separator: ", ")
    }

    /// Returns the number of rounds that ratios are made of, if that is not all of them.
    private func ratioRounds(_ group: SystemGroup) -> String? {
        let rounds = distinct(group.ratios.compactMap(\.rounds))
        guard !rounds.isEmpty, rounds != distinct(group.systems.compactMap(\.rounds)) else { return nil }
        return "ratios of the quieter \(rounds.map(NumberText.grouped).joined(separator: " or "))"
    }

    private static func details(_ system: SystemRecord) -> String? {
        let parts = [
            system.input.map { "\($0) in" }, system.output.map { "\($0) out" }, system.optimizer,
            system.options == system.name ? nil : system.options,
        ].compactMap { $0 }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }

    private func capitalized(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }
}

extension LeftOutRecord {
    /// The encoder and the vocabulary that it was to be measured with.
    var place: String {
        let encoder = encoder.map { "encoder \($0)" }
        let words = vocabulary.map { "vocabulary of \(NumberText.grouped($0))" }
        return [encoder, words].compactMap { $0 }.joined(separator: ", ")
    }
}
