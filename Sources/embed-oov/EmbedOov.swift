public import ArgumentParser
import Files
import Shards
import ToolSupport
public import WordVectors

extension UnknownWords: ExpressibleByArgument {}

@main
struct EmbedOov: Tool {
    static let configuration: CommandConfiguration = configuration(
        "embed-oov", "Make a table with a vector for every word of a vocabulary.",
        """
        Pre-trained vectors are read from a fastText .bin or .vec, GloVe text, or word2vec text or binary; the format is told \
        from the content, and text and word2vec files may be compressed. Words without a vector get one made from \
        their spelling, by the character n-grams of a fastText .bin or by a character model (MIMICK) that is fitted \
        here and travels with the table.

        Example: embed-oov --vectors wiki.bin vocabulary -o table
        """)

    @Option(help: ArgumentHelp("The pre-trained vectors.", valueName: "file"), completion: .file())
    var vectors: String?

    @Argument(help: "The vocabulary; - is standard input. With --print, tables.", completion: .file())
    var inputs: [String] = []

    @Option(help: "How words without a vector get one: auto takes n-grams where the vectors have them, else mimick.")
    var unknown = UnknownWords.auto

    @Option(help: ArgumentHelp("Fit the character model to this many of the most frequent words.", valueName: "n"))
    var mimickWords = MimickConfiguration().words

    @Option(help: ArgumentHelp("Passes over these words, at most.", valueName: "n"))
    var mimickEpochs = MimickConfiguration().epochs

    @Option(help: ArgumentHelp("Cells of the character model's LSTM, for each direction.", valueName: "n"))
    var mimickHidden = MimickConfiguration().hidden

    @Option(help: ArgumentHelp("The character model's largest learning rate.", valueName: "x"))
    var mimickRate = MimickConfiguration().learningRate

    @Option(help: ArgumentHelp("Words weigh their count to this power in the fit.", valueName: "x"))
    var mimickFrequencyPower = MimickConfiguration().frequencyPower

    @Flag(help: "Print tables as text in the form of word2vec.")
    var print = false

    @OptionGroup var output: OutputOption
    @OptionGroup var seed: SeedOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if print { return }
        guard vectors != nil else { throw ValidationError("--vectors is missing: the file of pre-trained vectors") }
        guard inputs.count <= 1 else { throw ValidationError("one vocabulary, please; build-vocab merges several") }
        guard mimickWords >= 1, mimickEpochs >= 1, (1...4096).contains(mimickHidden), mimickRate > 0 else {
            throw ValidationError("the --mimick options must be positive")
        }
        guard vectors != "-" || inputs.first ?? "-" != "-" else {
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
        guard let vectors else { return }
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
            "unknown": unknown.rawValue, "seed": String(seed.seed),
        ]
        try table.write(to: output, tool: Self.signature, fields: fields, pool: pool)
        try output.commit()
        describe(table, file, report)
    }

    private var builder: TableBuilder {
        var builder = TableBuilder()
        builder.unknown = unknown
        builder.mimick.words = mimickWords
        builder.mimick.epochs = mimickEpochs
        builder.mimick.hidden = mimickHidden
        builder.mimick.learningRate = mimickRate
        builder.mimick.frequencyPower = mimickFrequencyPower
        builder.mimick.seed = seed.seed
        return builder
    }

    private func describe(_ table: TableBuilder.Table, _ file: any VectorFile, _ report: Report) {
        let summary = table.summary, lookup = summary.lookup
        report.print(
            "\(file.name): \(file.format.rawValue), \(file.dimension) numbers a word, \(grouped(lookup.inFile)) words "
                + "(\(grouped(lookup.duplicates)) duplicates, \(grouped(lookup.invalidWords)) not UTF-8, "
                + "\(grouped(lookup.zeroVectors)) zero)")
        let tokens = summary.shares.reduce(0) { $0 + $1.tokens }
        report.print(row("source", ["words", "tokens", "of tokens"]))
        for source in VectorSource.allCases where summary[source].words > 0 {
            let share = summary[source]
            report.print(
                row(
                    "\(source)",
                    [
                        grouped(share.words), grouped(Int(share.tokens)),
                        fixed(100 * Double(share.tokens) / Double(max(1, tokens)), 2) + "%",
                    ]))
        }
        if let fit = summary.fit, let evaluation = summary.evaluation {
            report.print(
                "character model: fitted to \(grouped(fit.words)) words, best after epoch \(fit.bestEpoch); cosine on "
                    + "\(grouped(evaluation.words)) held-out words:")
            report.print(row("", ["raw", "centred"]))
            for score in evaluation.scores {
                report.print(row(score.name, [fixed(score.cosine, 4), fixed(score.centredCosine, 4)]))
            }
        }
    }

    private func row(_ title: String, _ cells: [String]) -> String {
        cells.reduce("  " + padded(title, 18, left: true)) { $0 + padded($1, 14, left: false) }
    }

    private func padded(_ text: String, _ width: Int, left: Bool) -> String {
        let space = String(repeating: " ", count: max(0, width - text.count))
        return left ? text + space : space + text
    }
}
