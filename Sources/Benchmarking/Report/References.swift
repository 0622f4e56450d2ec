/// What a model that has learned nothing but frequencies, or a constant, scores on held-out text.
struct ReferenceScores {
    var top1, top10, perplexity, loss: Double?
    var positions: Int?

    var isEmpty: Bool { top1 == nil && top10 == nil && perplexity == nil && loss == nil }

    /// Whether the two are the same to four digits: sums over the same positions may end in other bits.
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
