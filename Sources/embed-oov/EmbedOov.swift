import ArgumentParser

@main
struct EmbedOov: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "embed-oov")
}
