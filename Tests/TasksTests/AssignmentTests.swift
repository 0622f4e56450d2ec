import Tasks
import Testing

struct AssignmentTests {
    /// The best weight by trying all.
    private func best(_ weights: [[Double]], from row: Int = 0, taken: Set<Int> = []) -> Double {
        guard row < weights.count else { return 0 }
        let without = best(weights, from: row + 1, taken: taken)
        return weights[row].indices.reduce(without) {
            taken.contains($1) ? $0 : max($0, weights[row][$1] + best(weights, from: row + 1, taken: taken.union([$1])))
        }
    }

    @Test(arguments: [(1, 1), (3, 3), (5, 5), (2, 6), (6, 2), (6, 5)]) func equalsTryingAll(rows: Int, columns: Int) {
        var next = Congruential(UInt64(rows * 10 + columns))
        for _ in 0..<50 {
            // Many are 0, and many are equal.
            let weights = (0..<rows).map { _ in (0..<columns).map { _ in Double(max(0, next(9) - 3)) / 4 } }
            let assignment = Assignment(weights: weights)
            #expect(assignment.weight == best(weights))
            let taken = assignment.columns.compactMap { $0 }
            #expect(taken.count == min(rows, columns) && Set(taken).count == taken.count)
            let sum = assignment.columns.enumerated().reduce(0.0) { sum, pair in sum + (pair.element.map { weights[pair.offset][$0] } ?? 0) }
            #expect(sum == assignment.weight)
        }
    }

    @Test func nothing() {
        #expect(Assignment(weights: []).weight == 0 && Assignment(weights: [[], []]).columns == [nil, nil])
    }
}
