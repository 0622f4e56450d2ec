public import ArgumentParser
public import WordVectors

extension UnknownWords: ExpressibleByArgument {}
extension MimickLoss: ExpressibleByArgument {}

/// The options for making vectors from the spelling of words that have none.
struct SpellingOptions: ParsableArguments {
    @Option(help: """
        How words without a vector get one: ngrams is the vectors' own n-grams, subwords, mimick \
        and cnn are fitted to the vectors, auto is ngrams where the vectors have them, else subwords.
        """)
    var unknown = UnknownWords.auto

    @Option(help: ArgumentHelp("Fit n-grams to this many of the most frequent words.", valueName: "n"))
    var subwordWords = SubwordConfiguration().words

    @Option(help: ArgumentHelp("Characters of a fitted n-gram, at least.", valueName: "n"))
    var subwordMinimum = SubwordConfiguration().minimum

    @Option(help: ArgumentHelp("Characters of a fitted n-gram, at most.", valueName: "n"))
    var subwordMaximum = SubwordConfiguration().maximum

    @Option(help: ArgumentHelp("Words that must have an n-gram for it to be fitted.", valueName: "n"))
    var subwordFewest = SubwordConfiguration().fewestWords

    @Option(help: ArgumentHelp("Fit the character model to this many of the most frequent words.", valueName: "n"))
    var mimickWords = MimickConfiguration().words

    @Option(help: ArgumentHelp("Passes over these words, at most.", valueName: "n"))
    var mimickEpochs = MimickConfiguration().epochs

    @Option(help: ArgumentHelp("Cells of the character model's LSTM, for each direction.", valueName: "n"))
    var mimickHidden = 50

    @Option(help: "What the character model is fitted by: squared distance, or cosine.")
    var mimickLoss = MimickConfiguration().loss

    @Option(help: ArgumentHelp("The character model's largest learning rate.", valueName: "x"))
    var mimickRate = MimickConfiguration().learningRate

    @Option(help: ArgumentHelp("Words weigh their count to this power in the fit.", valueName: "x"))
    var mimickFrequencyPower = MimickConfiguration().frequencyPower

    func validate() throws {
        guard mimickWords >= 1, mimickEpochs >= 1, (1...4096).contains(mimickHidden), mimickRate > 0 else {
            throw ValidationError("the --mimick options must be positive")
        }
        guard subwordWords >= 1, (1...Int(Int32.max)).contains(subwordFewest), subwordMinimum >= 1, subwordMinimum <= subwordMaximum,
            subwordMaximum <= 64
        else { throw ValidationError("the --subword options must be positive, the fewest at most \(Int32.max), and the minimum below the maximum, at most 64") }
    }

    func subwords(seed: UInt64) -> SubwordConfiguration {
        var subwords = SubwordConfiguration()
        subwords.words = subwordWords
        subwords.minimum = subwordMinimum
        subwords.maximum = subwordMaximum
        subwords.fewestWords = subwordFewest
        subwords.seed = seed
        return subwords
    }

    func mimick(seed: UInt64) -> MimickConfiguration {
        var mimick = MimickConfiguration()
        mimick.words = mimickWords
        mimick.epochs = mimickEpochs
        mimick.reader = unknown == .cnn ? .defaultConvolution : .lstm(hidden: mimickHidden)
        mimick.loss = mimickLoss
        mimick.learningRate = mimickRate
        mimick.frequencyPower = mimickFrequencyPower
        mimick.seed = seed
        return mimick
    }
}
