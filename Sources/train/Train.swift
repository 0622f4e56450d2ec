import ArgumentParser

@main
struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "train")
}
