import Files
public import Kernels
internal import Layers
public import Model
public import Parallel
import Shards
public import Subwords
public import WordVectors

/// A model with everything that it needs to encode.
public struct LoadedModel {
    /// The encoder.
    public let encoder: ContextualEncoder
    /// The embedding table of a model that reads vectors, with the name of its file.
    public let table: (table: EmbeddingTable, name: String)?
    /// The merges of a model that reads subwords, with the name of their file.
    public let merges: (table: Merges, name: String)?
    /// The user's name for the model.
    public let name: String
    /// Digest by which vector shards identify the model.
    public let digest: String
    /// Precision of products with weights.
    public let precision: WeightPrecision

    /// Reads the table or merges of a model without an output layer, from files named by the user. Throws `ToolError`: `usage` if a
    /// table or merges are missing or not used, `configuration` for a table that the model was not trained with, and what reading
    /// the files throws.
    /// - `name`: file of the model, for messages.
    /// - `takesOtherTable`: true to allow a table that the model was not trained with.
    public init(
        _ encoder: ContextualEncoder, name: String, table: String?, takesOtherTable: Bool = false, merges: String?,
        precision: WeightPrecision = .float32, pool: WorkerPool
    ) throws {
        let configuration = encoder.configuration, input = configuration.input
        try configuration.requireInputs(table: table != nil, merges: merges != nil, of: name)
        for (option, file, isUsed) in [("--table", table, input == .embeddings), ("--bpe", merges, input == .subwords)]
        where file != nil && !isUsed {
            throw ToolError(.usage, "\(option) is not used: \(name) reads \(input.rawValue)")
        }
        self.encoder = encoder
        self.name = name
        self.precision = precision
        digest = try ModelFile.digest(of: encoder)
        self.table = try table.map { path in
            let table = try EmbeddingTable(FileSource(path: path), pool: pool)
            // Vectors of another size are refused later, whatever their table.
            if !takesOtherTable && table.dimension == configuration.inputSize {
                try configuration.requireTrainingTable(
                    table.digest, name: path, advice: "; if its vectors come from the same source, say --other-table")
            }
            return (table, path)
        }
        self.merges = try merges.map { (try Merges(path: $0), $0) }
    }

    /// Returns a stage that encodes sentences. Throws `ToolError` like `SentenceEncoder`.
    public func stage(_ choice: LayerChoice, isStateful: Bool = false, to writer: any VectorWriter) throws -> SentenceEncoder {
        try SentenceEncoder(
            encoder, table: table?.table, tableName: table?.name ?? "", merges: merges, layers: choice, isStateful: isStateful,
            precision: precision, to: writer)
    }

    /// Returns the occurrences in vector shards nearest to the marked word of `query`, in descending order of cosine. Throws
    /// `ToolError`: `configuration` for a shard that does not contain this model's top layer, and what reading throws.
    /// - `count`: maximum number of occurrences.
    public func neighbours(
        of query: MarkedSentence, count: Int, in paths: [String], pool: WorkerPool
    ) throws -> [Neighbour] {
        let vector = try vector(of: query)
        let search = NeighbourSearch(query: vector, count: count, pool: pool)
        for path in paths {
            let reader = try VectorShardReader(FileSource(path: path), pool: pool) { header in
                if let complaint = complaint(header, width: vector.count) {
                    throw ToolError(.configuration, "\(path): \(complaint)")
                }
            }
            try search.look(at: reader, layer: reader.layers - 1)
        }
        return search.neighbours
    }

    /// Returns the top layer's vector of the marked word.
    private func vector(of query: MarkedSentence) throws -> [Float] {
        var values: [Float] = []
        let stage = try stage(.top, to: SentenceCollector { values = $0.values })
        try stage.encode(query.words)
        try stage.flush()
        return Array(values[query.position * encoder.layerWidth..<(query.position + 1) * encoder.layerWidth])
    }

    /// Returns why a vector shard cannot be searched with this model; `nil` if it can.
    private func complaint(_ header: ShardHeader, width: Int) -> String? {
        let fields = header.fields, choice = fields["layer-choice"]
        guard fields.integer("width") == width else {
            return "has vectors of \(fields["width"] ?? "no") numbers, and this model makes \(width)"
        }
        guard fields["model"] == digest, choice == "top" || choice == "all", fields["pool"] == nil else {
            return "its vectors are not of this model's top layer; encode --layers top makes them"
        }
        guard fields["table"] == table.map({ hexadecimal($0.table.digest) }) ?? "" else {
            return "its vectors were made with another table than this one"
        }
        return nil
    }
}
