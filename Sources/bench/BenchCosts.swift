import ArgumentParser
import Benchmarking
import ToolSupport

/// `bench costs`
struct BenchCosts: Tool {
    static let name = "bench costs"
    static let configuration = CommandConfiguration(
        commandName: "costs", abstract: "Where the time of a training step goes.",
        discussion: """
            Input layer, recurrence, projection, output layer, optimiser, data: of one network, or of several by turns, written \
            as for bench compare. The bars are in proportion to the time of a word; bench report draws them.

            Example: bench costs elmo-c --budget 2m
            Example: bench costs 'small --output softmax --vocabulary 50000' small
            """)

    @OptionGroup var networks: NamedSystems
    @OptionGroup var options: SystemOptions

    func perform() throws {
        let systems = try networks.parsed()
        var run = try SystemsRun("costs", options, budget: 60)
        try run.measure(systems, title: "where a step's time goes", table: SystemsRun.costs)
        try run.finish()
    }
}
