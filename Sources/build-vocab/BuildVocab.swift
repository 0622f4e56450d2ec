import ArgumentParser
import Files
import Shards
import Subwords
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

    @Option(help: ArgumentHelp(
        "Learn so many merges of byte pair encoding from the words, and write them instead of a vocabulary: subword-nmt's file.",
        valueName: "n"))
    var bpe: Int?

    @Flag(help: "Print vocabulary shards as text: word, tab, count.")
    var print = false

    @OptionGroup var common: CommonOptions

    func validate() throws {
        if minCount < 1 { throw ValidationError("--min-count must be at least 1") }
        if let maxSize, maxSize < 1 { throw ValidationError("--max-size must be at least 1") }
        try requireOneStandardInput("the inputs", inputs)
        if let bpe, !(1...100_000_000).contains(bpe) { throw ValidationError("--bpe must be from 1 to 100000000") }
        if bpe != nil && print { throw ValidationError("--bpe and --print are different things to do") }
        if memory.bytes < SpillSettings.leastMemory {
            throw ValidationError("--memory must be at least \(ByteSize(bytes: SpillSettings.leastMemory))")
        }
    }

    func perform() throws {
        let pool = common.workerPool()
        let file = try output.open(binary: !print && bpe == nil)
        if print {
            try printVocabulary(paths: inputs, to: file, pool: pool)
            return try file.commit()
        }
        let report = common.report
        let counter = WordCounter(SpillSettings(memory: memory.bytes), pool: pool)
        for path in inputs {
            let source = try FileSource(path: path)
            let input = try counter.addShard(source, pool: pool)
            guard bpe == nil || input.merges.isEmpty else {
                throw ToolError(.configuration, "\(source.name): its words are units already; --bpe learns from whole words")
            }
            if input.isFiltered {
                report.print(
                    "build-vocab: warning: \(source.name): words were left out of this vocabulary, so counts made from it are too low; "
                        + "make one with --min-count 1 and without --max-size")
            }
        }
        if let bpe { return try learn(bpe, counter, to: file) }
        let counted = try writeVocabulary(
            of: counter, minimumCount: minCount, maximumSize: maxSize, to: file, tool: Self.signature, pool: pool)
        guard counted.keptTypes > 0 else {
            throw ToolError.data(inputNames(inputs), "", "no word occurs \(minCount) times; try a smaller --min-count")
        }
        try file.commit()
        report.print(summary(counted))
    }

    private func learn(_ count: Int, _ counter: WordCounter, to file: OutputFile) throws {
        var learner = MergeLearner(of: inputNames(inputs))
        let counted = try counter.finish(minimumCount: minCount, maximumSize: maxSize) { try learner.add($0, count: $1) }
        let report = common.report
        let merges = learner.learn(count) { done in
            if done % 100 == 0 { report.progress("\(grouped(done)) merges") }
        }
        guard !merges.pairs.isEmpty else {
            throw ToolError.data(inputNames(inputs), "", "no pair of characters occurs twice: there is nothing to merge")
        }
        try file.write(merges.text)
        try file.commit()
        report.print(
            "build-vocab: \(grouped(merges.pairs.count)) merges from \(grouped(counted.keptTypes)) words"
                + (merges.pairs.count < count ? "; no other pair occurs twice" : ""))
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
