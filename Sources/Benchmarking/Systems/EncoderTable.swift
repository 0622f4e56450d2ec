internal import Kernels
public import Model
public import Training

/// The encoders of the table that shows how much faster the continuous output is with any encoder (Li et al. 2019), from small to
/// large, and those with elementwise recurrences.
public enum TableEncoder: String, CaseIterable, Sendable {
    /// Two LSTM layers without projection.
    case lstm
    /// The layers of `lstm` with twice the width.
    case lstmTwice = "lstm-x2"
    /// The base model of Vaswani et al. (2017).
    case base
    /// Two layers of 4,096 cells with a projection to 512.
    case elmo
    /// The large model of Vaswani et al. (2017).
    case large
    /// The model of Radford et al. (2018).
    case gpt
    /// Layers with elementwise recurrences.
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

    /// The encoder at its full size.
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

    /// Returns the encoder with its layers narrowed to 1 / `narrowing` of their width.
    func shape(narrowing: Int) -> EncoderShape {
        var shape = shape
        guard narrowing > 1 else { return shape }
        shape.family.takeSize(cell: max(1, shape.cell / narrowing), width: max(1, shape.width / narrowing))
        return shape
    }
}

/// The output layers of the table, with which each encoder is measured.
public enum TableOutput: String, CaseIterable, Sendable {
    /// The continuous output, with the loss of the paper and with the loss that makes it a language model.
    case cosine, contrastive
    /// The sampled softmax, the adaptive softmax, the softmax over units of words, and the full softmax.
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

    /// True if the words that the layer can predict have their own weights.
    public var isSoftmax: Bool { self != .cosine && self != .contrastive }

    /// The options of `train` for the output.
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
    /// The number of words that have vectors or classes, including marks.
    public var vocabulary = 793_471
    /// The number of units of the subword softmax.
    public var units = 32_000
    /// The number of words that the sampled softmax draws.
    public var negatives = 8192
    /// The width of the vectors.
    public var dimension = 300
    /// The number of words in a step: windows of 20 words for a recurrent encoder, of 128 words for a Transformer.
    public var words = 2560
    /// The directions in which the encoders read.
    public var reading = Reading.forward
    /// The factor by which encoders are narrower than at their full size.
    public var narrowing = 1
    /// The optimiser.
    public var optimizer = OptimizerKind.adam

    /// Makes the default sizes.
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
