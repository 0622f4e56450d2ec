public import ArgumentParser
public import WordVectors

extension UnknownWords: ExpressibleByArgument {}

/// How words without a vector get one from their spelling.
struct SpellingOptions: ParsableArguments {
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

    func validate() throws {
        guard mimickWords >= 1, mimickEpochs >= 1, (1...4096).contains(mimickHidden), mimickRate > 0 else {
            throw ValidationError("the --mimick options must be positive")
        }
    }

    func configuration(seed: UInt64) -> MimickConfiguration {
        var mimick = MimickConfiguration()
        mimick.words = mimickWords
        mimick.epochs = mimickEpochs
        mimick.hidden = mimickHidden
        mimick.learningRate = mimickRate
        mimick.frequencyPower = mimickFrequencyPower
        mimick.seed = seed
        return mimick
    }
}
