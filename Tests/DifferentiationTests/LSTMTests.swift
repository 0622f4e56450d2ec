import Differentiation
@_spi(HostMemory) import Kernels
import Layers
import Testing

@Suite struct LSTMTests {
    private static let lengths = [3, 1, 5, 2]

    @Test(arguments: [(false, false, 0), (true, false, 0), (false, true, 0), (true, true, 0.3), (false, false, 0.3)] as [(Bool, Bool, Float)])
    func gradients(readsFromEnd: Bool, highway: Bool, dropout: Float) {
        TapeCheck { plan in
            (
                plan.parameter("input", [11, 4]),
                LSTM("layer", inputs: 4, size: 3, readsFromEnd: readsFromEnd, highway: highway, recurrentDropout: dropout, in: &plan)
            )
        }.verify { network, tape in
            tape.addWeightedSum(network.1.forward(tape.value(network.0), Sequences(Self.lengths, on: tape), on: tape))
        }
    }

    @Test func bothDirectionsAreTheTwoApart() {
        func losses(threads: Int) -> (together: Double, apart: Double, gradients: [Float]) {
            let check = TapeCheck(threads: threads) { plan in
                (plan.parameter("input", [11, 4]), BidirectionalLSTM("layer", inputs: 4, size: 3, in: &plan))
            }
            func both(_ network: (Parameter, BidirectionalLSTM), _ tape: Tape) {
                tape.addWeightedSum(network.1.forward(tape.value(network.0), Sequences(Self.lengths, on: tape), on: tape))
            }
            if threads == 1 { check.verify(both) }
            check.gradient(check.network.0).fill(0)
            let together = check.loss(both)
            let gradients = Array(check.gradient(check.network.0).floats)
            let apart = check.loss { network, tape in
                let input = tape.value(network.0), sentences = Sequences(Self.lengths, on: tape)
                let halves = [network.1.fromBeginning, network.1.fromEnd].map { $0.forward(input, sentences, on: tape) }
                tape.addWeightedSum(tape.concatenate(halves))
            }
            return (together, apart, gradients)
        }
        let one = losses(threads: 1), two = losses(threads: 2), three = losses(threads: 3)
        #expect(one.together == one.apart)
        #expect(one == two && one == three)
    }

    /// A sentence's outputs do not depend on those beside it.
    @Test func sentencesAreApart() {
        let check = TapeCheck { plan in
            (plan.parameter("input", [11, 4]), LSTM("layer", inputs: 4, size: 3, readsFromEnd: true, in: &plan))
        }
        check.tape.begin(.inference)
        let input = check.tape.value(check.network.0)
        let all = check.network.1.forward(input, Sequences(Self.lengths, on: check.tape), on: check.tape)
        let alone = check.network.1.forward(check.tape.rows(4..<9, of: input), Sequences([5], on: check.tape), on: check.tape)
        for row in 0..<5 {
            for column in 0..<3 { #expect(all.value.row(4 + row)[column] == alone.value.row(row)[column]) }
        }
    }

    /// Recurrent dropout leaves the first word of a sentence as it is, and changes those behind it.
    @Test(arguments: [false, true]) func recurrentDropoutActsBetweenWords(highway: Bool) {
        let check = TapeCheck { plan in
            (plan.parameter("input", [3, 4]), LSTM("layer", inputs: 4, size: 8, highway: highway, recurrentDropout: 0.5, in: &plan))
        }
        func outputs(_ mode: PassMode) -> [[Float]] {
            check.tape.begin(mode)
            let output = check.network.1.forward(check.tape.value(check.network.0), Sequences([3], on: check.tape), on: check.tape)
            return (0..<3).map { row in (0..<8).map { output.value.row(row)[$0] } }
        }
        let whole = outputs(.inference), dropped = outputs(.training(seed: 5, step: 1))
        #expect(whole[0] == dropped[0] && whole[1] != dropped[1])
        #expect(!dropped[1].contains(0))
    }
}
