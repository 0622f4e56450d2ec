public import Layers

/// Which way a language model reads.
public enum Direction: String, Codable, Sendable, CaseIterable {
    case forward, backward
}

/// Everything that makes a network out of a file of weights, and what it must be used with. Stored with the model.
public struct EncoderConfiguration: Codable, Sendable, Equatable {
    /// The network between input and output layer; see `EncoderKind`.
    public var encoder = EncoderKind.lstm
    /// The directions the model has, in the order of their outputs.
    public var directions = Direction.allCases
    /// How words come in, and what is predicted; see `InputKind` and `OutputKind`.
    public var input = InputKind.embeddings
    public var output = OutputKind.continuous
    /// Width of the vectors that come in; 0 if none do.
    public var inputSize: Int
    /// Width of the vectors that are predicted; 0 if none are.
    public var outputSize: Int
    /// LSTM cells of a layer and direction.
    public var cell: Int
    /// Width of a layer's output in one direction.
    public var projection: Int
    /// Whether a layer projects its cells' outputs to that width. Without, it must be that of `cell`.
    public var hasProjection = true
    public var layers = 2
    /// Whether layers from the second on add their input to their output.
    public var residual = true
    /// Whether the input layer and the projected states are normalised.
    public var layerNorm = true
    /// Bounds of the cells and of the projected states; `nil` for none.
    public var cellClip: Float? = 3
    public var projectionClip: Float? = 3
    /// Dropout in training, and what of; see `DropoutKind`.
    public var dropout: Float = 0.1
    public var dropoutKind = DropoutKind.recurrent
    /// What training makes small; see `LossKind`.
    public var loss = LossKind.cosine
    /// Of the max-margin loss: how much nearer the target must be than any other word, in cosines.
    public var margin = 0.5
    /// Of the von Mises-Fisher loss: its two regularisations. A penalty of 0 and a scale of 1 are none.
    public var normPenalty = 0.02
    public var dotScale = 0.1
    /// Classes of a softmax, and units of a trainable table: words and marks.
    public var vocabularySize = 0
    /// Of the sampled softmax: classes drawn for a pass.
    public var negatives = 8192
    /// Of the adaptive softmax: the first class of each cluster.
    public var cutoffs: [Int] = []
    /// Of characters: numbers of a character's vector, filters as width and count with what they go through, and highway
    /// layers.
    public var characterSize = 16
    public var filters = zip([1, 2, 3, 4, 5, 6, 7], [32, 32, 64, 128, 256, 512, 1024]).map { [$0, $1] }
    public var activation = CharacterConvolution.Activation.relu
    public var highways = 2
    /// Of characters: how many of a word at most, its two marks counted; the rest of a longer one is not read.
    public var longestWord = 50
    /// Of characters: what the marks between sentences are called where they stand in a text, the beginning's and the end's.
    public var markNames = Array(Mark.names[..<2])
    /// Whether the directions have their input and output layers in common, as in ELMo. What is minimised is then the
    /// mean of their losses, and their gradients are clipped together.
    public var sharesLayers = false
    /// Whether the output layer uses the table of the input layer (Press and Wolf 2017).
    public var isTied = false
    /// The digest of the vocabulary; empty without one.
    public var vocabularyDigest = ""
    /// Whether the table's mean is taken from the unit vectors, in inputs and targets.
    public var centred = true
    /// How the training text was made into tokens, so that `encode` can do the same.
    public var tokenizer = ""
    /// The digest of the table the model was trained with; empty if it is not known.
    public var tableDigest = ""

    /// The classes of the marks in every vocabulary; its words follow.
    public enum Mark {
        public static let begin: Int32 = 0, end: Int32 = 1, unknown: Int32 = 2
        public static let names = ["<s>", "</s>", "<unk>"]
    }

    /// - Parameter vectorSize: of the embedding table: width of both input and prediction.
    public init(vectorSize: Int, cell: Int, projection: Int) {
        inputSize = vectorSize
        outputSize = vectorSize
        self.cell = cell
        self.projection = projection
    }

    /// The presets' names and sizes.
    public static let presets: [(name: String, cell: Int, projection: Int)] = [
        ("elmo-c", 4096, 512),
        ("elmo", 4096, 512),
        ("elmo-a", 4096, 512),
        ("elmo-sub", 4096, 512),
        ("medium", 2048, 256),
        ("base", 1024, 256),
        ("small", 512, 128),
        ("tiny", 32, 16),
    ]

    /// The configuration of a preset, `nil` if there is none of this name. `elmo-c` is the reference of Li et al. 2019,
    /// which has vectors of 300; `elmo` is Peters et al. 2018, and `elmo-a` and `elmo-sub` are what the former compare
    /// with. The vocabulary is still to be set.
    public init?(preset name: String, vectorSize: Int) {
        guard let preset = Self.presets.first(where: { $0.name == name }) else { return nil }
        self.init(vectorSize: vectorSize, cell: preset.cell, projection: preset.projection)
        switch name {
        case "elmo":
            input = .characters
            output = .sampledSoftmax
            sharesLayers = true
            layerNorm = false
            dropoutKind = .nonRecurrent
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

    /// What is wrong with the values, for a message; `nil` if they make a network.
    public var complaint: String? {
        let sizes = [("cell", cell), ("projection", projection), ("layers", layers)]
        for (name, size) in sizes where size < 1 || size > 1 << 20 {
            return "\(name) is \(size), and must be from 1 to \(1 << 20)"
        }
        // Also those that the kind of input or output has no use for: sizes are multiplied.
        for (name, size) in [("inputSize", inputSize), ("outputSize", outputSize)] where size < 0 || size > 1 << 20 {
            return "\(name) is \(size), and must be from 0 to \(1 << 20)"
        }
        if !hasProjection && projection != cell {
            return "projection is \(projection), and without a projection it must be \(cell), as many as cells"
        }
        if !(dropout >= 0 && dropout < 1) { return "dropout is \(dropout), and must be at least 0 and below 1" }
        for (name, clip) in [("cellClip", cellClip), ("projectionClip", projectionClip)] {
            if let clip, !(clip > 0) { return "\(name) is \(clip), and must be above 0" }
        }
        if let complaint = inputComplaint ?? outputComplaint ?? lossComplaint { return complaint }
        if isTied && (input != .subwords || output != .subwordSoftmax) {
            return "only subwords have one table for input and output"
        }
        if directions.isEmpty || Set(directions).count != directions.count {
            return "directions must name forward, backward or both"
        }
        return nil
    }

    /// LSTM layers of one direction.
    private var recurrentWeights: Double {
        let (cell, width) = (Double(cell), Double(projection))
        return Double(layers) * (4 * cell * 2 * width + 4 * cell + (hasProjection ? cell * width : 0))
    }

    /// About how many weights of a direction a word meets in training.
    public var weightsOfWord: Double { recurrentWeights + inputWeightsOfWord + outputWeightsOfWord }

    /// About how many weights of a direction a word meets when it is scored: all of the output layer's, if it has classes.
    public var weightsOfScoredWord: Double { recurrentWeights + inputWeightsOfWord + outputWeights }

    /// About how many bytes training takes: weights with gradients, which sparse ones hardly have, and the optimiser's
    /// moments, the activations of a window, and a layer's weights packed. A Double, because absurd sizes must not overflow.
    public func trainingBytes(batch: Int, window: Int, moments: Int = 2) -> Double {
        let (cell, width) = (Double(cell), Double(projection))
        let kept = Double(1 + moments)
        let input = (self.input == .subwords && !isTied ? kept : kept + 1) * inputWeights
        let output = (self.output == .sampledSoftmax ? kept : kept + 1) * outputWeights
        let outer = (input + output) / (sharesLayers ? Double(directions.count) : 1)
        let positions = Double(batch) * Double(window + 1)
        let activations = positions * (Double(layers) * (5 * cell + 4 * width) + 4 * width + inputActivations)
        let floats = (kept + 1) * recurrentWeights + outer + activations + 5 * cell * width
        return Double(directions.count) * (4 * floats + outputBytes(rows: positions))
    }
}

extension EncoderConfiguration {
    /// Fields that a file lacks, because it is older than they are, have the values they begin with; sizes must be
    /// there. A clip that is missing is none: that is how none is written.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            vectorSize: try fields.decode(Int.self, forKey: .inputSize),
            cell: try fields.decode(Int.self, forKey: .cell),
            projection: try fields.decode(Int.self, forKey: .projection))
        func read<Value: Decodable>(_ key: CodingKeys, into value: inout Value) throws {
            value = try fields.decodeIfPresent(Value.self, forKey: key) ?? value
        }
        outputSize = try fields.decode(Int.self, forKey: .outputSize)
        cellClip = try fields.decodeIfPresent(Float.self, forKey: .cellClip)
        projectionClip = try fields.decodeIfPresent(Float.self, forKey: .projectionClip)
        try read(.encoder, into: &encoder)
        try read(.directions, into: &directions)
        try read(.hasProjection, into: &hasProjection)
        try read(.layers, into: &layers)
        try read(.residual, into: &residual)
        try read(.layerNorm, into: &layerNorm)
        try read(.dropout, into: &dropout)
        try read(.dropoutKind, into: &dropoutKind)
        try read(.loss, into: &loss)
        try read(.margin, into: &margin)
        try read(.normPenalty, into: &normPenalty)
        try read(.dotScale, into: &dotScale)
        try read(.input, into: &input)
        try read(.output, into: &output)
        try read(.vocabularySize, into: &vocabularySize)
        try read(.negatives, into: &negatives)
        try read(.cutoffs, into: &cutoffs)
        try read(.characterSize, into: &characterSize)
        try read(.filters, into: &filters)
        try read(.activation, into: &activation)
        try read(.highways, into: &highways)
        try read(.longestWord, into: &longestWord)
        try read(.markNames, into: &markNames)
        try read(.sharesLayers, into: &sharesLayers)
        try read(.isTied, into: &isTied)
        try read(.vocabularyDigest, into: &vocabularyDigest)
        try read(.centred, into: &centred)
        try read(.tokenizer, into: &tokenizer)
        try read(.tableDigest, into: &tableDigest)
    }
}
