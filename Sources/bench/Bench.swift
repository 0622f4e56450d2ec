import ArgumentParser
import ToolSupport

@main
struct Bench: ParsableCommand {
    /// A new benchmark is a `BenchCommand` in a file of its own, and an entry in `subcommands`.
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure Contour on this machine: training beside the matrix ceiling, and every other stage.",
        discussion: """
            What is compared is measured by turns in one run, because machines change their speed. Of each number the median \
            and the range are printed; --json gives the same to programs. SIGINT and SIGTERM end a measurement: what was \
            measured until then is written, with a line that says so.

            Example: bench train --preset small; bench stages --text corpus.txt
            """,
        version: "bench (Contour) \(contourVersion)",
        subcommands: [
            BenchTrain.self, BenchEvaluation.self, BenchEncode.self, BenchProducts.self, BenchOperations.self, BenchGPU.self, BenchInt8.self,
            BenchLayers.self, BenchStages.self, BenchSpelling.self, BenchText.self, BenchOutputLayers.self, BenchEncoders.self, BenchCosts.self,
            BenchCompare.self, BenchScaling.self, BenchServeSteps.self, BenchReport.self, BenchProbe.self, BenchTask.self, BenchTaskTable.self,
            BenchVectorCache.self, BenchScore.self,
        ])

    static func main() { runAsRoot() }
}

/// A subcommand, whose error messages begin with `bench` and its name.
protocol BenchCommand: Tool {}

extension BenchCommand {
    static var name: String { "bench \(configuration.commandName ?? "")" }
}
