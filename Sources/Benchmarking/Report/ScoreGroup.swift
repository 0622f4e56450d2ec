internal import Training

/// The records of one system and budget, a record for each seed.
struct ScoreGroup {
    let system: BudgetedSystem
    let records: [QualityRecord]

    func spread(_ value: (QualityRecord) -> Double?) -> Spread? { records.compactMap(value).spread }

    func count(_ value: (QualityRecord) -> Int?) -> Spread? { spread { value($0).map(Double.init) } }

    var size: SampleSize {
        SampleSize(positions: records.compactMap(\.positions).min(), seeds: distinct(records.map(\.seed)).count)
    }

    /// The number of positions of the held-out text: as recorded, or by the share of them that were ranked.
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

/// The sample behind a figure: the held-out positions it was counted over, and the seeds that it is a median of. Every table and
/// picture of scores says both, and calls few of them small, by the bounds that stand here and nowhere else (docs/comparing.md).
package struct SampleSize: Hashable, Sendable {
    /// The number of held-out positions below which a sample is small.
    package static let fewPositions = UnigramComparison.fewPositions
    /// The number of seeds below which a sample is small: two say nothing of a range.
    package static let fewSeeds = 3

    /// The number of positions; `nil` if it was not recorded.
    package let positions: Int?
    package let seeds: Int
    /// The name of what is counted: `positions`, or `test tokens` of a probe.
    let unit: String

    package init(positions: Int?, seeds: Int, unit: String = "positions") {
        (self.positions, self.seeds, self.unit) = (positions, seeds, unit)
    }

    package var hasFewPositions: Bool { positions.map { $0 < Self.fewPositions } ?? false }
    package var hasFewSeeds: Bool { seeds < Self.fewSeeds }

    /// `small: 1,200 positions, one seed`; `30,000 positions, 2 seeds (small)`; `30,000 positions, 3 seeds`.
    package var text: String {
        let size = positions.map { "\(NumberText.grouped($0)) \($0 == 1 && unit.hasSuffix("s") ? String(unit.dropLast()) : unit)" }
            ?? "\(unit) not recorded"
        let draws = seeds == 1 ? "one seed" : "\(NumberText.grouped(seeds)) seeds"
        if hasFewPositions && hasFewSeeds { return "small: \(size), \(draws)" }
        return "\(size)\(hasFewPositions ? " (small)" : ""), \(draws)\(hasFewSeeds ? " (small)" : "")"
    }

    /// The cell of the number of seeds in a table.
    var seedsCell: ReportTable.Cell { ReportTable.Cell("\(seeds)", hasFewSeeds ? "small" : nil) }

    /// Returns the cell of the number of positions in a table.
    /// - Parameter all: the number of positions that were not all counted.
    func positionsCell(of all: Int? = nil) -> ReportTable.Cell {
        ReportTable.Cell(
            (positions.map(NumberText.grouped) ?? "not recorded") + (all.map { " of \(NumberText.grouped($0))" } ?? ""),
            hasFewPositions ? "small" : nil)
    }

    /// Returns the different sizes in one sentence.
    static func text(_ sizes: [SampleSize]) -> String { distinct(sizes.map(\.text)).joined(separator: "; or ") }
}

extension UnigramComparison.Verdict {
    /// The mark behind a figure, and behind the name of a system.
    var mark: String {
        switch self {
        case .better: ""
        case .within: "†"
        case .worse: "‡"
        }
    }

    /// Returns the meaning of the mark; empty if there is none.
    /// - Parameter ofSystems: true if systems have it, not figures alone.
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

/// The scores on held-out text of a model that has learned nothing but frequencies, or a constant.
struct ReferenceScores {
    var top1, top10, perplexity, loss: Double?
    var positions: Int?

    private var values: [Double?] { [top1, top10, perplexity, loss] }

    /// True if the two are the same to four digits: sums over the same positions may end in other bits.
    private func agrees(with other: ReferenceScores) -> Bool {
        positions == other.positions && zip(values, other.values).allSatisfy { a, b in
            guard let a, let b else { return a == nil && b == nil }
            return a == b || (a - b).magnitude <= 1e-4 * max(a.magnitude, b.magnitude)
        }
    }

    /// Returns the different references of a table's or picture's systems, those that are empty left out, each with the systems that
    /// it belongs to: `of ELMo and ELMo-Sub`, or `nil` if there is one reference for all.
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
            // A system that has another reference for each of its budgets is named with the budget.
            let titles = systems.map { system in
                found.count { $0.systems.contains { $0.name == system.name } } > 1 ? system.title : system.name
            }
            return (scores, found.count > 1 ? "of \(listed(Benchmarking.distinct(titles)))" : nil)
        }
    }
}
