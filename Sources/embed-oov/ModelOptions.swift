import ArgumentParser

/// Models that make vectors, as files of their own.
struct ModelOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Make the vectors of unknown words with this model or table; nothing is fitted. With --words, any model.",
            valueName: "file"),
        completion: .file())
    var model: String?

    @Option(
        help: ArgumentHelp("Write what makes the vectors of unknown words to this file too.", valueName: "file"),
        completion: .file())
    var saveModel: String?

    @Flag(help: "With --model: read words, print their vectors as text, as fasttext print-word-vectors does.")
    var words = false

    func validate() throws {
        if words && model == nil { throw ValidationError("--words needs --model: a fastText .bin, a table or a saved model") }
        if words && saveModel != nil { throw ValidationError("--words writes no model") }
    }
}
