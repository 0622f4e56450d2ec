import ArgumentParser
import Files
import Shards
import ToolSupport
import Vocabulary

@main
struct BuildVocab: Tool {
    static let configuration: CommandConfiguration = configuration(
        "build-vocab", "Count words: token shards in, vocabulary out.",
        """
        Words come out by count, most frequent first, and equal counts by bytes. Vocabularies are inputs too: counting \
        apart and merging gives the same bytes as counting all at once, as long as no words were left out before.

        Example: tokenize text.txt | build-vocab --min-count 2 -o text.vocab; build-vocab --print text.vocab | head
        """)

    @Argument(help: ArgumentHelp("Token or vocabulary shards; - is standard input.", valueName: "file"))
    var inputs: [String] = ["-"]

    @OptionGroup var output: OutputOption

    @Option(help: ArgumentHelp("Leave out words that occur less often.", valueName: "n"))
    var minCount: UInt64 = 1

    @Option(help: ArgumentHelp("Keep only the most frequent words, so many of them.", valueName: "n"))
    var maxSize: Int?

    @Option(help: ArgumentHelp(
        "Memory for counting; what does not fit goes to temporary files in $TMPDIR.", valueName: "size"))
    var memory = ByteSize(bytes: SpillSettings.defaultMemory)

    @Flag(help: "Print vocabulary shards as text: word, tab, count.")
    var print = false

    @OptionGroup var common: CommonOptions

    func validate() throws {
        if minCount < 1 { throw ValidationError("--min-count must be at least 1") }
        if let maxSize, maxSize < 1 { throw ValidationError("--max-size must be at least 1") }
        if memory.bytes < SpillSettings.leastMemory {
            throw ValidationError("--memory must be at least \(ByteSize(bytes: SpillSettings.leastMemory))")
        }
    }

    func perform() throws {
        let pool = common.workerPool()
        let file = try output.open(binary: !print)
        if print {
            try printVocabulary(paths: inputs, to: file, pool: pool)
            return try file.commit()
        }
        let report = common.report
        let counter = WordCounter(SpillSettings(memory: memory.bytes), pool: pool)
        for path in inputs {
            let source = try FileSource(path: path)
            let input = try counter.addShard(source, pool: pool)
            if input.isFiltered {
                report.print("build-vocab: \(source.name): words were left out of this vocabulary; the counts are too low")
            }
        }
        let counted = try writeVocabulary(
            of: counter, minimumCount: minCount, maximumSize: maxSize, to: file, tool: Self.signature, pool: pool)
        guard counted.keptTypes > 0 else {
            throw ToolError(.dataError, "no word occurs \(minCount) times; try a smaller --min-count")
        }
        try file.commit()
        report.print(summary(counted))
    }

    private func summary(_ counted: CountedText) -> String {
        let share = 100 * Double(counted.keptTokens) / Double(counted.tokens)
        var text =
            "build-vocab: \(grouped(Int(clamping: counted.tokens))) tokens, \(grouped(counted.types)) words, kept "
            + "\(grouped(counted.keptTypes)) words that are \(fixed(share, 2)) % of the tokens"
        if counted.spilled > 0 { text += ", \(fixed(Double(counted.spilled) / 1e6, 1)) MB of temporary files" }
        return text
    }
}
