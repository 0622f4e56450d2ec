/// The networks that learned one task on the vectors of several systems, as measured by `bench task`.
public struct TaskResults {
    /// A comparison of two systems, by the name of a statistic and the counts of each sentence, [seeds × sentences × counts]. It
    /// returns the first system's score minus the second one's, with the p-value, or `nil` if the counts do not fit each other.
    public typealias PairedTest = (_ statistic: String, _ first: [[[Double]]], _ second: [[[Double]]]) -> (difference: Double, p: Double)?

    private let task: String
    private let runs: [ReportRun]
    private let networks: [TaskRecord]
    private let passes: [TaskPassRecord]

    /// Returns the results of each task. Results under the same conditions are combined. All results with unknown conditions are
    /// combined, too, because scores do not depend on the machine.
    static func all(_ runs: [ReportRun]) -> [TaskResults] {
        let learned = runs.filter { !$0.taskNames.isEmpty }
        return distinct(learned.map(\.conditions)).flatMap { conditions -> [TaskResults] in
            let shared = learned.filter { $0.conditions == conditions }
            return distinct(shared.flatMap(\.taskNames)).map { task in
                let runs = shared.filter { $0.taskNames.contains(task) }
                return TaskResults(
                    task: task, runs: runs, networks: runs.flatMap(\.tasks).filter { $0.task == task },
                    passes: runs.flatMap(\.passes).filter { $0.task == task })
            }
        }
    }

    /// The subject and the measure of a score. Only scores with the same measure are in one table.
    private struct Measure: Hashable {
        let name: String
        let text, part: String?

        init(_ network: TaskRecord) { (name, text, part) = (network.measure, network.text, network.part) }

        var title: String {
            let text = self.text.map { $0.shortened(to: 60) }
            switch part {
            case "test": return "\(name), scored on the test text\(text.map { " \($0)" } ?? "")"
            case "dev": return "\(name), scored on the development text\(text.map { " \($0)" } ?? "")"
            default: return text.map { "\(name), scored on \($0)" } ?? name
            }
        }
    }

    /// The networks of one system, one for each seed.
    private struct System {
        let name: String
        let networks: [TaskRecord]

        /// The scores in percent.
        var values: [Double] { networks.map { 100 * $0.value } }
        var mean: Double { values.mean ?? 0 }

        /// The standard deviation over the seeds; `nil` for one seed.
        var deviation: Double? {
            let mean = mean
            return values.count < 2 ? nil : (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
        }

        func spread(_ value: (TaskRecord) -> Double?) -> Spread? { networks.compactMap(value).spread }
        func count(_ value: (TaskRecord) -> Int?) -> Spread? { spread { value($0).map(Double.init) } }
    }

    private func systems(_ measure: Measure) -> [System] {
        let own = networks.filter { Measure($0) == measure }
        return distinct(own.map(\.system)).map { name in System(name: name, networks: own.filter { $0.system == name }) }
    }

    func section(_ number: Int, _ styles: SystemStyles, _ reference: String?, _ pairedTest: PairedTest?) -> ReportSection {
        let measures = distinct(networks.map { Measure($0) })
        let scores = measures.flatMap { measure in
            systems(measure).map { system in
                let values = system.values.filter(\.isFinite)
                return Plot.Score(
                    group: "\(task), \(measure.title)", system: BudgetedSystem(system.name, nil), values: values, middle: values.mean ?? 0)
            }
        }
        let plots = [
            Plot(
                name: "\(number)-scores", caption: "Scores of the networks: means, with bars from the lowest to the highest over the seeds.",
                axis: "score, %", middle: "mean", scores: scores, styles: styles),
            curves(number, styles),
        ].compactMap { $0 }
        return ReportSection(
            number: number, kind: .task, title: "Task \(task.printable)", runs: runs,
            parts: [ReportPart(tables: measures.flatMap { tables($0, styles, reference, pairedTest) }, plots: plots)])
    }

    private func tables(
        _ measure: Measure, _ styles: SystemStyles, _ reference: String?, _ pairedTest: PairedTest?
    ) -> [ReportTable] {
        let systems = systems(measure), against = systems.first { $0.name == reference } ?? systems[0]
        func hundredths(_ number: Double) -> String { NumberText.fixed(number, 2) }
        func whole(_ number: Double) -> String { NumberText.fixed(number, 0) }
        func head(_ system: System) -> ReportTable.Head { ReportTable.Head(text: system.name, colour: styles[system.name].colour) }
        var table = ReportTable(
            "\(measure.title); means over the seeds, with range and standard deviation", "system",
            [
                "\(measure.name) %", "deviation", "seeds", "less \(against.name.shortened(to: 40))", "p", "development %",
                "passes", "seconds of a pass", "words/s", "memory",
            ])
        // The development score is not repeated if the development text is the one that is scored.
        let isDevelopment = systems.allSatisfy { $0.networks.allSatisfy { $0.dev == nil || $0.dev == $0.value } }
        let comparisons = systems.map { $0.name == against.name ? nil : compare($0, against, pairedTest) }
        let isCompared = comparisons.contains { $0 != nil }
        for (system, comparison) in zip(systems, comparisons) {
            let range = [system.values.min(), system.values.max()].map { hundredths($0 ?? 0) }
            let development = isDevelopment ? nil : system.networks.compactMap { $0.dev.map { 100 * $0 } }.mean
            table.append(
                head(system),
                [
                    ReportTable.Cell(hundredths(system.mean), range[0] == range[1] ? nil : range.joined(separator: " to ")),
                    ReportTable.Cell(system.deviation.map(hundredths)),
                    ReportTable.Cell("\(system.values.count)", system.values.count < SampleSize.fewSeeds ? "small" : nil),
                    ReportTable.Cell(
                        comparison.map { NumberText.signed(100 * $0.difference, 2) }
                            ?? (system.name == against.name && isCompared ? "the reference" : nil)),
                    ReportTable.Cell(comparison.map { NumberText.fixed($0.p, 4) + ($0.p < 0.05 ? " *" : "") }),
                    ReportTable.Cell(development.map(hundredths)),
                    ReportTable.Cell(
                        system.count(\.epochs), whole, notes: [system.count(\.epoch).map { "best \(whole($0.median))" }]),
                    ReportTable.Cell(system.spread(\.secondsOfEpoch), NumberText.rounded),
                    ReportTable.Cell(system.spread(\.wordsPerSecond), NumberText.rounded),
                    ReportTable.Cell(system.count(\.bytes), { NumberText.bytes(Int($0)) }),
                ])
        }
        if isCompared {
            table.footnotes.append(
                "* a p below 0.05: so large a difference is rare between systems that are alike, on other sentences and with other seeds.")
        }
        let unfit = zip(systems, comparisons).filter { $1 == nil && $0.name != against.name }.map(\.0.name)
        if pairedTest != nil && !unfit.isEmpty {
            table.footnotes.append(
                "Not compared with \(against.name): \(listed(unfit)); the counts of the same sentences are not in the records of both.")
        }
        return [table, details(systems, head)].compactMap { $0 }
    }

    /// Returns the difference between two systems on as many seeds as both have, or `nil` if their counts do not fit each other.
    private func compare(_ system: System, _ other: System, _ pairedTest: PairedTest?) -> (difference: Double, p: Double)? {
        let seeds = min(system.networks.count, other.networks.count)
        let own = system.networks.prefix(seeds), others = other.networks.prefix(seeds)
        let statistics = distinct((own + others).map(\.statistic))
        guard let pairedTest, statistics.count == 1, let statistic = statistics[0] else { return nil }
        let first = own.compactMap(\.units), second = others.compactMap(\.units)
        guard first.count == seeds, second.count == seeds else { return nil }
        return pairedTest(statistic, first, second)
    }

    /// Returns the figures that make up a score, such as precision, or `nil` if there are none.
    private func details(_ systems: [System], _ head: (System) -> ReportTable.Head) -> ReportTable? {
        let names = distinct(systems.flatMap { $0.networks.flatMap { ($0.details ?? [:]).keys.sorted() } })
        guard !names.isEmpty else { return nil }
        var table = ReportTable("what the scores are made of, %; means over the seeds", "system", names)
        for system in systems {
            table.append(
                head(system),
                names.map { name in
                    ReportTable.Cell(system.networks.compactMap { $0.details?[name] }.mean.map { NumberText.fixed(100 * $0, 2) })
                })
        }
        return table
    }

    /// Returns the scores on the development text over the number of passes, or `nil` without scores.
    private func curves(_ number: Int, _ styles: SystemStyles) -> Plot? {
        let points = passes.compactMap { pass in
            pass.dev.map {
                LearningCurves.Point(
                    system: pass.system, seed: pass.taskSeed.map { "\($0)" }, place: pass.epoch, x: Double(pass.epoch), y: 100 * $0)
            }
        }.filter(\.y.isFinite)
        guard !points.isEmpty else { return nil }
        let curves = LearningCurves(points, styles)
        return Plot(
            name: "\(number)-passes",
            caption: "Score on the development text by the number of passes"
                + (curves.lines.contains(where: \.isThin)
                    ? "; means over the seeds, as far as all go, and a thin line for each seed." : "."),
            x: Axis("passes over the training text", points.map(\.x), logarithmic: false),
            y: Axis("score on the development text, %", points.map(\.y), logarithmic: false), curves.lines,
            columns: ["system", "seed", "pass", "value"], rows: curves.rows)
    }
}
