import Differentiation
import Glibc
@_spi(HostMemory) import Kernels
import Layers
import Testing

@Suite struct SpanTests {
    /// Of nine words.
    private static let ranges = [0..<1, 0..<3, 1..<2, 1..<4, 2..<4, 4..<5, 5..<8, 6..<9, 7..<9, 8..<9]

    @Test func spansStayInTheirSentences() {
        #expect(
            Spans.ranges(inSentencesOf: [3, 1, 2], widest: 2) == [0..<1, 0..<2, 1..<2, 1..<3, 2..<3, 3..<4, 4..<5, 4..<6, 5..<6])
        #expect(Spans.ranges(inSentencesOf: [4], widest: 10).count == 10)
    }

    @Test func sharesOfHeads() {
        let check = TapeCheck { $0.parameter("scores", [9, 1]) }
        check.verify { scores, tape in
            let shares = tape.headShares(tape.value(scores), Spans(Self.ranges, widest: 4, on: tape))
            tape.addWeightedSum(tape.multiply(shares, shares))
        }
        check.tape.begin(.inference)
        let shares = check.tape.headShares(check.tape.value(check.network), Spans(Self.ranges, widest: 4, on: check.tape)).value
        #expect(shares.row(0)[0] == 1 && shares.row(0)[1] == 0)
        #expect(abs(shares.row(1)[0] + shares.row(1)[1] + shares.row(1)[2] - 1) < 1e-6 && shares.row(1)[3] == 0)
    }

    private typealias Sums = (heads: Parameter, shares: Parameter, firsts: Parameter, lasts: Parameter, widths: Parameter)

    /// More columns than a thread takes at a time, or fewer.
    @Test(arguments: [5, 70]) func sumsOverSpans(columns: Int) {
        let check = TapeCheck { plan -> Sums in
            (
                plan.parameter("heads", [9, columns]), plan.parameter("shares", [10, 4]), plan.parameter("firsts", [9, columns]),
                plan.parameter("lasts", [9, columns]), plan.parameter("widths", [4, columns])
            )
        }
        func sums(_ network: Sums, _ tape: Tape) -> Node {
            tape.sums(
                over: Spans(Self.ranges, widest: 4, on: tape), heads: tape.value(network.heads), shares: tape.value(network.shares),
                firsts: tape.value(network.firsts), lasts: tape.value(network.lasts), widths: tape.value(network.widths))
        }
        check.verify { network, tape in
            let all = sums(network, tape)
            tape.addWeightedSum(tape.multiply(all, all))
        }
        check.tape.begin(.inference)
        let computed = sums(check.network, check.tape).value
        func row(_ parameter: Parameter, _ index: Int) -> UnsafeMutablePointer<Float> { check.parameters.value(parameter).row(index) }
        for (span, words) in Self.ranges.enumerated() {
            for column in 0..<columns {
                var sum = row(check.network.firsts, words.lowerBound)[column] + row(check.network.lasts, words.upperBound - 1)[column]
                sum += row(check.network.widths, words.count - 1)[column]
                for word in words {
                    sum += row(check.network.shares, span)[word - words.lowerBound] * row(check.network.heads, word)[column]
                }
                #expect(abs(computed.row(span)[column] - sum) < 1e-5)
            }
        }
    }

    private struct Layers {
        let states, words: Parameter
        let representation: SpanRepresentation
        let map: SpanMap

        init(_ plan: inout Plan) {
            states = plan.parameter("states", [9, 4])
            words = plan.parameter("words", [9, 3])
            representation = SpanRepresentation("spans", states: 4, words: 3, features: 2, widest: 4, in: &plan)
            map = SpanMap("map", representation, outputs: 5, in: &plan)
        }

        func vectors(_ tape: Tape) -> Node {
            let words = tape.value(words), scores = representation.headScores(words, on: tape)
            return representation.forward(
                states: tape.value(states), words: words, headScores: scores, Spans(ranges, widest: 4, on: tape), on: tape)
        }

        func mapped(_ tape: Tape) -> Node {
            let words = tape.value(words), scores = representation.headScores(words, on: tape)
            return map.forward(
                representation, states: tape.value(states), words: words, headScores: scores, Spans(ranges, widest: 4, on: tape),
                on: tape)
        }
    }

    /// The map of spans whose vectors are not made is the map of their vectors.
    @Test func vectorsOfSpans() {
        let check = TapeCheck { Layers(&$0) }
        check.verify { layers, tape in
            let vectors = layers.vectors(tape), mapped = layers.mapped(tape)
            tape.addWeightedSum(tape.multiply(vectors, vectors))
            tape.addWeightedSum(tape.activate(mapped, .tanh))
        }
        check.tape.begin(.inference)
        let layers = check.network, vectors = layers.vectors(check.tape).value, mapped = layers.mapped(check.tape).value
        let bias = check.parameters.value(layers.map.bias)
        let parts = [layers.map.firsts, layers.map.lasts, layers.map.widths, layers.map.heads].map { check.parameters.value($0) }
        #expect(vectors.columns == layers.representation.size)
        for span in 0..<vectors.rows {
            for column in 0..<5 {
                var sum = bias.row(0)[column], input = 0
                for part in parts {
                    for row in 0..<part.rows {
                        sum += vectors.row(span)[input] * part.row(row)[column]
                        input += 1
                    }
                }
                #expect(abs(mapped.row(span)[column] - sum) < 1e-5)
            }
        }
    }

    @Test(arguments: [0, 0.3] as [Float])
    func layersOfRectifiedUnits(dropout: Float) {
        let check = TapeCheck { plan in
            (plan.parameter("input", [6, 4]), FeedForward("layers", inputs: 4, sizes: [5, 6], outputs: 2, dropout: dropout, in: &plan))
        }
        // Weights of both signs, so that some units are at work.
        for layer in check.network.1.layers {
            var index = 0
            check.parameters.fill(layer.bias, with: 0.4)
            check.parameters.fill(layer.weight) {
                defer { index += 1 }
                return sin(Double(index * index))
            }
        }
        check.verify(length: 2e-3) { network, tape in tape.addWeightedSum(network.1.forward(tape.value(network.0), on: tape)) }
    }

    @Test func rectifiedUnitsAreThoseOfTheTwoOperations() {
        let check = TapeCheck { plan in (plan.parameter("input", [6, 4]), plan.parameter("weight", [4, 7])) }
        func gradients(_ rectify: (Node, Tape) -> Node) -> (Double, [Float]) {
            check.gradient(check.network.0).fill(0)
            let loss = check.loss { network, tape in
                tape.addWeightedSum(rectify(tape.multiply(tape.value(network.0), by: network.1), tape))
            }
            return (loss, Array(check.gradient(check.network.0).floats))
        }
        #expect(
            gradients { $1.rectify($0, dropout: 0.4) } == gradients { $1.drop($1.activate($0, .relu), rate: 0.4) })
    }
}
