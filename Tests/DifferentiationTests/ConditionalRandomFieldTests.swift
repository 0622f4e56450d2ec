import Differentiation
import Glibc
@_spi(HostMemory) import Kernels
import Layers
import Parallel
import Testing

@Suite struct ConditionalRandomFieldTests {
    private static let lengths = [4, 1, 3], classes: [Int32] = [0, 2, 2, 1, 1, 2, 0, 1]

    private static func check() -> TapeCheck<(scores: Parameter, field: ConditionalRandomField)> {
        TapeCheck { plan in (plan.parameter("scores", [8, 3]), ConditionalRandomField("field", labels: 3, in: &plan)) }
    }

    @Test func gradients() {
        Self.check().verify { network, tape in
            network.field.addLoss(
                tape.value(network.scores), labels: Self.classes, Sequences(Self.lengths, on: tape), on: tape)
        }
    }

    /// Scores of all labellings of a sentence of `length` words, from row `first` on.
    private func scores(of first: Int, _ length: Int, _ check: TapeCheck<(scores: Parameter, field: ConditionalRandomField)>) -> [(labels: [Int], score: Double)] {
        let scores = check.parameters.value(check.network.scores), weights = check.parameters.value(check.network.field.transitions)
        return (0..<Int(pow(3, Double(length)))).map { number in
            var rest = number
            let labels = (0..<length).map { _ in
                defer { rest /= 3 }
                return rest % 3
            }
            var score = 0.0
            for (step, label) in labels.enumerated() {
                score += Double(scores.row(first + step)[label])
                if step > 0 { score += Double(weights.row(labels[step - 1])[label]) }
            }
            return (labels, score)
        }
    }

    @Test func theLossIsThatOfAllLabellings() {
        let check = Self.check()
        let loss = check.loss { network, tape in
            network.field.addLoss(
                tape.value(network.scores), labels: Self.classes, Sequences(Self.lengths, on: tape), on: tape)
        }
        var expected = 0.0, first = 0
        for length in Self.lengths {
            let all = scores(of: first, length, check), own = Self.classes[first..<first + length].map(Int.init)
            expected += log(all.reduce(0) { $0 + exp($1.score) }) - (all.first { $0.labels == own }?.score ?? .nan)
            first += length
        }
        #expect(abs(loss - expected) < 1e-6)
    }

    /// With and without constraints, the best of all labellings.
    @Test func theBestLabellingIsFound() {
        let check = Self.check()
        let constraints = ConditionalRandomField.Constraints(
            transitions: [true, false, true, true, true, false, false, true, true], starts: [true, false, true], ends: [true, true, false])
        check.tape.begin(.inference)
        let sentences = Sequences(Self.lengths, on: check.tape)
        for constraints in [nil, constraints] {
            let decoded = check.network.field.decode(
                check.parameters.value(check.network.scores), sentences, constraints, check.parameters, pool: ThreadPool(threads: 2))
            var first = 0
            for length in Self.lengths {
                let allowed = scores(of: first, length, check).filter { labels, _ in
                    guard let constraints else { return true }
                    return constraints.starts[labels[0]] && constraints.ends[labels[length - 1]]
                        && zip(labels, labels.dropFirst()).allSatisfy { constraints.transitions[$0 * 3 + $1] }
                }
                #expect(decoded[first..<first + length].map(Int.init) == allowed.max { $0.score < $1.score }?.labels)
                first += length
            }
        }
    }
}
