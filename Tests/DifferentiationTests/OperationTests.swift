import Differentiation
@_spi(HostMemory) import Kernels
import Layers
import Testing

@Suite struct OperationTests {
    private typealias Pair = (one: Parameter, other: Parameter)

    private static func pair(_ plan: inout Plan) -> Pair { (plan.parameter("one", [5, 4]), plan.parameter("other", [5, 4])) }

    @Test func productsWithAndWithoutBias() {
        TapeCheck { plan in
            (plan.parameter("input", [5, 4]), plan.parameter("weight", [4, 3]), plan.parameter("bias", [3]))
        }.verify { network, tape in
            let product = tape.multiply(tape.value(network.0), by: network.1, bias: network.2)
            tape.addWeightedSum(tape.activate(product, .tanh))
            tape.addWeightedSum(tape.multiply(tape.value(network.0), by: network.1))
        }
    }

    @Test(arguments: [Activation.relu, .tanh, .sigmoid])
    func activations(_ function: Activation) {
        TapeCheck(Self.pair).verify { network, tape in
            tape.addWeightedSum(tape.multiply(tape.activate(tape.value(network.one), function), tape.value(network.other)))
        }
    }

    @Test func sumsAndDifferencesAndProducts() {
        TapeCheck(Self.pair).verify { network, tape in
            let one = tape.value(network.one), other = tape.value(network.other)
            tape.addWeightedSum(tape.multiply(tape.add(one, other), tape.subtract(one, tape.multiply(other, other))))
        }
    }

    @Test func rowsAndColumns() {
        TapeCheck(Self.pair).verify { network, tape in
            let both = tape.concatenate([tape.value(network.one), tape.value(network.other), tape.value(network.one)])
            let rows = tape.gather(tape.numbers([3, -1, 3, 0, 4, 1, 2]), of: both)
            tape.addWeightedSum(tape.multiply(rows, rows))
            tape.addWeightedSum(tape.activate(tape.columns(2..<7, of: tape.rows(1..<4, of: both)), .tanh))
        }
    }

    @Test func droppedUnitsAreThoseOfTheStep() {
        let check = TapeCheck(Self.pair)
        func pass(_ network: Pair, _ tape: Tape) {
            tape.addWeightedSum(tape.drop(tape.multiply(tape.value(network.one), tape.value(network.other)), rate: 0.4))
        }
        check.verify(pass)
        #expect(check.loss(step: 1, pass) == check.loss(step: 1, pass))
        #expect(check.loss(step: 1, pass) != check.loss(step: 2, pass))
    }

    @Test func mixesOfLayers() {
        TapeCheck { plan in (plan.parameter("input", [6, 12]), plan.parameter("weights", [3]), plan.parameter("gain", [1])) }
            .verify { network, tape in
                let mix = tape.mix(tape.value(network.0), weights: network.1, gain: network.2)
                tape.addWeightedSum(tape.multiply(mix, mix))
            }
    }

    @Test func crossEntropy() {
        TapeCheck(Self.pair).verify { network, tape in
            #expect(tape.addCrossEntropy(tape.value(network.one), [0, 3, -1, 2, 2], scale: 0.25) == 4)
            tape.addWeightedSum(tape.value(network.other))
        }
    }

    @Test func lettersUnderFilters() {
        TapeCheck { CharacterFilters("word", alphabet: 9, size: 3, width: 3, count: 5, in: &$0) }.verify(tolerance: 5e-3, length: 1e-3) { filters, tape in
            tape.addWeightedSum(filters.forward([[1, 2, 3, 4], [5], [8, 0, 7], [6, 6, 2, 3, 1, 4, 5]], on: tape))
        }
    }
}
