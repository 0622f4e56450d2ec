public import ArgumentParser
import Files
import Shards
import Subwords
public import Tokenization
import ToolSupport

extension Normalization: ExpressibleByArgument {}

@main
struct Tokenize: Tool {
    static let configuration: CommandConfiguration = configuration(
        "tokenize", "Cut text into tokens: text in, token shard out.",
        """
        Text is UTF-8, plain or compressed: gzip or LZ4, and xz, zstd or bzip2 where the programs of these names are \
        installed. A line is a sentence unless --sentences says otherwise. The rules are those of the Penn Treebank for \
        English; letters of other languages pass unharmed (docs/tokenization.md).

        Example: tokenize --sentences book.txt.gz -o book.tokens; tokenize --print book.tokens | head
        """)

    @Argument(help: ArgumentHelp("Text files, or with --print token shards; - is standard input.", valueName: "file"))
    var inputs: [String] = ["-"]

    @OptionGroup var output: OutputOption

    @Flag(help: "The text is tokenised already: cut at white space and nowhere else.")
    var whitespace = false

    @Flag(help: "Split running text into sentences: line breaks are spaces, a blank line ends a paragraph.")
    var sentences = false

    @Flag(help: "Split into sentences, and take every line for a paragraph.")
    var sentencesInLines = false

    @Flag(help: "Make every line one sentence, so that sentences and lines correspond: empty lines are kept, and long ones are not cut.")
    var everyLine = false

    @Flag(help: "Turn tokens into lower case.")
    var lowercase = false

    @Option(help: "Unicode normalisation of tokens.")
    var normalize = Normalization.none

    @Option(help: ArgumentHelp("Cut sentences that are longer than this many tokens [1000].", valueName: "n"))
    var maxLength: Int?

    @Option(
        help: ArgumentHelp("Cut words into units by these merges, from build-vocab --bpe or subword-nmt.", valueName: "file"),
        completion: .file())
    var bpe: String?

    @Flag(help: "Print token shards as text: a sentence a line, one space between tokens.")
    var print = false

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard (1...1_000_000).contains(maxLength ?? 1) else { throw ValidationError("--max-length must be from 1 to 1000000") }
        if sentences && sentencesInLines { throw ValidationError("--sentences and --sentences-in-lines exclude each other") }
        for (option, isGiven) in [
            ("--sentences", sentences), ("--sentences-in-lines", sentencesInLines), ("--max-length", maxLength != nil),
        ] where everyLine && isGiven {
            throw ValidationError("\(option) and --every-line exclude each other: every line is one sentence, however long")
        }
        try requireOneStandardInput("merges and texts", [bpe] + inputs)
    }

    func perform() throws {
        let pool = common.workerPool()
        let file = try output.open(binary: !print)
        if print {
            try printTokens(paths: inputs, to: file, pool: pool)
            return try file.commit()
        }
        let report = common.report
        let start = ContinuousClock.now
        let merges = try bpe.map(Merges.init(path:))
        var options = tokenizer.fields
        if let merges { options.append("bpe", hexadecimal(merges.digest)) }
        let writer = try TokenShardWriter(file, tool: Self.signature, options: options, pool: pool)
        var segmenter = merges.map(BatchSegmenter.init)
        var done = 0
        let stream = TokenizeStream(tokenizer: tokenizer, pool: pool) { batch in
            try writer.append(segmenter?.segment(batch) ?? batch)
            done += batch.ids.count
            report.progress("\(grouped(done)) tokens")
        }
        for path in inputs { try stream.read(openText(path)) }
        let text = stream.finish()
        guard text.tokens > 0 else {
            throw ToolError.data(inputs.count == 1 ? inputNames(inputs) : "the inputs", "", "no text: there is nothing but white space")
        }
        try writer.finish(source: ["text-bytes": String(text.bytes), "text-digest": hexadecimal(text.digest)])
        try file.commit()
        let seconds = start.duration(to: .now) / .seconds(1)
        report.print(summary(text, seconds))
    }

    private var tokenizer: Tokenizer {
        Tokenizer(
            mode: whitespace ? .whitespace : .penn,
            sentences: sentences ? .runningText : sentencesInLines ? .withinLines : everyLine ? .everyLine : .lines, lowercase: lowercase,
            normalization: normalize, maximumSentenceLength: maxLength ?? 1_000)
    }

    private func summary(_ text: TokenizeStatistics, _ seconds: Double) -> String {
        var parts = [
            "\(grouped(text.lines)) lines", "\(grouped(text.sentences)) sentences", "\(grouped(text.tokens)) tokens",
        ]
        if text.emptyLines > 0 { parts.append("\(grouped(text.emptyLines)) empty lines \(everyLine ? "kept" : "dropped")") }
        if text.cutSentences > 0 { parts.append("\(grouped(text.cutSentences)) sentences cut at \(maxLength ?? 1_000) tokens") }
        parts.append("\(fixed(Double(text.bytes) / 1e6 / max(seconds, 1e-9), 1)) MB/s")
        return "tokenize: " + parts.joined(separator: ", ")
    }
}
