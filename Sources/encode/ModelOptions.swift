import ArgumentParser
import ELMoWeights
import Encoding
import Files
import Kernels
import Model
import Parallel
import Shards
import Subwords
import WordVectors

/// What makes the vectors: the model, and what its input layer reads.
struct ModelOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The model that train made.", valueName: "file"), completion: .file())
    var model: String?

    @Option(
        help: ArgumentHelp("The embedding table it was trained with, if it reads vectors.", valueName: "file"),
        completion: .file())
    var table: String?

    @Flag(help: "Take a table other than the one the model was trained with.")
    var otherTable = false

    @Option(
        help: ArgumentHelp("The merges that the training text was cut by, of a model that reads subwords.", valueName: "file"),
        completion: .file())
    var bpe: String?

    @Option(
        help: ArgumentHelp("The options.json of one of ELMo's published models, instead of --model.", valueName: "file"),
        completion: .file())
    var elmoOptions: String?

    @Option(help: ArgumentHelp("Its weights, in HDF5.", valueName: "file"), completion: .file())
    var elmoWeights: String?

    @Flag(
        name: .customLong("int8"),
        help: "Multiply with weights of 8 bits: faster, and vectors whose mean cosine to the exact ones is above 0.999.")
    var isQuantized = false

    var precision: WeightPrecision { isQuantized ? .int8 : .float32 }

    /// Throws `ValidationError` if there is not one model.
    func check() throws {
        guard (elmoOptions == nil) == (elmoWeights == nil) else {
            throw ValidationError("--elmo-options and --elmo-weights need each other")
        }
        guard model != nil || elmoWeights != nil else {
            throw ValidationError("--model is missing: the model that train made, or --elmo-options and --elmo-weights")
        }
        guard model == nil || elmoWeights == nil else { throw ValidationError("--model and --elmo-weights exclude each other") }
    }
}

/// A model with everything it needs to encode.
struct LoadedModel {
    let encoder: ContextualEncoder
    let table: (table: EmbeddingTable, name: String)?
    let merges: (table: Merges, name: String)?
    /// What the user calls it.
    let name: String
    /// By which vector shards know the model.
    let digest: String
    let precision: WeightPrecision

    /// Throws `ToolError`: `usage` if a table or merges are missing or of no use, `configuration` if they are others than the
    /// model was trained with, and what reading the files throws.
    init(_ options: ModelOptions, threads: Int, _ pool: WorkerPool) throws {
        precision = options.precision
        name = options.model ?? options.elmoWeights ?? ""
        let capacity = SentenceEncoder.capacity, threads = ThreadPool(threads: threads)
        if let path = options.model {
            encoder = try ModelFile.read(path, capacity: capacity, hasOutput: false, pool: threads)
        } else {
            encoder = try ELMoWeights.read(
                options: options.elmoOptions ?? "", weights: options.elmoWeights ?? "", capacity: capacity, pool: threads)
        }
        digest = try ModelFile.digest(of: encoder)
        let configuration = encoder.configuration, reads = configuration.input.rawValue
        if configuration.input == .embeddings {
            guard let path = options.table else {
                throw ToolError(.usage, "--table is missing: \(name) reads vectors of words")
            }
            table = (try Self.table(path, for: configuration, isOther: options.otherTable, pool), path)
        } else {
            guard options.table == nil else { throw ToolError(.usage, "--table is not used: \(name) reads \(reads)") }
            table = nil
        }
        if configuration.input == .subwords {
            guard let path = options.bpe else { throw ToolError(.usage, "--bpe is missing: \(name) reads units of words") }
            merges = (try Merges(path: path), path)
        } else {
            guard options.bpe == nil else { throw ToolError(.usage, "--bpe is not used: \(name) reads \(reads)") }
            merges = nil
        }
    }

    private static func table(
        _ path: String, for configuration: EncoderConfiguration, isOther: Bool, _ pool: WorkerPool
    ) throws -> EmbeddingTable {
        let table = try EmbeddingTable(FileSource(path: path), pool: pool)
        guard !isOther, table.dimension == configuration.inputSize, !table.isTrainingTable(of: configuration) else {
            return table
        }
        throw ToolError(
            .configuration,
            "\(path): is not the table that the model was trained with; if its vectors come from the same source, "
                + "say --other-table")
    }

    /// What encodes sentences. Throws `ToolError` like `SentenceEncoder`.
    func stage(_ choice: LayerChoice, isStateful: Bool = false, to writer: any VectorWriter) throws -> SentenceEncoder {
        try SentenceEncoder(
            encoder, table: table?.table, tableName: table?.name ?? "", merges: merges, layers: choice, isStateful: isStateful,
            precision: precision, to: writer)
    }

    /// Why a vector shard cannot be searched with this model; `nil` if it can.
    func complaint(_ header: ShardHeader, width: Int) -> String? {
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

    /// The top layer's vector of the marked word.
    func vector(of query: MarkedSentence) throws -> [Float] {
        var values: [Float] = []
        let stage = try stage(.top, to: SentenceCollector { values = $0.values })
        try stage.encode(query.words)
        try stage.flush()
        return Array(values[query.position * encoder.layerWidth..<(query.position + 1) * encoder.layerWidth])
    }
}
