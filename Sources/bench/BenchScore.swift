import ArgumentParser
import Benchmarking
import Files
import Model
import NetworkArguments
import ToolSupport
import Training

/// The command `bench score`.
struct BenchScore: BenchCommand {
    static let configuration = CommandConfiguration(
        commandName: "score", abstract: "A model as a language model: the probability of a text, and the likeliest next words.",
        discussion: """
            Prints log p (to the base e) and perplexity of the text in each direction that the model has, sentence ends counted, and \
            the share of unknown words. Words of a softmax that are not in its vocabulary are <unk>. The continuous output gives a \
            probability to every word of its table; with --vocab it is scored over that vocabulary, as a softmax is. A text is laid \
            out in streams and windows as held-out text is in training, so that it gets the same scores.

            With --next, it prints the likeliest words after each sentence instead.

            Example: tokenize --lowercase text.txt | bench score --model model.safetensors --table table.shard --by-sentence
                     echo the price of | tokenize --lowercase | bench score --model model.safetensors --table table.shard --next 10
            """)

    @Argument(help: "Token shards; - is standard input.", completion: .file())
    var tokens: [String] = ["-"]

    @Option(help: ArgumentHelp("The model that train made.", valueName: "file"), completion: .file())
    var model: String

    @Option(
        help: ArgumentHelp("The embedding table it was trained with, if it reads or predicts vectors.", valueName: "file"),
        completion: .file())
    var table: String?

    @Option(
        help: ArgumentHelp(
            "The vocabulary of its softmax; with the continuous output, words to score over in place of the table's.",
            valueName: "file"),
        completion: .file())
    var vocab: String?

    @Flag(help: "Print a line for each sentence before that of the whole text.")
    var bySentence = false

    @Option(help: ArgumentHelp("Print this many of the likeliest words after each sentence.", valueName: "n"))
    var next: Int?

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp(
            "With --next and the continuous output: a word outside the table that is to be among them; may be given several times.",
            valueName: "word"))
    var word: [String] = []

    @Flag(help: "With --next: the likeliest words before each sentence, by the backward direction.")
    var backward = false

    @Option(help: ArgumentHelp("Score about this many words, from the beginning [all].", valueName: "n"))
    var limit: Int?

    @Option(help: ArgumentHelp("Streams of text, instead of those of training.", valueName: "n"))
    var batch: Int?

    @Option(help: ArgumentHelp("Positions in a window, instead of those of training.", valueName: "n"))
    var window: Int?

    @OptionGroup var results: ResultOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard model != "-" else { throw ValidationError("--model needs the name of a file; a pipe cannot be one") }
        try requireOneStandardInput("tokens, table and vocabulary", [table, vocab].compactMap { $0 } + tokens)
        for word in word where word.isEmpty || word.contains(where: \.isWhitespace) {
            throw ValidationError("--word must be one word, and not \"\(word)\"")
        }
        guard (1...1_000_000).contains(next ?? 1) else { throw ValidationError("--next must be from 1 to 1000000") }
        guard next != nil || word.isEmpty && !backward else {
            throw ValidationError("\(backward ? "--backward" : "--word") goes with --next")
        }
        guard next == nil || !bySentence && limit == nil else {
            throw ValidationError("\(bySentence ? "--by-sentence" : "--limit") does not go with --next")
        }
        guard (limit ?? 1) > 0 else { throw ValidationError("--limit must be above 0") }
        try checkWindow(batch: batch ?? 1, window: window ?? 1)
    }

    func perform() throws {
        let files = try results.open()
        let scorer = try TextScorer(
            model: model, table: table, vocabulary: vocab, batch: batch, window: window, threads: common.threads)
        if let next { try printNext(next, scorer, files) } else { try printScores(scorer, files) }
        for warning in scorer.warnings { common.report.print("bench score: warning: \(warning)") }
        try files.commit()
    }

    private func printNext(_ count: Int, _ scorer: TextScorer, _ files: Results) throws {
        try scorer.next(count, after: tokens, others: word, direction: backward ? .backward : .forward) { beginning, candidates in
            let text = beginning.joined(separator: " ")
            var table = TextTable([text, "p"])
            for candidate in candidates {
                table.append([candidate.word, significant(candidate.probability)])
                try files.log(
                    ["event": "next", "beginning": text, "word": candidate.word, "probability": candidate.probability])
            }
            try files.print(table.text + "\n")
        }
    }

    private func printScores(_ scorer: TextScorer, _ files: Results) throws {
        let scores = try scorer.score(tokens, limit: limit ?? .max)
        var columns = ["sentence", "words", "unknown"]
        for direction in scores.directions { columns += ["log p \(direction.rawValue)", "perplexity"] }
        var table = TextTable(columns)
        func append(_ name: String, _ sentence: TextScores.Sentence) {
            var row = [name, grouped(sentence.words), grouped(sentence.unknown)]
            for index in scores.directions.indices {
                row += [fixed(sentence.logProbability[index], 2), sentence.perplexity(index).map { fixed($0, 2) } ?? "-"]
            }
            table.append(row)
        }
        func log(_ event: String, _ number: Int?, _ sentence: TextScores.Sentence) throws {
            for (index, direction) in scores.directions.enumerated() {
                try files.log([
                    "event": event, "sentence": number, "direction": direction.rawValue, "words": sentence.words,
                    "unknown": sentence.unknown, "scored": sentence.scored[index],
                    "logProbability": sentence.logProbability[index],
                    "perplexity": sentence.perplexity(index).flatMap { $0.isFinite ? $0 : nil },
                ])
            }
        }
        for (index, sentence) in scores.sentences.enumerated() where bySentence {
            append("\(index + 1)", sentence)
            try log("sentence", index + 1, sentence)
        }
        append("all", scores.total)
        try log("score", nil, scores.total)
        try files.print(table.text)
        guard scores.total.unknown > 0 else { return }
        let share = percent(Double(scores.total.unknown) / Double(max(1, scores.total.positions)))
        let meaning = scores.scoresUnknown ? "they have the probability of <unk>"
            : "they have no probability, and do not count in the perplexity"
        try files.print("\(share) of the text's words are none of the \(grouped(scores.vocabulary)) that the model predicts: \(meaning)\n")
    }
}

/// Returns a probability with three significant digits.
private func significant(_ probability: Double) -> String {
    var decimals = 3, scale = probability
    while scale < 0.1 && scale > 0 && decimals < 12 { (scale, decimals) = (scale * 10, decimals + 1) }
    return fixed(probability, decimals)
}
