import ArgumentParser
import Benchmarking
import ToolSupport

/// `bench serve-steps`: one system's process, which the other commands start.
struct BenchServeSteps: Tool {
    static let name = "bench"
    static let configuration = CommandConfiguration(
        commandName: "serve-steps", abstract: "Train one system when told to, for the other commands.", shouldDisplay: false)

    @Argument(help: "What to train.")
    var work: String

    func perform() throws { try StepServer(work: work).run() }
}
