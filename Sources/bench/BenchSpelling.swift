import ArgumentParser
import Benchmarking
import Files
import Shards
import ToolSupport
import WordVectors

/// The command `bench spelling`.
struct BenchSpelling: BenchCommand {
    static let configuration = CommandConfiguration(
        commandName: "spelling", abstract: "The quality of vectors that are made from spelling.",
        discussion: """
            Generators are fitted to most of the vocabulary's known words and asked for the rest: the cosine with the true \
            vector, as it is and less the mean vector; the rank of the true word among all known words by the latter; and \
            how many of the true vector's ten neighbours are shared. Then sets of word pairs, where each line is two words \
            and how similar people find them, are judged with known vectors only and with generated ones.

            Example: bench spelling --vectors glove.6B.50d.txt.gz --similarity rareword.tsv vocabulary
            """)

    @Option(help: ArgumentHelp("The pre-trained vectors.", valueName: "file"), completion: .file())
    var vectors: String

    @Argument(help: "The vocabulary; - is standard input.", completion: .file())
    var vocabulary = "-"

    @Option(help: ArgumentHelp("Take this many of the most frequent words as known.", valueName: "n"))
    var words = SpellingBenchmark().words

    @Option(help: ArgumentHelp("Ask for this many of the held-out words.", valueName: "n"))
    var asked = SpellingBenchmark().asked

    @Option(help: ArgumentHelp("The share of the known words that is held out.", valueName: "x"))
    var heldOut = SpellingBenchmark().heldOut

    @Option(
        parsing: .singleValue, help: ArgumentHelp("A set of word pairs; may be given several times.", valueName: "file"),
        completion: .file())
    var similarity: [String] = []

    @Flag(help: "Leave out the character models, which take longest.")
    var nGramsOnly = false

    @Option(help: ArgumentHelp("The shortest n-gram fitted.", valueName: "n"))
    var minimum = SubwordConfiguration().minimum

    @Option(help: ArgumentHelp("The longest n-gram fitted.", valueName: "n"))
    var maximum = SubwordConfiguration().maximum

    @Option(help: ArgumentHelp("Words that must have an n-gram for it to be fitted.", valueName: "n"))
    var fewestWords = SubwordConfiguration().fewestWords

    @Option(help: ArgumentHelp("The penalty on the n-grams' squared norms.", valueName: "x"))
    var ridge = SubwordConfiguration().ridge

    @Option(help: ArgumentHelp("It grows by this factor with each character less.", valueName: "x"))
    var lengthPenalty = SubwordConfiguration().lengthPenalty

    @OptionGroup var seed: SeedOption
    @OptionGroup var results: ResultOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        try requireOneStandardInput("vectors, word pairs and vocabulary", [vectors, vocabulary] + similarity)
        guard words >= 100, asked >= 1, heldOut > 0, heldOut <= 0.5 else {
            throw ValidationError("--words is at least 100, --asked at least 1, --held-out above 0 and at most 0.5")
        }
        guard minimum >= 1, minimum <= maximum, maximum <= 64 else {
            throw ValidationError("--minimum and --maximum must be from 1 to 64, and in order")
        }
        guard (1...Int(Int32.max)).contains(fewestWords) else {
            throw ValidationError("--fewest-words must be from 1 to \(Int32.max)")
        }
        guard ridge > 0, ridge < 1e6 else { throw ValidationError("--ridge must be above 0 and below 1000000") }
        guard lengthPenalty > 0, lengthPenalty < 1e6 else {
            throw ValidationError("--length-penalty must be above 0 and below 1000000")
        }
    }

    func perform() throws {
        let files = try results.open()
        var benchmark = SpellingBenchmark()
        benchmark.words = words
        benchmark.asked = asked
        benchmark.heldOut = heldOut
        benchmark.mimick.seed = seed.seed
        benchmark.fitsMimick = !nGramsOnly
        benchmark.subwords.minimum = minimum
        benchmark.subwords.maximum = maximum
        benchmark.subwords.fewestWords = fewestWords
        benchmark.subwords.ridge = ridge
        benchmark.subwords.lengthPenalty = lengthPenalty
        benchmark.threads = common.threads
        let sets = try similarity.map { try WordSimilarity(openInput($0)) }
        let words = try VocabularyWords(FileSource(path: vocabulary), pool: common.workerPool())
        let report = common.report
        let result = try benchmark.run(words, openVectors(vectors), sets: sets) { report.progress($0) }
        report.progress("")
        try print(result, files)
        try files.commit()
    }

    private func print(_ result: SpellingBenchmark.Result, _ files: Results) throws {
        try files.print(
            "fitted to \(grouped(result.fitted)) words, neighbours among \(grouped(result.evaluation.candidates)); "
                + "\(common.threads) threads\n")
        for generator in result.generators where generator.seconds > 0 {
            try files.print("\(generator.name): \(rounded(generator.seconds)) s\n")
        }
        for group in result.groups {
            var table = TextTable(
                ["\(group.name): \(grouped(group.words)) words", "cosine", "centred", "mean rank", "top-1", "top-10",
                 "shared neighbours", "made"])
            for score in group.scores {
                table.append([
                    score.name, fixed(score.cosine, 3), fixed(score.centredCosine, 3), grouped(Int(score.rank)),
                    percent(score.top1), percent(score.top10), percent(score.sharedNeighbours), percent(score.made),
                ])
                try files.log([
                    "group": group.name, "words": group.words, "method": score.name, "cosine": score.cosine,
                    "centredCosine": score.centredCosine, "meanRank": score.rank, "top1": score.top1, "top10": score.top10,
                    "sharedNeighbours": score.sharedNeighbours, "made": score.made,
                ])
            }
            try files.print("\n" + table.text)
        }
        guard let first = result.similarities.first else { return }
        var table = TextTable(["Spearman", "pairs", "known", "of these"] + first.all.map(\.name))
        for set in result.similarities {
            let name = set.set.parts(separatedBy: "/").last ?? set.set
            table.append(
                [name, grouped(set.pairs), grouped(set.known), fixed(set.knownOnly, 3)] + set.all.map { fixed($0.spearman, 3) })
            // JSON has no NaN.
            let spearmans = set.all.filter { !$0.spearman.isNaN }.map { ($0.name, $0.spearman) }
            try files.log([
                "set": name, "pairs": set.pairs, "known": set.known, "knownOnly": set.knownOnly.isNaN ? nil : set.knownOnly,
                "all": Dictionary(uniqueKeysWithValues: spearmans),
            ])
        }
        try files.print("\n" + table.text)
    }
}
