public import Files
public import Layers
public import Model

/// The options file of an ELMo model (bilm-tf's `options.json`), which gives the sizes of its network. Fields that only training
/// uses are recognised and ignored.
public struct ELMoOptions: Sendable, Equatable {
    /// The name that the user gave to the file.
    public let file: String
    /// Number of cells, width of the projection, and number of layers.
    public let cell, projection, layers: Int
    /// Bounds of cells and of projected states; `nil` means none.
    public let cellClip, projectionClip: Float?
    /// True if layers from the second on add their input to their output.
    public let hasSkips: Bool
    /// Activation of the filters.
    public let activation: CharacterConvolution.Activation
    /// Width and count of each filter.
    public let filters: [[Int]]
    /// Number of highway layers, and size of a character's vector.
    public let highways, characterSize: Int
    /// Maximum number of characters of a word, including its two marks.
    public let longestWord: Int

    /// Fields of training, which may have any type.
    private static let ofTraining: Set<String> = [
        "all_clip_norm_val", "batch_size", "bidirectional", "dropout", "learning_rate", "n_epochs", "n_negative_samples_batch",
        "n_tokens_vocab", "n_train_tokens", "sample_softmax", "share_embedding_softmax", "unroll_steps",
    ]

    /// Reads a file. Throws `ToolError`: `ioError`; `dataError`, naming the field, if the file is not JSON, if a field is missing,
    /// unknown, of another type or of a value that no network can have, or if the model reads words.
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
        // bilm-tf adds a vector for the padding of sentences when it reads the file; the file itself never contains one.
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
    /// False if there is no projection, which bilm-tf omits when the sizes are equal.
    var projectsFeatures: Bool { features != projection }
    var projectsCells: Bool { projection != cell }

    /// The network as a configuration of Contour.
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
