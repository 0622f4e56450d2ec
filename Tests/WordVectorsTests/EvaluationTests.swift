import Files
import Foundation
import Kernels
import Shards
import TestSupport
import Testing
import WordVectors

@Suite struct EvaluationTests {
    private let rule = SpellingRule(count: 60, dimension: 5)

    private var rows: RowMatrix {
        let rows = RowMatrix(count: rule.words.count, dimension: 5)
        for (word, vector) in rule.vectors.enumerated() { rows.row(word).copy(from: vector) }
        return rows
    }

    /// Everything again in the plainest way, from the definitions.
    @Test func agreesWithItsDefinitions() throws {
        let words = table(rule.words), rows = rows
        let fitted = Array(0..<50), heldOut = Array(50..<60)
        // Turns each true vector a little, by its number.
        func make(_ id: Int, _ row: Matrix) -> Bool {
            row.copy(from: rows.row(id).values.enumerated().map { $1 * ($0 == id % 5 ? 3 : 1) })
            return id != 57
        }
        let evaluation = SpellingEvaluation(
            [.init("turned", make), .init("none") { _, _ in false }], words, rows, fitted: fitted, heldOut: heldOut,
            threads: 2)
        #expect(evaluation.asked == heldOut && evaluation.candidates == 60)

        func unit(_ vector: [Double]) -> [Double] {
            let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
            return vector.map { $0 / norm }
        }
        let units = rule.vectors.map { unit($0.map(Double.init)) }
        let mean = (0..<5).map { number in fitted.reduce(0) { $0 + units[$1][number] } / 50 }
        func centred(_ vector: [Double]) -> [Double] { unit(zip(unit(vector), mean).map { $0 - $1 }) }
        func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
        func nearest(_ vector: [Double], except: Int) -> [Int] {
            (0..<60).filter { $0 != except }.sorted { dot(vector, centred(units[$0])) > dot(vector, centred(units[$1])) }
        }
        for (index, id) in heldOut.enumerated() where id != 57 {
            let row = RowMatrix(count: 1, dimension: 5)
            _ = make(id, row.row(0))
            let made = row.row(0).values.map(Double.init)
            let outcome = evaluation.outcomes[0][index]
            #expect(abs(Double(outcome.cosine) - dot(unit(made), units[id])) < 1e-5)
            #expect(abs(Double(outcome.centredCosine) - dot(centred(made), centred(units[id]))) < 1e-5)
            let own = dot(centred(made), centred(units[id]))
            #expect(outcome.rank == 1 + (0..<60).count { $0 != id && dot(centred(made), centred(units[$0])) > own })
            let shared = Set(nearest(centred(made), except: id).prefix(10))
                .intersection(nearest(centred(units[id]), except: id).prefix(10))
            #expect(outcome.sharedNeighbours == shared.count)
        }
        let scores = evaluation.scores()
        #expect(scores[0].made == 0.9 && scores[1].made == 0 && scores[1].top10 == 0 && scores[1].cosine == 0)
        let few = evaluation.scores { $0 >= 58 }
        #expect(few[0].rank == Double(evaluation.outcomes[0][8].rank + evaluation.outcomes[0][9].rank) / 2)
    }

    @Test func askedWordsAreSpreadEvenly() {
        let evaluation = SpellingEvaluation(
            [], table(rule.words), rows, fitted: Array(0..<20), heldOut: Array(20..<60), mostWords: 16, threads: 1)
        #expect(evaluation.asked == (0..<16).map { 20 + $0 * 40 / 16 })
    }

    /// scipy.stats.spearmanr of the same.
    @Test func spearman() {
        let a: [Double] = [1, 2, 2, 3, 5, 5, 5, 8], b = [0.1, 0.3, 0.2, 0.2, 0.9, 0.4, 0.4, 0.35]
        #expect(abs(spearmanCorrelation(a, b) - 0.7765323366725412) < 1e-12)
        #expect(abs(spearmanCorrelation(a, a.map { -$0 }) + 1) < 1e-12)
        #expect(spearmanCorrelation([1, 1], [1, 2]).isNaN && spearmanCorrelation([], []).isNaN)
    }

    @Test func pairsOfWords() throws {
        let set = try WordSimilarity(MemorySource(Array("# two\ncat\tdog\t7.5\r\n\nnew york 3\nsun moon -1e0\n".utf8)))
        #expect(set.pairs.map(\.first) == ["cat", "new", "sun"] && set.pairs[2].score == -1)
        let (spearman, pairs) = set.correlation { first, _ in first == "new" ? nil : first == "cat" ? 0.9 : 0.1 }
        #expect(abs(spearman - 1) < 1e-12 && pairs == 2)
        for (text, place) in [("a b\nc d 1\n", "line 1"), ("a b 1\nc d x\n", "line 2"), ("a b nan\n", "line 1"), ("a b 1\n", "fewer")] {
            #expect(dataError { _ = try WordSimilarity(MemorySource(Array(text.utf8))) }.contains(place))
        }
    }
}
