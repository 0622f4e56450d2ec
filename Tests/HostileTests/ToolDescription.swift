import FoundationEssentials
import TestSupport

/// The options of a tool or a subcommand, as the tool itself lists them.
struct ToolDescription: Sendable {
    /// The tool, and its subcommand if it is one: `bench layers`.
    let name: String
    /// Those that take a value.
    let options: [Option]

    struct Option: Sendable {
        /// As a user writes it: `--batch`, `-o`.
        let name: String
        /// What the help calls its value: `n`, `x`, `size`, `time`, `file`.
        let value: String
    }

    static let tools = ["tokenize", "build-vocab", "embed-oov", "train", "encode", "bench"]

    /// The tools and all their subcommands, hidden ones too.
    static func all() async throws -> [ToolDescription] {
        var all: [ToolDescription] = []
        for tool in tools {
            let result = try await runTool(tool, ["--experimental-dump-help"])
            let dump = try JSONDecoder().decode(Dump.self, from: Data(result.output))
            all += descriptions(of: dump.command, name: tool)
        }
        return all
    }

    private static func descriptions(of command: Command, name: String) -> [ToolDescription] {
        let options = (command.arguments ?? []).filter { $0.kind == "option" }.compactMap { argument -> Option? in
            // The short one first: of train's two options --output it is the only one that tells them apart.
            guard let name = argument.names?.first(where: { $0.kind == "short" }) ?? argument.names?.first else { return nil }
            return Option(name: name.kind == "short" ? "-\(name.name)" : "--\(name.name)", value: argument.valueName ?? "")
        }
        let subcommands = (command.subcommands ?? []).filter { $0.commandName != "help" }
        let own = subcommands.isEmpty ? [ToolDescription(name: name, options: options)] : []
        return own + subcommands.flatMap { descriptions(of: $0, name: "\(name) \($0.commandName)") }
    }

    private struct Dump: Decodable { let command: Command }

    private struct Command: Decodable {
        let commandName: String
        let arguments: [Argument]?
        let subcommands: [Command]?
    }

    private struct Argument: Decodable {
        struct Name: Decodable { let kind, name: String }

        let kind: String
        let names: [Name]?
        let valueName: String?
    }
}
