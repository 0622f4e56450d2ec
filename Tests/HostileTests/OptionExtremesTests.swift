import TestSupport
import Testing

/// Every option that takes a value, with values at the ends of the types of numbers, and with what is no number: no tool may crash
/// or hang, and an error is one line.
///
/// The tools say themselves which options they have, so an option that is added later is tried too. A part of the values is tried
/// unless the environment variable HOSTILE is set (`HostileRun`).
struct OptionExtremesTests {
    private static let slow = [
        "bench train", "bench encode", "bench products", "bench int8", "bench stages", "bench output-layers", "bench encoders", "bench costs",
        "bench compare", "bench scaling",
    ]

    @Test func everyOptionHasARange() async throws {
        let lines = CommandLines(samples: try await Samples.shared.value)
        var commands: [[String]] = [], number = 0
        for tool in try await ToolDescription.all() {
            // Measurements take seconds: of a short run, they have numbers alone.
            for option in tool.options where HostileRun.isThorough || !Self.slow.contains(tool.name) || Extremes.isNumber(option.value) {
                let values = HostileRun.isThorough ? Extremes.values(of: option.value) : Extremes.fewValues(of: option.value, number: number)
                for value in values {
                    let words = try #require(
                        lines.words(of: tool.name, option.name, value), "CommandLines has no command line for \(tool.name)")
                    commands.append(words)
                    if tool.name == "train" && HostileRun.isThorough { commands.append(words + ["--dry-run"]) }
                }
                number += 1
            }
        }
        #expect(number > 200)
        try await inParallel(commands) { try await HostileRun.check($0) }
    }

    /// The networks of `bench compare` have options of their own, within one argument: those of `bench evaluation` for networks, and
    /// sizes of what they are trained on.
    @Test func everyOptionOfANetworkHasARange() async throws {
        let samples = try await Samples.shared.value
        let evaluation = try #require(await ToolDescription.all().first { $0.name == "bench evaluation" })
        let own = ["--vocabulary", "--units", "--dimension", "--batch", "--window"].map { ToolDescription.Option(name: $0, value: "n") }
        let measured = ["--held-out-tokens", "--candidates", "--runs", "--threads"]
        var commands: [[String]] = []
        for (number, option) in (evaluation.options + own).enumerated()
        where Extremes.isNumber(option.value) && !measured.contains(option.name) {
            let values = HostileRun.isThorough ? Extremes.values(of: option.value) : Extremes.fewValues(of: option.value, number: number)
            for value in values {
                commands.append([
                    "bench", "compare", "tiny \(option.name)=\(value)", "--budget", "3s", "--text", samples.tokens, "-o", "out", "--quiet",
                ])
            }
        }
        #expect(commands.count > 40)
        try await inParallel(commands) { try await HostileRun.check($0) }
    }

    /// Without a strange value, all these command lines do what they should: otherwise an error about something else would hide a
    /// fault.
    @Test func theCommandLinesAreValid() async throws {
        let lines = CommandLines(samples: try await Samples.shared.value)
        let tools = try await ToolDescription.all()
        #expect(tools.count > 15)
        try await inParallel(tools.filter { HostileRun.isThorough || !Self.slow.contains($0.name) }) { tool in
            guard let option = tool.options.first(where: { $0.name == "--threads" }) ?? tool.options.first else { return }
            let words = try #require(lines.words(of: tool.name, option.name, option.name == "--threads" ? "2" : "1"))
            let folder = try TemporaryDirectory()
            let result = try await runProgram(
                "/bin/bash", ["-c", "cd '\(folder.path)' && exec \"$@\"", "bash", "\(toolDirectory)/\(words[0])"] + words.dropFirst())
            #expect(result.status == 0 || result.errors.contains("budget") || result.errors.contains("libcuda.so.1"), "\(words): \(result.errors)")
        }
    }
}
