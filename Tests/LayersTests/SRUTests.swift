@_spi(HostMemory) import Kernels
import Layers
import Testing

@Suite struct SRUTests {
    typealias Fixture = RecurrentFixture<SRU>

    /// A layer with what goes through it.
    struct Case: Sendable, CustomTestStringConvertible {
        var highway = true
        var projection: Int?
        var layers = 1
        var dropout: Float = 0
        var lengths = [4, 4]

        var testDescription: String { "\(self)" }

        var example: Fixture.Example {
            let (highway, projection) = (highway, projection)
            return Fixture.Example(layers: layers, dropout: dropout, lengths: lengths) { name, width, first, plan in
                var options = SRU.Options(cell: width)
                (options.hasHighway, options.projection, options.highwayBias) = (highway, projection, -1)
                return SRU(name, inputs: width, options: options, sharing: first, in: &plan)
            }
        }
    }

    static let cases = [
        Case(), Case(highway: false), Case(projection: 5), Case(highway: false, projection: 5), Case(lengths: [5, 3, 3, 1]),
        Case(projection: 3, layers: 2, dropout: 0.3, lengths: [5, 3, 3, 1]), Case(layers: 3, lengths: [6, 1, 1]),
        Case(highway: false, layers: 2, lengths: [4, 2, 0]), Case(lengths: [1]),
    ]

    @Test(arguments: onEach(cases)) func gradients(backend: TestedBackend, example: Case) {
        Fixture.checkGradients(example.example, on: backend)
    }

    @Test(arguments: onEach(cases)) func endedSequencesDoNotMatter(backend: TestedBackend, example: Case) {
        Fixture.checkEndedSequences(example.example, on: backend)
    }

    @Test(arguments: onEach([true, false])) func carriedStateContinuesTheSequence(backend: TestedBackend, highway: Bool) {
        Fixture.checkCarriedState(Case(highway: highway, layers: 2).example, on: backend)
    }

    @Test(arguments: [Case(layers: 2, dropout: 0.1), Case(highway: false, projection: 40)])
    func bitsDependOnNothingElse(example: Case) {
        Fixture.checkBits(example.example)
    }

    /// Numbers of PyTorch 2.15 in double precision, by autograd over the equations of the paper.
    @Test(arguments: backends) func fiveStepsArePyTorchs(backend: TestedBackend) {
        let expected: [(highway: Bool, projection: Int?, steps: [[Double]])] = [
            (true, nil, [
             [2.9564966, 1.0831242, 0.0377078, -0.1227256, -0.2125004],
             [2.6861503, 0.9737330, 0.0557531, -0.0974519, -0.1827224],
             [2.4294248, 0.8572220, 0.0647304, -0.0790383, -0.1524079],
             [2.2109379, 0.7532734, 0.0718359, -0.0628441, -0.1231450],
             [2.0262969, 0.6617350, 0.0777283, -0.0481949, -0.0952752],
            ]),
            (true, 2, [
             [3.1906216, 1.1211986, -0.0008036, -0.1620219, -0.2184634],
             [2.9789253, 0.8776418, 0.0077342, -0.1411165, -0.1918618],
             [2.7623115, 0.7110470, 0.0100849, -0.1212492, -0.1660374],
             [2.5991894, 0.6081868, 0.0106543, -0.1061759, -0.1458829],
             [2.4768086, 0.5546724, 0.0102019, -0.0951246, -0.1305026],
            ]),
            (false, nil, [
             [1.5254621, 0.1280019, 0.0032641, 0.0013519, -0.0002553],
             [1.4815585, 0.1529882, 0.0072792, 0.0037192, 0.0000975],
             [1.4333240, 0.1848422, 0.0119011, 0.0066969, 0.0006790],
             [1.3785126, 0.2244924, 0.0182503, 0.0109395, 0.0016136],
             [1.3147435, 0.2691198, 0.0264816, 0.0166973, 0.0032637],
            ]),
            (false, 2, [
             [1.5915990, 0.0965618, -0.0035148, -0.0063547, -0.0070596],
             [1.5792402, 0.0531636, -0.0021350, -0.0036009, -0.0036454],
             [1.5696128, 0.0261696, -0.0007137, -0.0011262, -0.0010440],
             [1.5653773, 0.0153688, -0.0000019, 0.0001279, 0.0001933],
             [1.5640999, 0.0168377, 0.0003005, 0.0007451, 0.0007812],
            ]),
        ]
        for (highway, projection, steps) in expected {
            Fixture.checkFiveSteps(Case(highway: highway, projection: projection, layers: 2).example, steps, on: backend)
        }
    }

    /// Weights begin uniform with the variances of the paper, and the reset gate's bias as it is told.
    @Test func initialWeightsAreThePapers() throws {
        var example = Case(projection: 60).example
        example.width = 100
        let fixture = Fixture(example).fixture
        var random = Random(seed: 1)
        fixture.layer.initialize(fixture.parameters, random: &random)
        func values(_ name: String) throws -> [Double] {
            let value = fixture.parameters.value(try fixture.parameter("stack.layer1.\(name)"))
            return fixture.backend.read(value).map(Double.init)
        }
        func variance(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 } / Double(values.count) }
        #expect(abs(variance(try values("projection.weight")) * 100 - 1) < 0.05)
        let weight = try values("input.weight")
        #expect(abs(variance(weight.indices.filter { $0 % 300 < 100 }.map { weight[$0] }) * 60 - 1) < 0.05)
        #expect(abs(variance(weight.indices.filter { $0 % 300 >= 100 }.map { weight[$0] }) * 60 - 0.5) < 0.03)
        #expect(abs(variance(try values("state.weight")) - 0.5) < 0.1)
        #expect(try values("bias") == [Double](repeating: 0, count: 100) + [Double](repeating: -1, count: 100))
    }
}
