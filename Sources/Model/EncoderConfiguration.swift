public import Layers

/// Everything needed to build a network from a file of weights, and to find the files it must be used with. Stored in the model's
/// file.
public struct EncoderConfiguration: Codable, Sendable, Equatable {
    /// The network between input and output layer.
    public var encoder: EncoderShape
    /// The directions of a language model.
    public var reading = Reading.both
    /// The words that the model learns to predict.
    public var objective = Objective.nextWord
    /// The share of words in a window that a masked-word model predicts. The others are never hidden.
    public var maskedShare = 0.15
    /// The share of predicted words that the mask vector replaces.
    public var maskVectorShare = 0.8
    /// The share of predicted words that another word replaces; the rest are not changed.
    public var randomWordShare = 0.1
    /// The input layer.
    public var input = InputKind.embeddings
    /// The output layer.
    public var output = OutputKind.continuous
    /// Width of the input vectors; 0 if there are none.
    public var inputSize: Int
    /// Width of the predicted vectors; 0 if there are none.
    public var outputSize: Int
    /// The loss of the continuous output.
    public var loss = LossKind.cosine
    /// The margin of the max-margin loss, in cosines, by which the target must be nearer than any other word.
    public var margin = 0.5
    /// The penalty of the von Mises-Fisher loss; 0 disables it.
    public var normPenalty = 0.02
    /// The scale of the dot product in the von Mises-Fisher loss; 1 disables it.
    public var dotScale = 0.1
    /// The kind of targets of the contrastive loss.
    public var targets = TargetKind.frozen
    /// True if targets are whitened, weighting words by frequency.
    public var whitensTargets = false
    /// The share of a target that is a random vector of the word (Tokarchuk and Niculae 2024).
    public var randomShare = 0.0
    /// The source of negatives beyond those of the window.
    public var negativeSource = NegativeSource.unigram
    /// True if the norm of predictions is learned, one for all.
    public var learnsScale = false
    /// Number of sentences of the training text. With `otherCount` it gives the unigram frequencies of words that no table counts;
    /// 0 in a model that predicts no vectors.
    public var sentenceCount = 0
    /// Mean count in the training text of a word that the table lacks.
    public var otherCount = 0.0
    /// Number of classes of a softmax, units of a trained table, or words of trained targets, including marks.
    public var vocabularySize = 0
    /// Number of classes drawn for a sampled softmax, or maximum number of words that a contrastive target is compared with.
    public var negatives = 8192
    /// Default maximum of contrastive negatives; fewer if there are not as many words. A thousand come within a few percent of the
    /// exact sum; for a small encoder half as many cost half as much, and lose 1% (docs/language-model.md).
    public var usualNegatives: Int { encoder.width > 128 ? 1024 : 512 }
    /// First class of each cluster of the adaptive softmax.
    public var cutoffs: [Int] = []
    /// Size of a character's vector in the character input.
    public var characterSize = 16
    /// Filters of the character input, as width and count.
    public var filters = zip([1, 2, 3, 4, 5, 6, 7], [32, 32, 64, 128, 256, 512, 1024]).map { [$0, $1] }
    /// Activation of the filters.
    public var activation = CharacterConvolution.Activation.relu
    /// Number of highway layers of the character input.
    public var highways = 2
    /// Maximum number of characters read of a word, including its two marks.
    public var longestWord = 50
    /// Names of the marks between sentences, start and end, as the character input reads them.
    public var markNames = Array(Mark.names[..<2])
    /// True if the directions share input and output layers, as in ELMo. The mean of their losses is then minimised, and their
    /// gradients are clipped together.
    public var sharesLayers = false
    /// True if the output layer uses the table of the input layer (Press and Wolf 2017).
    public var isTied = false
    /// Digest of the vocabulary; empty without one.
    public var vocabularyDigest = ""
    /// True if the table's mean is subtracted from the unit vectors, in inputs and targets.
    public var centred = true
    /// Tokenisation of the training text, recorded so that `encode` can do the same.
    public var tokenizer = ""
    /// Digest of the table that the model was trained with; empty if unknown.
    public var tableDigest = ""

    /// Classes of the marks, which precede the words in every vocabulary.
    public enum Mark {
        /// Start and end of a sentence, and unknown words.
        public static let begin: Int32 = 0, end: Int32 = 1, unknown: Int32 = 2
        /// Names of the marks, in the order of their classes.
        public static let names = ["<s>", "</s>", "<unk>"]
    }

    /// Creates a configuration with default options.
    /// - `vectorSize`: width of the embedding table, and so of input and prediction.
    public init(_ encoder: EncoderShape, vectorSize: Int) {
        self.encoder = encoder
        inputSize = vectorSize
        outputSize = vectorSize
    }

    /// Creates a configuration with projected LSTM layers.
    public init(vectorSize: Int, cell: Int, projection: Int) {
        self.init(.lstm(shape: LSTMShape(cell: cell, projection: projection)), vectorSize: vectorSize)
    }

    /// Directions of the model, in the order of their outputs.
    public var directions: [Direction] { objective == .masked ? [.bidirectional] : reading.directions }
    /// True if predictions may depend only on preceding words, in the direction of reading.
    public var isCausal: Bool { objective == .nextWord }
    /// Width of a layer's output in one direction.
    public var width: Int { encoder.family.width(isCausal: isCausal) }
    /// Returns the number of rows of the output layer in a window of `positions`: all, or at most the number of masked words.
    public func predictedRows(of positions: Int) -> Int {
        isCausal ? positions : Int((maskedShare * Double(positions)).rounded(.up))
    }

    /// Options of the LSTM layers, in a configuration that has them.
    public var lstm: LSTMShape {
        get {
            guard let shape = encoder.family as? LSTMShape else { preconditionFailure("the encoder is no LSTM") }
            return shape
        }
        set { encoder = .lstm(shape: newValue) }
    }

    /// Names and encoders of the presets.
    public static let presets: [(name: String, shape: EncoderShape)] = [
        ("elmo-c", .lstm(shape: reference)), ("elmo", .lstm(shape: reference)), ("elmo-a", .lstm(shape: reference)),
        ("elmo-sub", .lstm(shape: reference)), ("elmo-c-wide", .lstm(shape: reference.twiceAsWide)),
        ("elmo-c-deep", .lstm(shape: reference.deeper(by: 2))),
        ("transformer-base", .transformer(shape: .base)), ("transformer-large", .transformer(shape: .large)),
        ("gpt", .transformer(shape: .gpt)),
        ("medium", .lstm(shape: LSTMShape(cell: 2048, projection: 256))),
        ("base", .lstm(shape: LSTMShape(cell: 1024, projection: 256))),
        ("small", .lstm(shape: LSTMShape(cell: 512, projection: 128))),
        ("tiny", .lstm(shape: LSTMShape(cell: 32, projection: 16))),
    ]
    /// The encoder of Li et al. 2019.
    private static let reference = LSTMShape(cell: 4096, projection: 512)

    /// Creates the configuration of a preset; `nil` if there is none of this name. `elmo-c` is the model of Li et al. 2019, with
    /// vectors of 300; `elmo` is that of Peters et al. 2018, and `elmo-a` and `elmo-sub` are the models that Li et al. compare
    /// with; `transformer-base` and `transformer-large` are those of Vaswani et al. 2017, and `gpt` that of Radford et al. 2018.
    /// The vocabulary must be set afterwards.
    public init?(preset name: String, vectorSize: Int) {
        guard let preset = Self.presets.first(where: { $0.name == name }) else { return nil }
        self.init(preset.shape, vectorSize: vectorSize)
        switch name {
        case "elmo":
            input = .characters
            output = .sampledSoftmax
            sharesLayers = true
            lstm.layerNorm = false
            lstm.dropoutKind = .nonRecurrent
        case "elmo-a":
            output = .adaptiveSoftmax
            cutoffs = [40_000, 200_000]
        case "elmo-sub":
            input = .subwords
            output = .subwordSoftmax
            sharesLayers = true
            isTied = true
        default: break
        }
    }

    /// The complaint about values that do not form a network, for a message; `nil` if they are valid.
    public var complaint: String? {
        if let complaint = encoder.family.complaint { return complaint }
        // Includes sizes that this kind of input or output does not use, because sizes are multiplied.
        for (name, size) in [("inputSize", inputSize), ("outputSize", outputSize)] where size < 0 || size > 1 << 20 {
            return "\(name) is \(size), and must be from 0 to \(1 << 20)"
        }
        if let complaint = inputComplaint ?? outputComplaint ?? lossComplaint ?? maskingComplaint { return complaint }
        if !isCausal && !encoder.family.seesBothSides {
            return "the encoder \(encoder.name) reads one way, and masked words need one that sees both sides of a word"
                + (encoder.name == "sru" ? "; without its highway, by --no-residual, it does" : "")
        }
        if isTied && (input != .subwords || output != .subwordSoftmax) {
            return "only subwords have one table for input and output"
        }
        return nil
    }

    /// Approximate number of weights of a direction that take part in training on one word.
    public var weightsOfWord: Double { encoderWeights + inputWeightsOfWord + predictedShare * outputWeightsOfWord }

    /// Approximate number of weights of a direction that take part in scoring one word: all of the output layer's if it has
    /// classes.
    public var weightsOfScoredWord: Double {
        encoderWeights + inputWeightsOfWord + predictedShare * (isContrastive ? outputWeightsOfWord : outputWeights)
    }

    private var encoderWeights: Double { encoder.family.weights(isCausal: isCausal) }
    /// Share of words that go through the output layer.
    private var predictedShare: Double { isCausal ? 1 : maskedShare }

    /// Describes the shares of masked words.
    var maskingDescription: String {
        "masked words \(maskedShare) of all, mask vector for \(maskVectorShare), another word for \(randomWordShare) of them"
    }

    /// The complaint about the shares of masked words; `nil` if they are valid.
    private var maskingComplaint: String? {
        if !(maskedShare > 0 && maskedShare <= 1) {
            return "maskedShare is \(maskedShare), and must be above 0 and at most 1; see --masked-share"
        }
        for (name, share, option) in [
            ("maskVectorShare", maskVectorShare, "--mask-vector-share"), ("randomWordShare", randomWordShare, "--random-word-share"),
        ] where !(share >= 0 && share <= 1) {
            return "\(name) is \(share), and must be from 0 to 1; see \(option)"
        }
        // Shares such as 0.7 and 0.3 are not exact.
        if maskVectorShare + randomWordShare > 1 + 1e-9 {
            return "maskVectorShare and randomWordShare are \(maskVectorShare) and \(randomWordShare), and must not be above 1 together; "
                + "see --mask-vector-share and --random-word-share"
        }
        guard objective == .masked else { return nil }
        if reading != .both { return "a model of masked words reads both ways at once: it has no direction \(reading.rawValue)" }
        return sharesLayers ? "a model of masked words has one network, and no directions that could share layers" : nil
    }

    /// Returns the approximate bytes that training takes: weights with gradients (sparse ones have hardly any), the optimiser's
    /// moments, the activations of a window, and one layer's packed weights. A Double, because absurd sizes must not overflow.
    public func trainingBytes(batch: Int, window: Int, moments: Int = 2) -> Double {
        let (cell, width) = (Double(encoder.cell), Double(width))
        let kept = Double(1 + moments)
        let input = (self.input == .subwords && !isTied ? kept : kept + 1) * inputWeights
        let isSparse = self.output == .sampledSoftmax || isContrastive && targets == .trained
        let output = (isSparse ? kept : kept + 1) * outputWeights
        let outer = (input + output) / (sharesLayers ? Double(directions.count) : 1)
        let positions = Double(batch) * Double(window + 1)
        let activations = positions * (encoder.family.activations(isCausal: isCausal) + 4 * width + inputActivations)
        let floats = (kept + 1) * encoderWeights + outer + activations + 5 * cell * width
        return Double(directions.count) * (4 * floats + outputBytes(rows: predictedShare * positions))
    }
}

extension EncoderConfiguration {
    /// Returns the fields in which this configuration differs from another, for a message: `cell 512, not 1024; table …`.
    public func difference(from other: EncoderConfiguration) -> String {
        // Options of different encoders are not comparable.
        let families = encoder.name == other.encoder.name ? (Self.fields(encoder.family), Self.fields(other.encoder.family)) : ([], [])
        return zip(families.0 + Self.fields(self), families.1 + Self.fields(other))
            .filter { $0.text != $1.text }
            .map { "\($0.name) \($0.text), not \($1.text)" }
            .joined(separator: "; ")
    }

    /// Returns all fields by the names that users know, and the name of the encoder.
    private static func fields(_ value: Any) -> [(name: String, text: String)] {
        Mirror(reflecting: value).children.map { child in
            if let encoder = child.value as? EncoderShape { return ("encoder", encoder.name) }
            return (names[child.label ?? ""] ?? child.label ?? "", text(child.value))
        }
    }

    private static func text(_ value: Any) -> String {
        switch value {
        case let bound as Float?: bound.map { "\($0)" } ?? "none"
        case let size as Int?: size.map { "\($0)" } ?? "none"
        case let choice as any RawRepresentable<String>: choice.rawValue
        default: "\(value)"
        }
    }

    /// Names by which users know fields, where these differ.
    private static let names = [
        "inputSize": "vectors of", "outputSize": "targets of", "tableDigest": "table", "tokenizer": "tokens",
        "layerNorm": "layer norm", "feedForward": "feed-forward", "dropoutKind": "dropout kind", "window": "convolution of", "outputGate": "output gate",
        "highwayBias": "highway bias", "normPenalty": "norm penalty", "dotScale": "dot scale",
        "reading": "directions", "maskedShare": "masked share", "maskVectorShare": "mask vector's share",
        "randomWordShare": "random words' share", "whitensTargets": "whitened targets", "randomShare": "random share",
        "negativeSource": "more negatives", "learnsScale": "learned scale", "sentenceCount": "sentences of the text",
        "otherCount": "mean count of words outside the table", "vocabularySize": "words of the vocabulary",
    ]
}
