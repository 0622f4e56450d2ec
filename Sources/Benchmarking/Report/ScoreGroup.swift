internal import Training

/// The records of one system and budget, a record for each seed.
struct ScoreGroup {
    let system: BudgetedSystem
    let records: [QualityRecord]

    func spread(_ value: (QualityRecord) -> Double?) -> Spread? {
        let values = records.compactMap(value)
        return values.isEmpty ? nil : Spread(values)
    }

    func count(_ value: (QualityRecord) -> Int?) -> Spread? { spread { value($0).map(Double.init) } }

    /// The fewest positions that a seed was ranked over.
    private var positions: Int? { records.compactMap(\.positions).min() }

    var size: SampleSize { SampleSize(positions: positions, seeds: distinct(records.map(\.seed)).count) }

    /// The number of positions of the held-out text: as recorded, or by the share of them that were ranked.
    var heldOutPositions: Int? {
        records.compactMap { record in
            record.heldOutPositions
                ?? record.positions.flatMap { ranked in record.coverage.flatMap { Self.whole(ranked, share: $0) } }
        }.min()
    }

    private static func whole(_ part: Int, share: Double) -> Int? {
        guard share > 0, share <= 1, Double(part) / share < 1e15 else { return nil }
        return Int((Double(part) / share).rounded())
    }

    var unigram: ReferenceScores {
        ReferenceScores(
            top1: spread(\.unigramTop1)?.median, top10: spread(\.unigramTop10)?.median,
            perplexity: spread(\.unigramPerplexity)?.median, positions: positions)
    }

    var constant: ReferenceScores {
        ReferenceScores(loss: spread(\.constantLoss)?.median, positions: heldOutPositions)
    }

    var comparison: UnigramComparison {
        let unigram = unigram
        return UnigramComparison(
            top1: records.compactMap(\.top1), top10: records.compactMap(\.top10),
            perplexity: records.compactMap(\.candidatePerplexity), unigram: (unigram.top1, unigram.top10, unigram.perplexity),
            positions: positions)
    }
}

extension QualitySection {
    var scoreGroups: [ScoreGroup] {
        distinct(qualities.map { BudgetedSystem($0.system, $0.budget) }).map { system in
            ScoreGroup(system: system, records: qualities.filter { BudgetedSystem($0.system, $0.budget) == system })
        }
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
        ReportTable.Head(name + mark, details: budgetText, colour: styles[name].colour)
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

    var isEmpty: Bool { top1 == nil && top10 == nil && perplexity == nil && loss == nil }

    /// True if the two are the same to four digits: sums over the same positions may end in other bits.
    func agrees(with other: ReferenceScores) -> Bool {
        func same(_ a: Double?, _ b: Double?) -> Bool {
            guard let a, let b else { return a == nil && b == nil }
            return a == b || (a - b).magnitude <= 1e-4 * max(a.magnitude, b.magnitude)
        }
        return same(top1, other.top1) && same(top10, other.top10) && same(perplexity, other.perplexity)
            && same(loss, other.loss) && positions == other.positions
    }
}

/// The different references of a table's or picture's systems, and whose they are.
struct References {
    struct Row {
        let scores: ReferenceScores
        fileprivate var systems: [BudgetedSystem]
        /// `of ELMo and ELMo-Sub`; `nil` if all systems have these.
        fileprivate(set) var owners: String?
    }

    private(set) var rows: [Row] = []

    /// - Parameter systems: each with its reference; those that are empty count for none.
    init(_ systems: [(system: BudgetedSystem, scores: ReferenceScores)]) {
        for (system, scores) in systems where !scores.isEmpty {
            if let index = rows.firstIndex(where: { $0.scores.agrees(with: scores) }) {
                rows[index].systems.append(system)
            } else {
                rows.append(Row(scores: scores, systems: [system]))
            }
        }
        guard rows.count > 1 else { return }
        // A system that has another reference for each of its budgets is named with the budget.
        let names = rows.map { distinct($0.systems.map(\.name)) }
        for index in rows.indices {
            let titles = rows[index].systems.map { system in
                names.count { $0.contains(system.name) } > 1 ? system.title : system.name
            }
            rows[index].owners = "of \(listed(distinct(titles)))"
        }
    }
}

/// `a`, `a and b`, `a, b and c`.
func listed(_ names: [String]) -> String {
    guard let last = names.last, names.count > 1 else { return names.first ?? "" }
    return "\(names.dropLast().joined(separator: ", ")) and \(last)"
}
