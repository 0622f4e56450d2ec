import ArgumentParser

@main
struct Encode: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "encode")
}
