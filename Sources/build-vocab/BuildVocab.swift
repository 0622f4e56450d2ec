import ArgumentParser

@main
struct BuildVocab: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "build-vocab")
}
