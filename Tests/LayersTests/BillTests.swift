import Kernels
import Layers
import Testing

/// What plans and layouts say that memory will be taken, before it is.
@Suite struct BillTests {
    /// A layer that is declared and not kept.
    struct Kind: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let declare: @Sendable (inout Plan) -> Void

        init<Declared>(_ name: String, _ declare: @escaping @Sendable (inout Plan) -> Declared) {
            testDescription = name
            self.declare = { _ = declare(&$0) }
        }
    }

    static let rows = 21
    static let filters = [CharacterConvolution.Filters(width: 1, count: 3), .init(width: 4, count: 5)]

    static let kinds = [
        Kind("nothing") { _ in },
        Kind("linear") { Linear("layer", inputs: 5, outputs: 7, rows: rows, in: &$0) },
        Kind("linear without bias") { Linear("layer", inputs: 5, outputs: 7, bias: false, rows: rows, in: &$0) },
        Kind("highway") { Highway("layer", size: 7, rows: rows, in: &$0) },
        Kind("layer norm") { LayerNorm("layer", size: 7, rows: rows, in: &$0) },
        Kind("dropout") { Dropout(rate: 0.5, rows: rows, width: 7, in: &$0) },
        Kind("no dropout") { Dropout(rate: 0, rows: rows, width: 7, in: &$0) },
        Kind("LSTM") { ProjectedLSTM("layer", inputs: 5, options: .sized(9, nil), in: &$0) },
        Kind("projected LSTM") {
            ProjectedLSTM("layer", inputs: 5, options: .sized(9, 6, layerNorm: true, dropout: 0.5), in: &$0)
        },
        Kind("LSTM stack") {
            LSTMStack("encoder", inputs: 5, options: .sized(9, 6), layers: 3, residual: true, dropout: 0.5, in: &$0)
        },
        Kind("LSTM stack without projection") {
            LSTMStack("encoder", inputs: 5, options: .sized(9, nil, layerNorm: true), layers: 2, residual: false, in: &$0)
        },
        Kind("character convolution") {
            CharacterConvolution(
                "layer", inputs: 5, filters: filters, activation: .relu, highways: 2, firstHighway: 1, words: 7, letters: 7 * 9,
                longest: 9, padding: .zeros, in: &$0)
        },
        Kind("convolution encoder") { ConvolutionEncoder("layer", inputs: 5, filters: filters, highways: 1, in: &$0) },
        Kind("character LSTM") { CharacterLSTM("layer", inputs: 5, hidden: 6, outputs: 7, in: &$0) },
        Kind("character input") { CharacterInput("layer", shape: InputLayerTests.shape, outputs: 7, in: &$0) },
        Kind("embedding input") { EmbeddingInput("layer", inputs: 5, outputs: 7, in: &$0) },
        Kind("sparse table") { TableInput("layer", units: 50, outputs: 7, isDense: false, in: &$0) },
        Kind("dense table") { TableInput("layer", units: 50, outputs: 7, isDense: true, in: &$0) },
        Kind("scalar mix") { ScalarMix("layer", layers: 3, width: 7, rows: rows, in: &$0) },
        Kind("softmax") { SoftmaxOutput("layer", inputs: 5, classes: 50, rows: rows, in: &$0) },
        Kind("tied softmax") {
            let table = TableInput("input", units: 50, outputs: 7, isDense: true, in: &$0)
            return (table, SoftmaxOutput("output", inputs: 7, classes: 50, tiedTo: table.table, rows: rows, in: &$0))
        },
        Kind("sampled softmax") {
            SampledSoftmaxOutput("layer", inputs: 5, classes: 50, negatives: 9, rows: rows, in: &$0)
        },
        Kind("adaptive softmax") {
            AdaptiveSoftmaxOutput("layer", inputs: 8, classes: 50, cutoffs: [5, 20], rows: rows, in: &$0)
        },
        Kind("continuous output, cosine") {
            ContinuousOutput("layer", inputs: 5, outputs: 7, loss: Distance.cosine, rows: rows, in: &$0)
        },
        Kind("continuous output, max-margin") {
            let loss = MaxMarginLoss(rows: rows, size: 7, in: &$0)
            return ContinuousOutput("layer", inputs: 5, outputs: 7, loss: loss, rows: rows, in: &$0)
        },
        Kind("sampler") { LogUniformSampler(classes: 50, count: 9, in: &$0) },
        Kind("a network") {
            (
                TableInput("input", units: 50, outputs: 5, isDense: false, in: &$0),
                LSTMStack("encoder", inputs: 5, options: .sized(9, 6), layers: 2, residual: true, in: &$0),
                SampledSoftmaxOutput("output", inputs: 6, classes: 50, negatives: 9, rows: rows, in: &$0)
            )
        },
    ]

    private func plan(_ kind: Kind, isTraining: Bool) -> Plan {
        var plan = Plan(processor(), capacity: WindowCapacity(batch: 3, rows: Self.rows), isTraining: isTraining)
        kind.declare(&plan)
        return plan
    }

    private func total(_ bill: [(name: String, bytes: Int)]) -> Int { bill.reduce(0) { $0 + $1.bytes } }

    @Test(arguments: kinds, [false, true]) func memoryOfAPass(kind: Kind, isTraining: Bool) {
        let plan = plan(kind, isTraining: isTraining)
        #expect(total(plan.bill) == PassMemory(plan).bytes)
        #expect(total(plan.bill) == 4 * (plan.floats + plan.sharedFloats))
        #expect(Set(plan.bill.map(\.name)).count == plan.bill.count)
    }

    @Test(arguments: kinds, [nil, Adagrad(), Adam()] as [(any Optimizer)?])
    func memoryOfParameters(kind: Kind, optimizer: (any Optimizer)?) {
        let layout = plan(kind, isTraining: optimizer != nil).own
        let store = ParameterStore(layout, training: optimizer, backend: processor())
        for names in 1...4 { #expect(total(layout.bill(training: optimizer, names: names)) == store.bytes) }
    }

    /// Memory that only backward passes need is not taken without them.
    @Test func trainingTakesMore() {
        for kind in Self.kinds {
            let used = plan(kind, isTraining: false).floats, trained = plan(kind, isTraining: true).floats
            #expect(used <= trained, "\(kind.testDescription)")
        }
        let stack = Kind("") { LSTMStack("encoder", inputs: 5, options: .sized(9, 6), layers: 2, residual: true, in: &$0) }
        #expect(plan(stack, isTraining: false).floats < plan(stack, isTraining: true).floats)
    }

    @Test func partsOfAStack() {
        let stack = Kind("") { LSTMStack("encoder", inputs: 5, options: .sized(9, 6), layers: 2, residual: true, in: &$0) }
        let plan = plan(stack, isTraining: true)
        #expect(
            plan.bill.map(\.name).sorted()
                == ["gradient between layers", "layer1 activations", "layer2 activations", "packed weights of a layer"])
        #expect(plan.bill.allSatisfy { $0.bytes > 0 })
        #expect(plan.own.bill(training: nil, names: 1).map(\.name) == ["encoder parameters"])
        #expect(
            plan.own.bill(training: nil, names: 2).map(\.name) == ["encoder layer1 parameters", "encoder layer2 parameters"])
    }
}
