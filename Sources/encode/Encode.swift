public import ArgumentParser
public import Encoding
import Files
import Model
import Parallel
import Shards
import Subwords
import Tokenization
import ToolSupport
import WordVectors

extension LayerChoice: ExpressibleByArgument {}

@main
struct Encode: Tool {
    static let configuration: CommandConfiguration = configuration(
        "encode", "Give every token its contextual vectors: text or token shards in, vectors out.",
        """
        Of text, every line is a sentence, tokenised as the model's training text was; an empty line is an empty sentence. \
        Words that the table lacks get vectors from its generator. The output is in the order of the input.

        With --neighbours, the inputs are vector shards, and the occurrences nearest to the marked word of --query are \
        printed: of any word, and at most one a sentence.

        Example: encode --model model.safetensors --table table.shard --layers top sentences.txt -o vectors.shard
        Example: encode --model model.safetensors --table table.shard --neighbours 5 --query 'the [bank] of the river' \
        vectors.shard
        """)

    enum Format: String, CaseIterable, ExpressibleByArgument {
        case shard, npy, json
    }

    @Argument(help: "Text, token shards, or (--print, --neighbours) vector shards; - is standard input.", completion: .file())
    var inputs: [String] = ["-"]

    @Option(help: ArgumentHelp("The model that train made.", valueName: "file"), completion: .file())
    var model: String?

    @Option(help: ArgumentHelp("The embedding table it was trained with, if it reads vectors.", valueName: "file"), completion: .file())
    var table: String?

    @Flag(help: "Take a table other than the one the model was trained with.")
    var otherTable = false

    @Option(help: "Which layers: all (the input layer is the first), the top one, or the mean.")
    var layers = LayerChoice.all

    @Option(help: "The form of the output: a shard, NumPy arrays (x.npy and x.offsets.npy), or JSON Lines.")
    var format = Format.shard

    @Option(
        help: ArgumentHelp("The merges that the training text was cut by, of a model that reads subwords.", valueName: "file"),
        completion: .file())
    var bpe: String?

    @Flag(help: "The text is tokenised already: cut at white space and nowhere else.")
    var whitespace = false

    @Option(help: ArgumentHelp("Print the n occurrences, of any word, nearest to the word that --query marks.", valueName: "n"))
    var neighbours: Int?

    @Option(help: ArgumentHelp("A sentence with one word in square brackets.", valueName: "sentence"))
    var query: String?

    @Flag(help: "Print vector shards as JSON Lines.")
    var print = false

    @OptionGroup var output: OutputOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        try requireOneStandardInput("table, merges and inputs", [table, bpe] + inputs)
        if print { return }
        guard model != nil else { throw ValidationError("--model is missing: the model that train made") }
        guard (neighbours == nil) == (query == nil) else {
            throw ValidationError("--neighbours and --query need each other")
        }
        guard neighbours ?? 1 > 0 else { throw ValidationError("--neighbours must be above 0") }
        do {
            if let query { _ = try MarkedSentence.parse(query) }
        } catch let error as ToolError {
            throw ValidationError(error.description)
        }
        if format == .npy && output.output == "-" && neighbours == nil {
            throw ValidationError("NumPy arrays begin with their size: --format npy needs -o FILE")
        }
    }

    func perform() throws {
        let pool = common.workerPool()
        if print {
            let file = try output.open(binary: false)
            try printVectors(paths: inputs, to: file, pool: pool)
            return try file.commit()
        }
        guard let model else { return }
        let file = try output.open(binary: format != .json && neighbours == nil)
        let encoder = try ModelFile.read(
            model, capacity: SentenceEncoder.capacity, hasOutput: false, pool: ThreadPool(threads: common.threads))
        let vectors = try openTable(encoder.configuration, pool)
        if let neighbours, let query {
            try search(encoder, vectors, MarkedSentence.parse(query), neighbours, file, pool)
        } else {
            try encode(encoder, vectors, file, pool)
        }
        try file.commit()
    }

    private func encode(
        _ encoder: ContextualEncoder, _ vectors: EmbeddingTable?, _ file: OutputFile, _ pool: WorkerPool
    ) throws {
        let report = common.report
        let layerCount = layers.count(of: encoder.layerCount)
        let offsets = format == .npy ? try OutputFile(path: offsetsPath, binary: true) : nil
        let writer = try writer(file, offsets, layerCount, encoder, vectors, pool)
        let sentences = SentenceSource(
            paths: inputs, tokenizer: Tokenizer(for: encoder.configuration, mode: whitespace ? .whitespace : nil), pool: pool)
        let stage = try SentenceEncoder(encoder, table: vectors, tableName: table ?? "", merges: merges(encoder.configuration), layers: layers) {
            try writer.append($0)
        }
        while let words = try sentences.next() {
            try stage.encode(words)
            if stage.statistics.sentences % 1000 == 0 {
                report.progress("\(grouped(stage.statistics.sentences)) sentences")
            }
        }
        guard stage.statistics.sentences > 0 else {
            throw ToolError.data(inputs.map { $0 == "-" ? "standard input" : $0 }.joined(separator: ", "), "", "no text")
        }
        try stage.finish()
        try writer.finish()
        try offsets?.commit()
        let counts = stage.statistics
        report.print(
            "\(grouped(counts.sentences)) sentences, \(grouped(counts.tokens)) tokens"
                + (bpe == nil ? "" : ", \(grouped(counts.unknownTokens)) with units that the model does not know")
                + (vectors == nil ? "" : ", \(grouped(counts.madeTokens)) of them with vectors from the table's generator, "
                    + "\(grouped(counts.unknownTokens)) with none")
                + (counts.cutSentences > 0
                    ? "; \(grouped(counts.cutSentences)) sentences over \(SentenceEncoder.longestPiece) tokens run in pieces" : ""))
    }

    private func writer(
        _ file: OutputFile, _ offsets: OutputFile?, _ layerCount: Int, _ encoder: ContextualEncoder,
        _ vectors: EmbeddingTable?, _ pool: WorkerPool
    ) throws -> any VectorWriter {
        if let offsets {
            return try NpyVectorWriter(file, offsets: offsets, layers: layerCount, width: encoder.layerWidth)
        }
        if format == .json { return JSONVectorWriter(file, layers: layerCount, width: encoder.layerWidth) }
        let fields: ShardFields = [
            "layer-choice": layers.rawValue, "model": try model.map(ModelFile.digest) ?? "", "table": vectors.map { hexadecimal($0.digest) } ?? "",
            "trained-with-table": encoder.configuration.tableDigest,
        ]
        return try ShardVectorWriter(
            file, tool: Self.signature, layers: layerCount, width: encoder.layerWidth, fields: fields, pool: pool)
    }

    /// `vectors.npy` has its offsets in `vectors.offsets.npy`.
    private var offsetsPath: String {
        (output.output.hasSuffix(".npy") ? String(output.output.dropLast(4)) : output.output) + ".offsets.npy"
    }

    private func search(
        _ encoder: ContextualEncoder, _ vectors: EmbeddingTable?, _ query: MarkedSentence, _ count: Int, _ file: OutputFile,
        _ pool: WorkerPool
    ) throws {
        var encoded: SentenceVectors?
        let stage = try SentenceEncoder(encoder, table: vectors, tableName: table ?? "", merges: merges(encoder.configuration), layers: .top) { encoded = $0 }
        try stage.encode(query.words)
        try stage.finish()
        let width = encoder.layerWidth
        let vector = Array(encoded?.values[query.position * width..<(query.position + 1) * width] ?? [])
        var search = NeighbourSearch(query: vector, count: count)
        let modelDigest = try model.map(ModelFile.digest)
        for path in inputs {
            let reader = try VectorShardReader(FileSource(path: path), pool: pool)
            guard reader.width == width else {
                throw ToolError(
                    .configuration, "\(path): has vectors of \(reader.width) numbers, and this model makes \(width)")
            }
            let fields = reader.header.fields
            guard fields["model"] == modelDigest, fields["layer-choice"] != LayerChoice.mean.rawValue else {
                throw ToolError(
                    .configuration, "\(path): its vectors are not of this model's top layer; encode --layers top makes them")
            }
            while let sentence = try reader.next() {
                search.look(at: sentence, layer: reader.layers - 1, layers: reader.layers)
            }
        }
        for neighbour in search.neighbours { try file.write("\(fixed(neighbour.cosine, 4))\t\(neighbour.marked)\n") }
    }

    /// The table, if the model reads vectors. Throws `ToolError`: `usage` if a table is missing or of no use,
    /// `configuration` if it is another than the model was trained with, and what reading it throws.
    private func openTable(_ configuration: EncoderConfiguration, _ pool: WorkerPool) throws -> EmbeddingTable? {
        guard configuration.input == .embeddings else {
            guard table == nil else { throw ToolError(.usage, "--table is not used: this model reads \(configuration.input.rawValue)") }
            return nil
        }
        guard let table else { throw ToolError(.usage, "--table is missing: this model reads vectors of words") }
        let vectors = try EmbeddingTable(FileSource(path: table), pool: pool)
        guard !otherTable, vectors.dimension == configuration.inputSize, !vectors.isTrainingTable(of: configuration) else {
            return vectors
        }
        throw ToolError(
            .configuration,
            "\(table): is not the table that the model was trained with; if its vectors come from the same source, "
                + "say --other-table")
    }

    /// The merges, if the model reads units. Throws `ToolError`: `usage` if they are missing or of no use, and what reading
    /// them throws.
    private func merges(_ configuration: EncoderConfiguration) throws -> (table: Merges, name: String)? {
        guard configuration.input == .subwords else {
            guard bpe == nil else { throw ToolError(.usage, "--bpe is not used: this model reads \(configuration.input.rawValue)") }
            return nil
        }
        guard let bpe else { throw ToolError(.usage, "--bpe is missing: this model reads units of words") }
        return (try Merges(path: bpe), bpe)
    }
}
