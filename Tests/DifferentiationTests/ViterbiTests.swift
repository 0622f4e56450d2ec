import Differentiation
@_spi(HostMemory) import Kernels
import Layers
import Parallel
import Testing

@Suite struct ViterbiTests {
    /// Without scores between words, the best of all labellings that the constraints allow.
    @Test func theBestLabellingIsFoundWithoutTransitions() {
        let lengths = [5, 1, 3], check = TapeCheck { $0.parameter("scores", [9, 3]) }
        check.tape.begin(.inference)
        let scores = check.parameters.value(check.network), sentences = Sequences(lengths, on: check.tape)
        // As IOB2 with one kind: O, B, I.
        let constraints = ConditionalRandomField.Constraints(
            transitions: [true, true, false, true, true, true, true, true, true], starts: [true, true, false], ends: [true, true, true])
        for constraints in [nil, constraints] {
            let decoded = Viterbi.decode(scores, sentences, constraints, pool: ThreadPool(threads: 2))
            for sentence in lengths.indices {
                let rows = sentences.rows(of: sentence)
                var best: (labels: [Int], score: Float) = ([], -.infinity)
                for number in 0..<[3, 9, 27, 81, 243][rows.count - 1] {
                    var rest = number
                    let labels = rows.map { _ in
                        defer { rest /= 3 }
                        return rest % 3
                    }
                    if let constraints {
                        guard constraints.starts[labels[0]] else { continue }
                        guard zip(labels, labels.dropFirst()).allSatisfy({ constraints.transitions[$0 * 3 + $1] }) else { continue }
                    }
                    let score = zip(rows, labels).reduce(0) { $0 + scores.row($1.0)[$1.1] }
                    if score > best.score { best = (labels, score) }
                }
                #expect(decoded[rows].map(Int.init) == best.labels)
            }
        }
    }
}
