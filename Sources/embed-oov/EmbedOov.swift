import ArgumentParser
import Files
import Parallel
import Shards
import ToolSupport
import WordVectors

@main
struct EmbedOov: Tool {
    static let configuration: CommandConfiguration = configuration(
        "embed-oov", "Make a table with a vector for every word of a vocabulary.",
        """
        Pre-trained vectors are read from a fastText .bin, .ftz or .vec, GloVe text, or word2vec text or binary; the format is \
        told from the content, and text and word2vec files may be compressed. Words without a vector get one made from \
        their spelling, by the character n-grams of a fastText .bin, or by n-grams or a character model (MIMICK, CNN) \
        that are fitted here and travel with the table. Tables hold unit vectors in float16 unless told otherwise.

        Example: embed-oov --vectors wiki.bin vocabulary -o table; embed-oov --model wiki.bin --words words.txt -o vectors
        """)

    @OptionGroup var source: VectorOptions

    @Argument(
        help: "The vocabulary; - is standard input. With --print, tables; with --words, text.", completion: .file())
    var inputs: [String] = []

    @Flag(help: "Print tables as text in the form of word2vec.")
    var print = false

    @OptionGroup(title: "Words without a vector") var spelling: SpellingOptions
    @OptionGroup(title: "Models as files") var models: ModelOptions
    @OptionGroup(title: "The table") var table: TableOptions
    @OptionGroup var output: OutputOption
    @OptionGroup var seed: SeedOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        try requireOneStandardInput("the inputs", inputs)
        if print || models.words { return }
        guard table.subset == nil || !source.isGiven && models.model == nil && models.saveModel == nil else {
            throw ValidationError(
                "--subset makes a table from a table alone, without --vectors, --random, --model and --save-model")
        }
        guard source.isGiven || table.subset != nil else {
            throw ValidationError("--vectors is missing: the file of pre-trained vectors")
        }
        guard inputs.count <= 1 else { throw ValidationError("one vocabulary, please; build-vocab merges several") }
        guard source.vectors ?? table.subset != "-" || inputs.first ?? "-" != "-" else {
            throw ValidationError("vocabulary and vectors cannot both come from standard input")
        }
        guard models.saveModel != "-" || output.output != "-" else {
            throw ValidationError("table and model cannot both go to standard output")
        }
        if let model = models.saveModel, model.isIdentical(to: output.output) || isSameFile(model, output.output) {
            throw ValidationError("--save-model \(model) is the output, too")
        }
    }

    func perform() throws {
        let pool = common.workerPool()
        if print {
            let output = try output.open(binary: false)
            try printTable(paths: inputs.isEmpty ? ["-"] : inputs, to: output, pool: pool)
            return try output.commit()
        }
        if models.words { return try printVectors(pool: pool) }
        if let larger = table.subset { return try subset(of: larger, pool: pool) }
        let output = try output.open(binary: true)
        let vocabulary = try VocabularyWords(FileSource(path: inputs.first ?? "-"), pool: pool)
        let file = try source.open(seed: seed.seed)
        let report = common.report
        var builder = builder
        builder.model = try models.model.map { try SpellingModel(FileSource(path: $0), pool: pool) }
        let made = try builder.build(vocabulary, file, threads: common.threads) { progress in
            report.progress(
                "character model: epoch \(progress.epoch) of \(progress.epochs), "
                    + "held-out loss \(fixed(progress.heldOutLoss, 4))")
        }
        let fields: ShardFields = [
            "vectors-format": file.format.rawValue, "vocabulary": hexadecimal(vocabulary.digest),
            "unknown": spelling.unknown.rawValue, "seed": String(seed.seed),
        ]
        try save(made, fields, pool: pool)
        try made.write(to: output, tool: Self.signature, fields: fields, storage: table.rowStorage, pool: pool)
        try output.commit()
        TableReport(report: report).describe(made, file)
    }

    /// Saves the generator alone, if the options ask for it.
    private func save(_ table: TableBuilder.Table, _ fields: ShardFields, pool: WorkerPool) throws {
        guard let path = models.saveModel else { return }
        guard let generator = table.generator else {
            throw ToolError(.configuration, "\(path): there is no model to save, because no vectors are made from spelling")
        }
        let output = try OutputFile(path: path, binary: true)
        try SpellingModel.write(generator, to: output, tool: Self.signature, fields: fields, pool: pool)
        try output.commit()
    }

    private func printVectors(pool: WorkerPool) throws {
        guard let path = models.model else { return }
        guard path != "-" || !(inputs.isEmpty || inputs.contains("-")) else {
            throw ToolError(.usage, "model and words cannot both come from standard input")
        }
        let output = try output.open(binary: false)
        let model = try openWordVectorModel(path, pool: pool)
        let filter = WordFilter(model, to: output, pool: pool)
        for input in inputs.isEmpty ? ["-"] : inputs { try filter.run(openInput(input)) }
        try output.commit()
        let counts = filter.counts
        let made = counts[.ngrams] + counts[.mimick]
        common.report.print(
            "\(grouped(counts.words)) words: \(grouped(made)) made from their spelling, "
                + "\(grouped(counts[.none])) without a vector")
    }

    private func subset(of larger: String, pool: WorkerPool) throws {
        let output = try output.open(binary: true)
        let vocabulary = try VocabularyWords(FileSource(path: inputs.first ?? "-"), pool: pool)
        let source = try FileSource(path: larger)
        let subset = try TableSubset(
            of: EmbeddingTable(source, pool: pool), name: source.name, vocabulary, threads: common.threads)
        try subset.write(to: output, tool: Self.signature, pool: pool)
        try output.commit()
        common.report.print(
            "\(grouped(subset.kept)) words of \(source.name), \(grouped(subset.madeCount)) others made by its generator, "
                + "\(grouped(subset.unknownCount)) without a vector")
        TableReport(report: common.report).suggestLowerCase(subset.inLowerCase, of: subset.tokens)
    }

    private var builder: TableBuilder {
        var builder = TableBuilder()
        builder.unknown = spelling.unknown
        builder.transform = table.transform
        builder.subwords = spelling.subwords(seed: seed.seed)
        builder.mimick = spelling.mimick(seed: seed.seed)
        return builder
    }
}
