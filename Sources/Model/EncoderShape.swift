public import Kernels
public import Layers

/// The sequence encoders there are, each with its own options. A new one is a layer, a file with its shape, and a case here:
/// docs/architecture.md has the steps.
public enum EncoderShape: Codable, Sendable, Equatable {
    case lstm(shape: LSTMShape)
    case gru(shape: GRUShape)
    case qrnn(shape: QRNNShape)
    case sru(shape: SRUShape)
    case transformer(shape: TransformerShape)

    /// The name of each encoder for users, and the shape that it begins with.
    public static let kinds: [(name: String, shape: EncoderShape)] = [
        ("lstm", .lstm(shape: LSTMShape(cell: 0, projection: nil))),
        ("gru", .gru(shape: GRUShape(cell: 0))),
        ("qrnn", .qrnn(shape: QRNNShape(cell: 0))),
        ("sru", .sru(shape: SRUShape(cell: 0))),
        ("transformer", .transformer(shape: .asWide(as: 0))),
    ]

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

    public var name: String { Self.kinds.first { type(of: $0.shape.family) == type(of: family) }?.name ?? "" }
    /// Width of a layer's output in one direction, and of the input layer's. See `EncoderFamily.width(isCausal:)`.
    public var width: Int { family.width }
    /// Units of a layer before they are projected to that width, if they are.
    public var cell: Int { family.cell }
}

/// The options of a family of sequence encoders, with all that follows from them. Encoder and input layer are equally wide.
public protocol EncoderFamily: Codable, Sendable, Equatable {
    var width: Int { get }
    var cell: Int { get }
    var layers: Int { get }
    /// True if the output of the input layer is normalised, too.
    var layerNorm: Bool { get }

    /// Takes over the size of another encoder: its cells and the width of its output.
    mutating func takeSize(cell: Int, width: Int)
    /// The words of a text that are usually trained together; `nil`: as many as a recurrent encoder's.
    var usualWindow: Int? { get }
    /// The steps of a sequence at most; `nil`: any number.
    var longestSequence: Int? { get }
    /// True if a text may go on in a later pass.
    var carriesState: Bool { get }
    /// Bytes of a device's memory for attention's weights at a time, about.
    func attentionBytes(batch: Int, window: Int) -> Int
    /// Multiplications and additions of a training step that are those of no weight, for each word of a window: attention's.
    func attentionOperations(window: Int, isCausal: Bool) -> Double
    /// True if its layers can be made for an objective that sees both sides of a word.
    var seesBothSides: Bool { get }
    /// Says how many words will be trained together.
    mutating func prepare(forWindow window: Int)
    /// The complaint about windows of so many words to train on; `nil` if they are right.
    func complaint(aboutWindow window: Int) -> String?

    /// Takes over what the user asked for; returns the option that this family does not have, if there is one.
    mutating func apply(_ options: EncoderOverrides) -> String?
    /// The complaint about values that make no encoder; `nil` if they make one.
    var complaint: String? { get }
    /// The number of weights in the matrices, and about how many numbers each position of a window takes. Both are Doubles, because
    /// absurd sizes must not overflow.
    var weights: Double { get }
    var activations: Double { get }
    /// The same of a network that sees the whole window: where each layer has a half for either way to read, it is twice as wide.
    func width(isCausal: Bool) -> Int
    func weights(isCausal: Bool) -> Double
    func activations(isCausal: Bool) -> Double
    /// Sizes and options as text: two lines; and what reports compare beside sizes.
    var description: String { get }
    var settings: [String: String] { get }

    /// The network that stands between the input layer's output and the output layer, all of them `width(isCausal:)` wide.
    /// - Parameter isCausal: true if an output may follow from the words up to its own and from no later ones.
    func make(_ name: String, isCausal: Bool, in plan: inout Plan) -> any SequenceEncoder
}

extension EncoderFamily {
    // What holds of recurrent encoders.
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

/// Options of an encoder that were asked for instead of a preset's.
public struct EncoderOverrides: Sendable {
    public var cell, projection, layers: Int?
    /// Of a Transformer.
    public var heads, feedForward, longest: Int?
    public var activation: HiddenFunction?
    public var positions: TransformerShape.PositionKind?
    public var dropout: Float?
    public var dropoutKind: DropoutKind?
    public var layerNorm, residual: Bool?
    /// Words that a convolution sees.
    public var convolution: Int?
    public var zoneout: Float?
    public var outputGate: Bool?
    public var highwayBias: Float?

    public init() {}

    /// Options that not all families have.
    enum Special: CaseIterable {
        case cell, projection, residual, recurrentDropout, convolution, zoneout, outputGate, highwayBias
        case heads, feedForward, activation, positions, longest

        /// Those of all recurrent encoders.
        static let recurrent: [Special] = [.cell, .residual]
    }

    /// The first special option that was asked for and is not `known`, as users write it.
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

/// The units that dropout drops.
public enum DropoutKind: String, Codable, Sendable, CaseIterable {
    /// Units of a layer's output, which its next step sees too, by one draw for all steps of a window (the ELMo-C authors' code).
    case recurrent
    /// Units of what goes into each layer and out of the last, by a draw for each step (ELMo).
    case nonRecurrent = "non-recurrent"
}

/// The complaint that a size is out of range, of the first that is.
func sizeComplaint(_ sizes: [(name: String, size: Int)]) -> String? {
    sizes.first { $0.size < 1 || $0.size > 1 << 20 }.map { "\($0.name) is \($0.size), and must be from 1 to \(1 << 20)" }
}

/// The complaint that a share of units to drop is none.
func dropoutComplaint(_ dropout: Float) -> String? {
    dropout >= 0 && dropout < 1 ? nil : "dropout is \(dropout), and must be at least 0 and below 1"
}
