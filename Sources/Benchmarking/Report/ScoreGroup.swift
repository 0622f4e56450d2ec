internal import Training

/// The records of one system and budget, one record for each seed.
struct ScoreGroup {
    let system: BudgetedSystem
    let records: [QualityRecord]

    func spread(_ value: (QualityRecord) -> Double?) -> Spread? { records.compactMap(value).spread }

    func count(_ value: (QualityRecord) -> Int?) -> Spread? { spread { value($0).map(Double.init) } }

    var size: SampleSize {
        SampleSize(positions: records.compactMap(\.positions).min(), seeds: distinct(records.map(\.seed)).count)
    }

    /// The number of positions in the held-out text, as recorded, or computed from the fraction that was ranked.
    var heldOutPositions: Int? {
        records.compactMap { record in
            if let all = record.heldOutPositions { return all }
            guard let ranked = record.positions, let share = record.coverage, share > 0, share <= 1, Double(ranked) / share < 1e15 else {
                return nil
            }
            return Int((Double(ranked) / share).rounded())
        }.min()
    }

    var unigram: ReferenceScores {
        ReferenceScores(
            top1: spread(\.unigramTop1)?.median, top10: spread(\.unigramTop10)?.median,
            perplexity: spread(\.unigramPerplexity)?.median, positions: size.positions)
    }

    var constant: ReferenceScores {
        ReferenceScores(loss: spread(\.constantLoss)?.median, positions: heldOutPositions)
    }

    var comparison: UnigramComparison {
        let unigram = unigram
        return UnigramComparison(
            top1: records.compactMap(\.top1), top10: records.compactMap(\.top10),
            perplexity: records.compactMap(\.candidatePerplexity), unigram: (unigram.top1, unigram.top10, unigram.perplexity),
            positions: unigram.positions)
    }
}

/// A system, and the budget that it shares with others: `words`, `time`, `vectors`, or none.
struct BudgetedSystem: Hashable {
    let name: String
    let budget: String?

    init(_ name: String, _ budget: String?) { (self.name, self.budget) = (name, budget) }

    var budgetText: String? {
        switch budget {
        case "words": "the same words"
        case "time": "the same time"
        case "vectors": "the same time with that of the word vectors"
        default: budget
        }
    }

    var title: String { budgetText.map { "\(name), \($0)" } ?? name }

    func head(_ styles: SystemStyles, mark: String = "") -> ReportTable.Head {
        ReportTable.Head(text: name + mark, details: budgetText, colour: styles[name].colour)
    }
}

/// The sample behind a figure: the held-out positions over which it was counted, and the seeds of which it is the median. Every table
/// and picture of scores states both, and calls small numbers small, by the bounds that are defined only here (docs/comparing.md).
package struct SampleSize: Hashable, Sendable {
    /// The number of held-out positions below which a sample is small.
    package static let fewPositions = UnigramComparison.fewPositions
    /// The number of seeds below which a sample is small, because two seeds tell nothing about a range.
    package static let fewSeeds = 3

    /// The number of positions; `nil` if it was not recorded.
    package let positions: Int?
    package let seeds: Int
    /// The name of the counted things: `positions`, or `test tokens` of a probe.
    let unit: String

    package init(positions: Int?, seeds: Int, unit: String = "positions") {
        (self.positions, self.seeds, self.unit) = (positions, seeds, unit)
    }

    package var hasFewPositions: Bool { positions.map { $0 < Self.fewPositions } ?? false }
    package var hasFewSeeds: Bool { seeds < Self.fewSeeds }

    /// The size as text: `small: 1,200 positions, one seed`; `30,000 positions, 2 seeds (small)`; `30,000 positions, 3 seeds`.
    package var text: String {
        let size = positions.map { "\(NumberText.grouped($0)) \($0 == 1 && unit.hasSuffix("s") ? String(unit.dropLast()) : unit)" }
            ?? "\(unit) not recorded"
        let draws = seeds == 1 ? "one seed" : "\(NumberText.grouped(seeds)) seeds"
        if hasFewPositions && hasFewSeeds { return "small: \(size), \(draws)" }
        return "\(size)\(hasFewPositions ? " (small)" : ""), \(draws)\(hasFewSeeds ? " (small)" : "")"
    }

    /// The cell with the number of seeds in a table.
    var seedsCell: ReportTable.Cell { ReportTable.Cell("\(seeds)", hasFewSeeds ? "small" : nil) }

    /// Returns the cell with the number of positions in a table.
    /// - `all`: the number of all positions, if not all of them were counted.
    func positionsCell(of all: Int? = nil) -> ReportTable.Cell {
        ReportTable.Cell(
            (positions.map(NumberText.grouped) ?? "not recorded") + (all.map { " of \(NumberText.grouped($0))" } ?? ""),
            hasFewPositions ? "small" : nil)
    }

    /// Returns the distinct sizes in one sentence.
    static func text(_ sizes: [SampleSize]) -> String { distinct(sizes.map(\.text)).joined(separator: "; or ") }
}

extension UnigramComparison.Verdict {
    /// The mark after a figure, and after the name of a system.
    var mark: String {
        switch self {
        case .better: ""
        case .within: "†"
        case .worse: "‡"
        }
    }

    /// Returns the meaning of the mark, or an empty string if there is none.
    /// - `ofSystems`: true if the mark is on systems, and not only on figures.
    func footnote(ofSystems: Bool) -> String {
        switch self {
        case .better: ""
        case .within where ofSystems:
            "† within the noise of the unigram model: this system has learned no more than how frequent words are (yet). Behind a "
                + "single figure: this figure alone does not tell the system from the unigram model."
        case .within: "† within the noise of the unigram model: this figure alone does not tell the system from it."
        case .worse: "‡ worse than the unigram model, by more than noise: counting words predicts better than this (yet)."
        }
    }
}

/// The scores on held-out text of a model that has learned nothing but frequencies, or of a constant.
struct ReferenceScores {
    var top1, top10, perplexity, loss: Double?
    var positions: Int?

    private var values: [Double?] { [top1, top10, perplexity, loss] }

    /// Returns true if the two are equal to four digits, because sums over the same positions may differ in their last bits.
    private func agrees(with other: ReferenceScores) -> Bool {
        positions == other.positions && zip(values, other.values).allSatisfy { a, b in
            guard let a, let b else { return a == nil && b == nil }
            return a == b || (a - b).magnitude <= 1e-4 * max(a.magnitude, b.magnitude)
        }
    }

    /// Returns the distinct references of the systems in a table or picture, without empty ones. Each has the names of its systems,
    /// `of ELMo and ELMo-Sub`, or `nil` if all systems have the same reference.
    static func distinct(_ systems: [(system: BudgetedSystem, scores: ReferenceScores)]) -> [(scores: ReferenceScores, owners: String?)] {
        var found: [(scores: ReferenceScores, systems: [BudgetedSystem])] = []
        for (system, scores) in systems where scores.values.contains(where: { $0 != nil }) {
            if let index = found.firstIndex(where: { $0.scores.agrees(with: scores) }) {
                found[index].systems.append(system)
            } else {
                found.append((scores, [system]))
            }
        }
        return found.map { scores, systems in
            // A system with a different reference for each of its budgets is named with the budget.
            let titles = systems.map { system in
                found.count { $0.systems.contains { $0.name == system.name } } > 1 ? system.title : system.name
            }
            return (scores, found.count > 1 ? "of \(listed(Benchmarking.distinct(titles)))" : nil)
        }
    }
}
