public import Kernels
public import Layers

/// A Transformer; see `Transformer`. It sees the words of one window, and carries no state to the next.
public struct TransformerShape: EncoderFamily {
    /// Width of states.
    public var width: Int
    /// Number of attention heads.
    public var heads: Int
    /// Width of the feed-forward layers.
    public var feedForward: Int
    /// Number of layers.
    public var layers: Int
    /// Activation of feed-forward layers.
    public var activation = HiddenFunction.relu
    /// Kind of positions.
    public var positions = PositionKind.sinusoidal
    /// Maximum number of steps of a sequence: longer texts are read in windows of this length. `nil` means the number of words
    /// trained together.
    public var longest: Int?
    /// True if the output of the input layer is normalised.
    public var layerNorm = true
    /// Dropout rate of the input and of what each part adds.
    public var dropout: Float = 0.1
    /// Dropout rate of attention weights.
    public var attentionDropout: Float = 0

    /// Creates a Transformer with default options.
    public init(width: Int, heads: Int, feedForward: Int, layers: Int) {
        (self.width, self.heads, self.feedForward, self.layers) = (width, heads, feedForward, layers)
    }

    /// The way in which the position of a word in its sequence enters the network.
    public enum PositionKind: String, Codable, Sendable, CaseIterable {
        /// Sines and cosines of many wavelengths.
        case sinusoidal
        /// A trained vector for each position.
        case learned
    }

    /// The base model of Vaswani et al. 2017.
    public static let base = TransformerShape(width: 512, heads: 8, feedForward: 2048, layers: 6)
    /// The large model of Vaswani et al. 2017.
    public static let large = TransformerShape(width: 1024, heads: 16, feedForward: 4096, layers: 6)
    /// GPT (Radford et al. 2018).
    public static var gpt: TransformerShape {
        var shape = TransformerShape(width: 768, heads: 12, feedForward: 3072, layers: 12)
        (shape.activation, shape.positions) = (.gelu, .learned)
        shape.attentionDropout = 0.1
        return shape
    }

    public var cell: Int { feedForward }
    public var longestSequence: Int? { longest }

    /// Number of learned positions of a network for which no window has been chosen: GPT's.
    private static let usualPositions = 512

    public var usualWindow: Int? { 128 }
    public var carriesState: Bool { false }

    public func complaint(aboutWindow window: Int) -> String? {
        guard let longest else { return nil }
        if window > longest { return "--window is \(window), and the encoder sees at most \(longest) words at once; see --longest" }
        guard positions == .learned && longest > max(Self.leastSequence, window) else { return nil }
        return "--longest is \(longest), and windows of training have \(window) words: positions behind these would never be learned; "
            + "see --window"
    }

    /// Scores and their gradients, as floats and as factors, for as many heads as a device processes at once.
    public func attentionBytes(batch: Int, window: Int) -> Int {
        12 * max(window * window, min(Attention.mostDeviceScores, batch * heads * window * window))
    }

    /// Two products in the forward pass and five in the backward pass, of a word with its whole window, or on average with half of
    /// it.
    public func attentionOperations(window: Int, isCausal: Bool) -> Double {
        14 * Double(layers) * Double(width) * Double(window) / (isCausal ? 2 : 1)
    }

    /// A word between two marks.
    private static let leastSequence = 3

    public mutating func prepare(forWindow window: Int) { if longest == nil { longest = max(Self.leastSequence, window) } }

    /// Returns a Transformer of this width, with heads of width 64 and feed-forward layers four times as wide.
    static func asWide(as width: Int) -> TransformerShape {
        var heads = max(1, width / 64)
        while width % heads != 0 { heads -= 1 }
        return TransformerShape(width: width, heads: heads, feedForward: 4 * width, layers: 6)
    }

    public mutating func takeSize(cell: Int, width: Int) {
        let wide = Self.asWide(as: width)
        (self.width, heads, feedForward) = (width, wide.heads, wide.feedForward)
    }

    public mutating func apply(_ options: EncoderOverrides) -> String? {
        if let option = options.option(otherThan: [.projection, .heads, .feedForward, .activation, .positions, .longest]) { return option }
        if let projection = options.projection { takeSize(cell: 0, width: projection) }
        heads = options.heads ?? heads
        feedForward = options.feedForward ?? feedForward
        layers = options.layers ?? layers
        activation = options.activation ?? activation
        positions = options.positions ?? positions
        longest = options.longest ?? longest
        if let own = options.dropout { (dropout, attentionDropout) = (own, attentionDropout > 0 ? own : 0) }
        layerNorm = options.layerNorm ?? layerNorm
        return nil
    }

    public var complaint: String? {
        if let complaint = sizeComplaint([
            ("width", width), ("heads", heads), ("feed-forward", feedForward), ("layers", layers),
        ]) { return complaint }
        if width % heads != 0 { return "heads is \(heads), and must divide the width, \(width); see --heads" }
        if let longest, longest < Self.leastSequence || longest > 1 << 16 {
            return "longest is \(longest), and must be from \(Self.leastSequence) to \(1 << 16)"
        }
        return dropoutComplaint(dropout) ?? dropoutComplaint(attentionDropout)
    }

    public var weights: Double {
        let width = Double(width)
        return Double(layers) * width * (4 * width + 2 * Double(feedForward))
            + (positions == .learned ? Double(longest ?? Self.usualPositions) * width : 0)
    }

    public var activations: Double { Double(layers) * (9 * Double(width) + Double(feedForward)) + 2 * Double(feedForward) }

    public var description: String {
        "width \(width), heads \(heads), feed-forward \(feedForward), layers \(layers)\n"
            + "positions \(positions.rawValue), windows of at most \(longest.map(String.init) ?? "any number of") steps, activation \(activation.rawValue), "
            + "layer norm of the input \(layerNorm), dropout \(dropout), of attention \(attentionDropout)\n"
    }

    public var settings: [String: String] {
        [
            "layers": "\(layers)", "heads": "\(heads)", "positions": positions.rawValue, "activation": activation.rawValue,
            "layer norm": layerNorm ? "before each part, and of the input" : "before each part",
            "dropout": dropout > 0 ? "\(dropout), of attention \(attentionDropout)" : "none",
        ]
    }

    public func make(_ name: String, isCausal: Bool, in plan: inout Plan) -> any SequenceEncoder {
        var options = Transformer.Options(width: width, heads: heads, hidden: feedForward, layers: layers)
        options.function = activation
        options.isCausal = isCausal
        options.learnedPositions = positions == .learned ? longest ?? Self.usualPositions : nil
        (options.dropout, options.attentionDropout) = (dropout, attentionDropout)
        return Transformer(name, options: options, in: &plan)
    }
}
