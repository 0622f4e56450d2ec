public import Files
public import Layers
public import Model

/// The options file of an ELMo model (bilm-tf's `options.json`): the sizes of its network. What its training adds is known
/// and passed over.
public struct ELMoOptions: Sendable, Equatable {
    /// The name that the user gave to the file.
    public let file: String
    public let cell, projection, layers: Int
    public let cellClip, projectionClip: Float?
    /// True if layers from the second on add their input to their output.
    public let hasSkips: Bool
    public let activation: CharacterConvolution.Activation
    /// Width and count.
    public let filters: [[Int]]
    public let highways, characterSize: Int
    /// Characters of a word at most, its two marks counted.
    public let longestWord: Int

    /// Fields of training, of any type.
    private static let ofTraining: Set<String> = [
        "all_clip_norm_val", "batch_size", "bidirectional", "dropout", "learning_rate", "n_epochs", "n_negative_samples_batch",
        "n_tokens_vocab", "n_train_tokens", "sample_softmax", "share_embedding_softmax", "unroll_steps",
    ]

    /// Throws `ToolError`: `ioError`; `dataError`, with the field's name, if the file is not JSON, if a field is missing, is
    /// unknown, has another type or a value of which no network can be made, or if the model reads words.
    public init(_ source: any ByteSource) throws {
        file = source.name
        let fields = try JSONFields(readSmall(source), file: file)
        for name in ["token_embedding", "char_cnn"] where fields.has(name) != (name == "char_cnn") {
            let state = fields.has(name) ? "there" : "missing"
            throw fields.error(name, "is \(state): this model reads whole words, and only models of characters can be used")
        }
        try fields.check(known: Self.ofTraining.union(["lstm", "char_cnn"]))

        let lstm = try fields.object("lstm")
        try lstm.check(known: ["cell_clip", "dim", "n_layers", "proj_clip", "projection_dim", "use_skip_connections"])
        cell = try lstm.count("dim", in: 1...1 << 16)
        projection = try lstm.count("projection_dim", in: 1...1 << 16)
        guard projection <= cell else {
            throw lstm.error("projection_dim", "is \(projection), and may not be above dim, \(cell)")
        }
        layers = try lstm.count("n_layers", in: 1...64, missing: 1)
        cellClip = try lstm.bound("cell_clip")
        projectionClip = try lstm.bound("proj_clip")
        hasSkips = try lstm.truth("use_skip_connections")

        let characters = try fields.object("char_cnn")
        try characters.check(
            known: ["activation", "embedding", "filters", "max_characters_per_token", "n_characters", "n_highway"])
        activation = try characters.choice("activation", CharacterConvolution.Activation.self)
        // bilm-tf's vectors count the padding of sentences only where they are read; the file has never one for it.
        _ = try characters.count("n_characters", in: 261...262)
        longestWord = try characters.count("max_characters_per_token", in: 3...1024)
        highways = try characters.count("n_highway", in: 0...64, missing: 0)
        let embedding = try characters.object("embedding")
        try embedding.check(known: ["dim"])
        characterSize = try embedding.count("dim", in: 1...4096)
        filters = try characters.pairs("filters", first: 1...longestWord, second: 1...1 << 16)
        for (index, filter) in filters.enumerated() where filters[..<index].contains(where: { $0[0] == filter[0] }) {
            throw characters.error("filters[\(index)][0]", "is \(filter[0]), a width that has stood before")
        }
    }

    /// Features of a word before the projection.
    var features: Int { filters.reduce(0) { $0 + $1[1] } }
    /// False for projections that bilm-tf leaves out because sizes are equal.
    var projectsFeatures: Bool { features != projection }
    var projectsCells: Bool { projection != cell }

    /// The network as Contour has it.
    public var configuration: EncoderConfiguration {
        var shape = LSTMShape(cell: cell, projection: projectsCells ? projection : nil)
        (shape.layers, shape.residual, shape.layerNorm) = (layers, hasSkips, false)
        (shape.cellClip, shape.projectionClip, shape.dropout) = (cellClip, projectionClip, 0)
        var result = EncoderConfiguration(.lstm(shape: shape), vectorSize: 0)
        result.input = .characters
        result.output = .none
        result.characterSize = characterSize
        result.filters = filters
        result.activation = activation
        result.highways = highways
        result.longestWord = longestWord
        result.markNames = ["<S>", "</S>"]
        result.sharesLayers = true
        result.tokenizer = "mode=whitespace"
        return result
    }
}
