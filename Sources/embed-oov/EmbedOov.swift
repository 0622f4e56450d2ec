import ArgumentParser
import Files
import Shards
import ToolSupport
import WordVectors

@main
struct EmbedOov: Tool {
    static let configuration: CommandConfiguration = configuration(
        "embed-oov", "Make a table with a vector for every word of a vocabulary.",
        """
        Pre-trained vectors are read from a fastText .bin or .vec, GloVe text, or word2vec text or binary; the format is told \
        from the content, and text and word2vec files may be compressed. Words without a vector get one made from \
        their spelling, by the character n-grams of a fastText .bin, or by n-grams or a character model (MIMICK) that are \
        fitted here and travel with the table.

        Example: embed-oov --vectors wiki.bin vocabulary -o table
        """)

    @OptionGroup var source: VectorOptions

    @Argument(help: "The vocabulary; - is standard input. With --print, tables.", completion: .file())
    var inputs: [String] = []

    @Flag(help: "Print tables as text in the form of word2vec.")
    var print = false

    @OptionGroup(title: "Words without a vector") var spelling: SpellingOptions
    @OptionGroup var output: OutputOption
    @OptionGroup var seed: SeedOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if print { return }
        guard source.vectors != nil else { throw ValidationError("--vectors is missing: the file of pre-trained vectors") }
        guard inputs.count <= 1 else { throw ValidationError("one vocabulary, please; build-vocab merges several") }
        guard source.vectors != "-" || inputs.first ?? "-" != "-" else {
            throw ValidationError("vocabulary and vectors cannot both come from standard input")
        }
    }

    func perform() throws {
        let pool = common.workerPool()
        if print {
            let output = try output.open(binary: false)
            try printTable(paths: inputs.isEmpty ? ["-"] : inputs, to: output, pool: pool)
            return try output.commit()
        }
        guard let vectors = source.vectors else { return }
        let output = try output.open(binary: true)
        let vocabulary = try VocabularyWords(FileSource(path: inputs.first ?? "-"), pool: pool)
        let file = try openVectors(vectors)
        let report = common.report
        let table = try builder.build(vocabulary, file, threads: common.threads) { progress in
            report.progress(
                "character model: epoch \(progress.epoch) of \(progress.epochs), "
                    + "held-out loss \(fixed(progress.heldOutLoss, 4))")
        }
        let fields: ShardFields = [
            "vectors-format": file.format.rawValue, "vocabulary": hexadecimal(vocabulary.digest),
            "unknown": spelling.unknown.rawValue, "seed": String(seed.seed),
        ]
        try table.write(to: output, tool: Self.signature, fields: fields, pool: pool)
        try output.commit()
        TableReport(report: report).describe(table, file)
    }

    private var builder: TableBuilder {
        var builder = TableBuilder()
        builder.unknown = spelling.unknown
        builder.subwords = spelling.subwords(seed: seed.seed)
        builder.mimick = spelling.mimick(seed: seed.seed)
        return builder
    }
}
