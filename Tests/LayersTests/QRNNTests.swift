@_spi(HostMemory) import Kernels
import Layers
import Testing

@Suite struct QRNNTests {
    typealias Fixture = RecurrentFixture<QRNN>

    private static func example(
        window: Int = 2, outputGate: Bool = true, zoneout: Float = 0, layers: Int = 1, dropout: Float = 0, lengths: [Int] = [4, 4]
    ) -> Fixture.Example {
        Fixture.Example(layers: layers, residual: layers > 1, dropout: dropout, lengths: lengths) { name, width, first, plan in
            var options = QRNN.Options(cell: width)
            (options.window, options.hasOutputGate, options.zoneout) = (window, outputGate, zoneout)
            return QRNN(name, inputs: width, options: options, sharing: first, in: &plan)
        }
    }

    /// A layer with what goes through it.
    struct Case: Sendable, CustomTestStringConvertible {
        var window = 2
        var outputGate = true
        var zoneout: Float = 0
        var layers = 1
        var dropout: Float = 0
        var lengths = [4, 4]

        var testDescription: String { "\(self)" }
        var example: Fixture.Example {
            QRNNTests.example(
                window: window, outputGate: outputGate, zoneout: zoneout, layers: layers, dropout: dropout, lengths: lengths)
        }
    }

    static let cases = [
        Case(), Case(window: 1), Case(outputGate: false), Case(window: 1, outputGate: false), Case(zoneout: 0.4),
        Case(outputGate: false, zoneout: 0.4), Case(lengths: [5, 3, 3, 1]), Case(window: 1, outputGate: false, lengths: [5, 3, 3, 1]),
        Case(zoneout: 0.2, layers: 2, dropout: 0.3, lengths: [5, 3, 3, 1]), Case(layers: 3, lengths: [6, 1, 1]),
        Case(outputGate: false, layers: 2, lengths: [4, 2, 0]), Case(lengths: [1]),
    ]

    @Test(arguments: onEach(cases)) func gradients(backend: TestedBackend, example: Case) {
        Fixture.checkGradients(example.example, on: backend)
    }

    @Test(arguments: onEach(cases)) func endedSequencesDoNotMatter(backend: TestedBackend, example: Case) {
        Fixture.checkEndedSequences(example.example, on: backend)
    }

    @Test(arguments: onEach([1, 2])) func carriedStateContinuesTheSequence(backend: TestedBackend, window: Int) {
        Fixture.checkCarriedState(Self.example(window: window, layers: 2), on: backend)
    }

    @Test(arguments: [Case(zoneout: 0.1, layers: 2, dropout: 0.1), Case(window: 1, outputGate: false)])
    func bitsDependOnNothingElse(example: Case) {
        Fixture.checkBits(example.example)
    }

    /// Numbers of PyTorch 2.15 in double precision, by autograd over the equations of the paper.
    @Test(arguments: backends) func fiveStepsArePyTorchs(backend: TestedBackend) {
        let expected: [(window: Int, outputGate: Bool, steps: [[Double]])] = [
            (1, true, [
             [2.3421430, 1.0966601, -0.2113639, -0.2086338, -0.1213190],
             [2.2296738, 1.0151741, -0.1763546, -0.1610059, -0.0812401],
             [1.9792048, 0.8171986, -0.1322591, -0.1163285, -0.0394363],
             [1.7861837, 0.6408926, -0.0895367, -0.0803798, 0.0007484],
             [1.6456815, 0.5045054, -0.0506565, -0.0517077, 0.0392601],
            ]),
            (1, false, [
             [3.6813983, 6.1732194, -0.3069465, -0.5501563, -0.5217866],
             [4.2406637, 6.9287351, -0.3002699, -0.4773608, -0.4558641],
             [3.1078343, 5.4845469, -0.1823494, -0.3397285, -0.3280966],
             [2.0826704, 3.8524814, -0.0561726, -0.1969943, -0.1969799],
             [1.3886514, 2.3786606, 0.0654222, -0.0593526, -0.0714989],
            ]),
            (2, true, [
             [1.8059679, 0.7793876, -0.0282245, 0.0646379, 0.0218257],
             [1.6693473, 0.8514006, -0.0242339, 0.0474312, 0.0574893],
             [1.4678130, 0.6638041, -0.0414763, 0.0924957, 0.1421070],
             [1.3010674, 0.6213701, -0.0519568, 0.1501209, 0.2081360],
             [1.1599713, 0.6204903, -0.0461922, 0.2030031, 0.2332802],
            ]),
            (2, false, [
             [1.5933266, 1.2728302, -0.0391263, 0.0992303, 0.1777621],
             [1.5060984, 1.6635425, 0.0521349, -0.0235519, -0.0342006],
             [1.3336594, 1.7183068, -0.0042249, 0.0459654, 0.0217602],
             [1.0809836, 0.9563584, -0.0096718, 0.1838426, 0.1699520],
             [0.9593909, 1.1776103, 0.0716511, 0.2880734, 0.3224437],
            ]),
        ]
        for (window, outputGate, steps) in expected {
            Fixture.checkFiveSteps(Self.example(window: window, outputGate: outputGate, layers: 2), steps, on: backend)
        }
    }

    /// At inference 1 - f counts 1 - p times; the numbers are PyTorch's as well.
    @Test(arguments: backends) func zoneoutIsItsMeanAtInference(backend: TestedBackend) {
        var example = Self.example(window: 1, outputGate: false, zoneout: 0.3)
        (example.width, example.lengths) = (3, [4, 4])
        let fixture = Fixture(example, on: backend.make(1)).fixture, input = OwnedMatrix(8, 3)
        fixture.mode = .inference
        input.matrix.fillWave(1)
        fixture.parameters.fillWaves()
        let expected = [
            0.0427562, -0.0771532, -0.131214, 0.1292899, -0.0451071, -0.1568412, -0.051534, -0.2096681, -0.2401287, 0.1193191,
            -0.1032941, -0.2345726, 0.0997868, -0.1663871, -0.3092635, -0.0073286, -0.2267511, -0.3136587, 0.1042564, -0.1755866,
            -0.3347818, 0.1228353, -0.1774445, -0.3562623,
        ]
        for (own, theirs) in zip(fixture.outputs(input.matrix, WindowShape(steps: 4, batch: 2)), expected) {
            #expect(abs(Double(own) - theirs) < 1e-6)
        }
    }

    /// In training so many cells keep their values, and others than in the step before.
    @Test(arguments: backends) func zoneoutKeepsCells(backend: TestedBackend) {
        var example = Self.example(outputGate: false, zoneout: 0.3)
        (example.width, example.lengths) = (20, [Int](repeating: 10, count: 8))
        let fixture = Fixture(example, on: backend.make(1))
        func kept(step: Int) -> [Bool] {
            fixture.fixture.mode = .training(seed: 4, step: step)
            let cells = fixture.outputs(), block = 8 * 20
            return (block..<cells.count).map { cells[$0] == cells[$0 - block] }
        }
        let first = kept(step: 1), count = first.count { $0 }
        #expect(abs(Double(count) / Double(first.count) - 0.3) < 0.04)
        #expect(kept(step: 1) == first && kept(step: 2) != first)
    }
}
