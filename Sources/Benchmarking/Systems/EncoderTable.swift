internal import Kernels
public import Model
public import Training

/// The encoders of the table that says how much faster the continuous output is whatever the encoder (Li et al. 2019), from small to
/// large, and those with elementwise recurrences.
public enum TableEncoder: String, CaseIterable, Sendable {
    /// Two layers without projection, and the same twice as wide.
    case lstm
    case lstmTwice = "lstm-x2"
    /// The base model of Vaswani et al. 2017.
    case base
    /// Two layers of 4,096 cells with a projection to 512.
    case elmo
    /// The large model of Vaswani et al. 2017.
    case large
    case gpt
    case qrnn, sru

    /// The name in tables.
    public var title: String {
        switch self {
        case .lstm: "LSTM"
        case .lstmTwice: "LSTM twice as wide"
        case .base: "Transformer base"
        case .elmo: "ELMo's LSTM"
        case .large: "Transformer large"
        case .gpt: "GPT"
        case .qrnn: "QRNN"
        case .sru: "SRU"
        }
    }

    /// At its full size.
    private var shape: EncoderShape {
        let cells = 512
        return switch self {
        case .lstm: .lstm(shape: LSTMShape(cell: cells, projection: nil))
        case .lstmTwice: .lstm(shape: LSTMShape(cell: 2 * cells, projection: nil))
        case .base: .transformer(shape: .base)
        case .elmo: .lstm(shape: LSTMShape(cell: 4096, projection: cells))
        case .large: .transformer(shape: .large)
        case .gpt: .transformer(shape: .gpt)
        case .qrnn: .qrnn(shape: QRNNShape(cell: 2 * cells))
        case .sru: .sru(shape: SRUShape(cell: 2 * cells))
        }
    }

    /// The encoder, its layers narrowed to one part in `narrowing` of their width.
    func shape(narrowing: Int) -> EncoderShape {
        var shape = shape
        guard narrowing > 1 else { return shape }
        shape.family.takeSize(cell: max(1, shape.cell / narrowing), width: max(1, shape.width / narrowing))
        return shape
    }
}

/// The output layers of the table: what each encoder is measured with.
public enum TableOutput: String, CaseIterable, Sendable {
    /// The continuous output, with the loss of the paper and with the one that makes it a language model.
    case cosine, contrastive
    case sampled, adaptive, subword, softmax

    /// The name in tables.
    public var title: String {
        switch self {
        case .cosine: "continuous, cosine"
        case .contrastive: "continuous, contrastive"
        case .sampled: "sampled softmax"
        case .adaptive: "adaptive softmax"
        case .subword: "subword softmax"
        case .softmax: "full softmax"
        }
    }

    /// True if the words that it can predict have weights of their own.
    public var isSoftmax: Bool { self != .cosine && self != .contrastive }

    /// The output as options of `train`.
    fileprivate var options: String {
        switch self {
        case .cosine: "--loss cosine"
        case .contrastive: "--loss contrastive"
        case .sampled: "--output sampled-softmax"
        case .adaptive: "--output adaptive-softmax"
        case .subword: "--input subwords --output subword-softmax --tie"
        case .softmax: "--output softmax"
        }
    }
}

/// The sizes of the table's systems.
public struct TableSizes: Sendable {
    /// The words that there are vectors or classes for, marks counted, and the units of the subword softmax.
    public var vocabulary = 793_471
    public var units = 32_000
    /// Words that the sampled softmax draws.
    public var negatives = 8192
    public var dimension = 300
    /// Words of a step: windows of 20 of a recurrent encoder, of 128 of a Transformer.
    public var words = 2560
    public var reading = Reading.forward
    /// The part of the full width that encoders have.
    public var narrowing = 1
    public var optimizer = OptimizerKind.adam

    public init() {}

    private static let window = 20

    /// Returns the system of an encoder and an output layer.
    public func system(_ encoder: TableEncoder, _ output: TableOutput) -> MeasuredSystem {
        var shape = encoder.shape(narrowing: narrowing)
        let window = min(words, shape.family.usualWindow ?? Self.window)
        shape.family.prepare(forWindow: window)
        var configuration = EncoderConfiguration(shape, vectorSize: dimension)
        configuration.reading = reading
        configuration.vocabularySize = vocabulary
        configuration.loss = output == .contrastive ? .contrastive : .cosine
        switch output {
        case .cosine: break
        case .contrastive: configuration.negatives = min(configuration.usualNegatives, vocabulary / 2)
        case .sampled:
            configuration.output = .sampledSoftmax
            configuration.negatives = max(1, min(negatives, vocabulary / 2))
        case .adaptive:
            configuration.output = .adaptiveSoftmax
            configuration.cutoffs = vocabulary < 400_000 ? [max(1, vocabulary / 20), max(2, vocabulary / 4)] : [40_000, 200_000]
        case .subword:
            (configuration.input, configuration.output, configuration.isTied) = (.subwords, .subwordSoftmax, true)
            configuration.vocabularySize = min(units, vocabulary)
        case .softmax: configuration.output = .softmax
        }
        if output.isSoftmax { configuration.outputSize = 0 } else { configuration.vocabularySize = 0 }
        if configuration.input == .subwords { configuration.inputSize = 0 }
        return MeasuredSystem(
            name: output.title, options: output.options, encoder: encoder.rawValue, configuration: configuration,
            vocabulary: vocabulary, batch: max(1, words / window), window: window, optimizer: optimizer)
    }
}
