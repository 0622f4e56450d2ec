public import Kernels
public import Layers

/// The available sequence encoders, each with its options. To add one, write a layer, a file with its shape, and a case here;
/// docs/architecture.md lists the steps.
public enum EncoderShape: Codable, Sendable, Equatable {
    /// Projected LSTM layers.
    case lstm(shape: LSTMShape)
    /// Layers of gated recurrent units.
    case gru(shape: GRUShape)
    /// Quasi-recurrent layers.
    case qrnn(shape: QRNNShape)
    /// Layers of simple recurrent units.
    case sru(shape: SRUShape)
    /// A Transformer.
    case transformer(shape: TransformerShape)

    /// The name of each encoder for users, and its default shape.
    public static let kinds: [(name: String, shape: EncoderShape)] = [
        ("lstm", .lstm(shape: LSTMShape(cell: 0, projection: nil))),
        ("gru", .gru(shape: GRUShape(cell: 0))),
        ("qrnn", .qrnn(shape: QRNNShape(cell: 0))),
        ("sru", .sru(shape: SRUShape(cell: 0))),
        ("transformer", .transformer(shape: .asWide(as: 0))),
    ]

    /// The options, as a value of their family.
    public var family: any EncoderFamily {
        get {
            switch self {
            case .lstm(let shape): shape
            case .gru(let shape): shape
            case .qrnn(let shape): shape
            case .sru(let shape): shape
            case .transformer(let shape): shape
            }
        }
        set {
            switch newValue {
            case let shape as LSTMShape: self = .lstm(shape: shape)
            case let shape as GRUShape: self = .gru(shape: shape)
            case let shape as QRNNShape: self = .qrnn(shape: shape)
            case let shape as SRUShape: self = .sru(shape: shape)
            case let shape as TransformerShape: self = .transformer(shape: shape)
            default: preconditionFailure("\(type(of: newValue)) has no case in EncoderShape")
            }
        }
    }

    /// Name of the encoder for users.
    public var name: String { Self.kinds.first { type(of: $0.shape.family) == type(of: family) }?.name ?? "" }
    /// Width of the input layer's output, and of each layer's output in one direction. See `EncoderFamily.width(isCausal:)`.
    public var width: Int { family.width }
    /// Number of units in a layer before any projection.
    public var cell: Int { family.cell }
}

/// The options of a family of sequence encoders, and everything that follows from them. The encoder is as wide as the input layer.
public protocol EncoderFamily: Codable, Sendable, Equatable {
    /// Width of each layer's output.
    var width: Int { get }
    /// Number of units in a layer before any projection.
    var cell: Int { get }
    /// Number of layers.
    var layers: Int { get }
    /// True if the output of the input layer is normalised, too.
    var layerNorm: Bool { get }

    /// Takes over the number of cells and the width of another encoder.
    mutating func takeSize(cell: Int, width: Int)
    /// Default number of words of a text trained together; `nil` means that of recurrent encoders.
    var usualWindow: Int? { get }
    /// Maximum number of steps of a sequence; `nil` if there is none.
    var longestSequence: Int? { get }
    /// True if a text may continue in a later pass.
    var carriesState: Bool { get }
    /// Returns the approximate bytes of device memory for attention weights at one time.
    func attentionBytes(batch: Int, window: Int) -> Int
    /// Returns the multiplications and additions of a training step that belong to no weight, for each word of a window: those of
    /// attention.
    func attentionOperations(window: Int, isCausal: Bool) -> Double
    /// True if its layers can serve an objective that sees both sides of a word.
    var seesBothSides: Bool { get }
    /// Sets the number of words that will be trained together.
    mutating func prepare(forWindow window: Int)
    /// Returns what is wrong with training on windows of this many words; `nil` if they are valid.
    func complaint(aboutWindow window: Int) -> String?

    /// Applies the options that the user gave. Returns an option that this family does not have, if there is one.
    mutating func apply(_ options: EncoderOverrides) -> String?
    /// The complaint about values that do not form an encoder; `nil` if they are valid.
    var complaint: String? { get }
    /// Number of weights in the matrices. A Double, because absurd sizes must not overflow.
    var weights: Double { get }
    /// Approximate number of values kept for each position of a window. A Double, because absurd sizes must not overflow.
    var activations: Double { get }
    /// Returns the width in a network that sees only preceding words, or the whole window. In the latter, each layer has a half for
    /// each direction of reading, and is twice as wide.
    func width(isCausal: Bool) -> Int
    /// Returns the number of weights in the matrices of either kind of network.
    func weights(isCausal: Bool) -> Double
    /// Returns the approximate number of values kept for each position, in either kind of network.
    func activations(isCausal: Bool) -> Double
    /// Sizes and options as two lines of text.
    var description: String { get }
    /// Settings that reports compare in addition to sizes.
    var settings: [String: String] { get }

    /// Declares the network between the input layer's output and the output layer, all of them `width(isCausal:)` wide.
    /// - `isCausal`: true if an output may depend only on its own and preceding words.
    func make(_ name: String, isCausal: Bool, in plan: inout Plan) -> any SequenceEncoder
}

extension EncoderFamily {
    // Defaults, which hold for recurrent encoders.
    public var usualWindow: Int? { nil }
    public var longestSequence: Int? { nil }
    public var carriesState: Bool { true }
    public func attentionBytes(batch: Int, window: Int) -> Int { 0 }
    public func attentionOperations(window: Int, isCausal: Bool) -> Double { 0 }
    public var seesBothSides: Bool { true }
    public mutating func prepare(forWindow window: Int) {}
    public func complaint(aboutWindow window: Int) -> String? { nil }
    public func width(isCausal: Bool) -> Int { width }
    public func weights(isCausal: Bool) -> Double { weights }
    public func activations(isCausal: Bool) -> Double { activations }
}

/// Options of an encoder that were requested instead of a preset's; `nil` keeps the preset's.
public struct EncoderOverrides: Sendable {
    /// Number of cells, width of the projection, and number of layers.
    public var cell, projection, layers: Int?
    /// For a Transformer: number of heads, width of feed-forward layers, and maximum length of a sequence.
    public var heads, feedForward, longest: Int?
    /// Activation of a Transformer's feed-forward layers.
    public var activation: HiddenFunction?
    /// Kind of a Transformer's positions.
    public var positions: TransformerShape.PositionKind?
    /// Rate of dropout.
    public var dropout: Float?
    /// The places of dropout in LSTM layers.
    public var dropoutKind: DropoutKind?
    /// True if there are layer norms and residual connections.
    public var layerNorm, residual: Bool?
    /// Number of words that a convolution sees.
    public var convolution: Int?
    /// Rate of zoneout.
    public var zoneout: Float?
    /// True if there are output gates.
    public var outputGate: Bool?
    /// Initial bias of the reset gate.
    public var highwayBias: Float?

    /// Creates overrides that change nothing.
    public init() {}

    /// Options that not all families have.
    enum Special: CaseIterable {
        case cell, projection, residual, recurrentDropout, convolution, zoneout, outputGate, highwayBias
        case heads, feedForward, activation, positions, longest

        /// Those of all recurrent encoders.
        static let recurrent: [Special] = [.cell, .residual]
    }

    /// Returns the first special option that was requested and is not in `known`, as users write it.
    func option(otherThan known: [Special]) -> String? {
        for special in Special.allCases where !known.contains(special) {
            switch special {
            case .cell: if cell != nil { return "--cell" }
            case .projection: if projection != nil { return "--projection" }
            case .residual: if residual == false { return "--no-residual" }
            case .recurrentDropout: if dropoutKind == .recurrent { return "--dropout-kind recurrent" }
            case .convolution: if convolution != nil { return "--convolution" }
            case .zoneout: if zoneout != nil { return "--zoneout" }
            case .outputGate: if outputGate == false { return "--no-output-gate" }
            case .highwayBias: if highwayBias != nil { return "--highway-bias" }
            case .heads: if heads != nil { return "--heads" }
            case .feedForward: if feedForward != nil { return "--feed-forward" }
            case .activation: if activation != nil { return "--activation" }
            case .positions: if positions != nil { return "--positions" }
            case .longest: if longest != nil { return "--longest" }
            }
        }
        return nil
    }
}

/// The places where dropout applies.
public enum DropoutKind: String, Codable, Sendable, CaseIterable {
    /// To a layer's output, which its next step reads, too, with one draw for all steps of a window (the ELMo-C authors' code).
    case recurrent
    /// To the input of each layer and the output of the last, with a draw for each step (ELMo).
    case nonRecurrent = "non-recurrent"
}

/// Returns what is wrong with the first size that is out of range; `nil` if none is.
func sizeComplaint(_ sizes: [(name: String, size: Int)]) -> String? {
    sizes.first { $0.size < 1 || $0.size > 1 << 20 }.map { "\($0.name) is \($0.size), and must be from 1 to \(1 << 20)" }
}

/// Returns what is wrong with a dropout rate; `nil` if it is valid.
func dropoutComplaint(_ dropout: Float) -> String? {
    dropout >= 0 && dropout < 1 ? nil : "dropout is \(dropout), and must be at least 0 and below 1"
}
