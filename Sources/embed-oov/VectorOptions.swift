import ArgumentParser

/// Where the vectors come from.
struct VectorOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The pre-trained vectors.", valueName: "file"), completion: .file())
    var vectors: String?
}
