public import Layers

/// Everything that makes a network out of a file of weights, and what it must be used with. Stored with the model.
public struct EncoderConfiguration: Codable, Sendable, Equatable {
    /// The network between input and output layer.
    public var encoder: EncoderShape
    /// The directions that a language model has, and what the model learns to predict.
    public var reading = Reading.both
    public var objective = Objective.nextWord
    /// The share of the words of a window that a model of masked words predicts; the share of these that the mask vector stands in
    /// for, and the share that some other word does. The rest stand as they are.
    public var maskedShare = 0.15
    public var maskVectorShare = 0.8
    public var randomWordShare = 0.1
    /// The layers by which words come in and are predicted.
    public var input = InputKind.embeddings
    public var output = OutputKind.continuous
    /// Width of the vectors that come in; 0 if none do.
    public var inputSize: Int
    /// Width of the vectors that are predicted; 0 if none are.
    public var outputSize: Int
    /// The loss of the continuous output.
    public var loss = LossKind.cosine
    /// The margin of the max-margin loss, in cosines: the target must be so much nearer than any other word.
    public var margin = 0.5
    /// The two regularisations of the von Mises-Fisher loss. A penalty of 0 and a scale of 1 are none.
    public var normPenalty = 0.02
    public var dotScale = 0.1
    /// The targets of the contrastive loss: their kind, whether they are whitened by frequency, and the share of them that is a
    /// random vector of the word (Tokarchuk and Niculae 2024).
    public var targets = TargetKind.frozen
    public var whitensTargets = false
    public var randomShare = 0.0
    /// The source of negatives beyond those of the window.
    public var negativeSource = NegativeSource.unigram
    /// True if predictions have a norm that is learned, one for all.
    public var learnsScale = false
    /// The number of sentences of the training text, and the mean count there of a word that the table lacks: they give the words
    /// that no table counts a unigram frequency. 0 in a model that predicts no vectors.
    public var sentenceCount = 0
    public var otherCount = 0.0
    /// Classes of a softmax, units of a trainable table, or words of trained targets: words and marks.
    public var vocabularySize = 0
    /// Classes that the sampled softmax draws for a pass, or words that a target of the contrastive loss is told from, at most.
    public var negatives = 8192
    /// The most negatives of the contrastive loss, unless told otherwise; fewer where there are not as many words. A thousand come
    /// within a few percent of the exact sum; beside a small encoder half as many cost half, and lose 1% (docs/language-model.md).
    public var usualNegatives: Int { encoder.width > 128 ? 1024 : 512 }
    /// The first class of each cluster of the adaptive softmax.
    public var cutoffs: [Int] = []
    /// The input layer of characters: numbers of a character's vector, filters as width and count, the function that they go
    /// through, and highway layers.
    public var characterSize = 16
    public var filters = zip([1, 2, 3, 4, 5, 6, 7], [32, 32, 64, 128, 256, 512, 1024]).map { [$0, $1] }
    public var activation = CharacterConvolution.Activation.relu
    public var highways = 2
    /// The most characters of a word that are read, its two marks counted.
    public var longestWord = 50
    /// The names of the marks between sentences, the beginning's and the end's, as characters read them.
    public var markNames = Array(Mark.names[..<2])
    /// True if the directions have their input and output layers in common, as in ELMo. The mean of their losses is then
    /// minimised, and their gradients are clipped together.
    public var sharesLayers = false
    /// True if the output layer uses the table of the input layer (Press and Wolf 2017).
    public var isTied = false
    /// The digest of the vocabulary; empty without one.
    public var vocabularyDigest = ""
    /// True if the table's mean is taken from the unit vectors, in inputs and targets.
    public var centred = true
    /// The way the training text was made into tokens, so that `encode` can do the same.
    public var tokenizer = ""
    /// The digest of the table the model was trained with; empty if it is not known.
    public var tableDigest = ""

    /// The classes of the marks in every vocabulary; its words follow.
    public enum Mark {
        public static let begin: Int32 = 0, end: Int32 = 1, unknown: Int32 = 2
        public static let names = ["<s>", "</s>", "<unk>"]
    }

    /// - Parameter vectorSize: of the embedding table: width of both input and prediction.
    public init(_ encoder: EncoderShape, vectorSize: Int) {
        self.encoder = encoder
        inputSize = vectorSize
        outputSize = vectorSize
    }

    /// LSTM layers of so many cells, projected.
    public init(vectorSize: Int, cell: Int, projection: Int) {
        self.init(.lstm(shape: LSTMShape(cell: cell, projection: projection)), vectorSize: vectorSize)
    }

    /// The directions the model has, in the order of their outputs.
    public var directions: [Direction] { objective == .masked ? [.bidirectional] : reading.directions }
    /// True if what is predicted may follow from the words before it alone, in the direction of reading.
    public var isCausal: Bool { objective == .nextWord }
    /// Width of a layer's output in one direction.
    public var width: Int { encoder.family.width(isCausal: isCausal) }
    /// Rows of the output layer in a window of so many positions: all, or the words that are masked, at most.
    public func predictedRows(of positions: Int) -> Int {
        isCausal ? positions : Int((maskedShare * Double(positions)).rounded(.up))
    }

    /// The options of LSTM layers, of a configuration that has them.
    public var lstm: LSTMShape {
        get {
            guard let shape = encoder.family as? LSTMShape else { preconditionFailure("the encoder is no LSTM") }
            return shape
        }
        set { encoder = .lstm(shape: newValue) }
    }

    /// The presets' names and encoders.
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

    /// The configuration of a preset, `nil` if there is none of this name. `elmo-c` is the reference of Li et al. 2019,
    /// which has vectors of 300; `elmo` is Peters et al. 2018, and `elmo-a` and `elmo-sub` are what the former compare
    /// with; `transformer-base` and `transformer-large` are those of Vaswani et al. 2017, and `gpt` that of Radford et al. 2018. The
    /// vocabulary is still to be set.
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

    /// The complaint about values that make no network, for a message; `nil` if they make one.
    public var complaint: String? {
        if let complaint = encoder.family.complaint { return complaint }
        // Also those that the kind of input or output has no use for: sizes are multiplied.
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

    /// About how many weights of a direction a word meets in training.
    public var weightsOfWord: Double { encoderWeights + inputWeightsOfWord + predictedShare * outputWeightsOfWord }

    /// About how many weights of a direction a word meets when it is scored: all of the output layer's, if it has classes.
    public var weightsOfScoredWord: Double {
        encoderWeights + inputWeightsOfWord + predictedShare * (isContrastive ? outputWeightsOfWord : outputWeights)
    }

    private var encoderWeights: Double { encoder.family.weights(isCausal: isCausal) }
    /// The share of the words that go through the output layer.
    private var predictedShare: Double { isCausal ? 1 : maskedShare }

    /// The shares of masked words in words.
    var maskingDescription: String {
        "masked words \(maskedShare) of all, mask vector for \(maskVectorShare), another word for \(randomWordShare) of them"
    }

    /// The complaint about shares of masked words; `nil` if there is none.
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

    /// About how many bytes training takes: weights with gradients, which sparse ones hardly have, and the optimiser's
    /// moments, the activations of a window, and a layer's weights packed. A Double, because absurd sizes must not overflow.
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
    /// In which fields this configuration differs from another, for a message: `cell 512, not 1024; table …`.
    public func difference(from other: EncoderConfiguration) -> String {
        // Options of different encoders have nothing to do with each other.
        let families = encoder.name == other.encoder.name ? (Self.fields(encoder.family), Self.fields(other.encoder.family)) : ([], [])
        return zip(families.0 + Self.fields(self), families.1 + Self.fields(other))
            .filter { $0.text != $1.text }
            .map { "\($0.name) \($0.text), not \($1.text)" }
            .joined(separator: "; ")
    }

    /// All fields by the names that users know, and of the encoder its name.
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

    /// The names by which users know fields, where these have others.
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
