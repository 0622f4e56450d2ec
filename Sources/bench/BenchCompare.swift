import ArgumentParser
import Benchmarking
import ToolSupport

/// `bench compare`
struct BenchCompare: Tool {
    static let name = "bench compare"
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Any networks beside each other, step by step in one run.",
        discussion: """
            A network is a preset's name, in quotes with options of train that make it another. The quotes may also \
            hold --vocabulary N (the words that the network has vectors or softmax classes for [793471]; fewer take less time \
            and memory), --units N (the subwords, of a network that reads these in place of words [32000]), --dimension N (the \
            width of the words' vectors [300]), --batch N [128], --window N [20] and --optimizer NAME [adam]. Each has a process of its own, \
            and they take turns; ratios are to the first, of turns in the same round, never of different runs. Results call a \
            network by what it is and how large (small: ELMo-C small 512/128; elmo-a: ELMo-A full size 4096/512), and say what \
            else the networks differ in.

            Example: bench compare elmo-c elmo --budget 5m
            Example: bench compare 'small --vocabulary 50000' 'small --vocabulary 50000 --output softmax'
            """)

    @OptionGroup var networks: NamedSystems
    @OptionGroup var options: SystemOptions

    func perform() throws {
        let systems = try networks.parsed()
        var run = try SystemsRun("compare", options, budget: 300)
        let memory = options.memoryGiven
        try run.measure(systems, title: "step by step in one run; ratios are to the first row") {
            SystemsRun.table($0, memory: memory) + "\n" + SystemsRun.costs($0)
        }
        try run.finish()
    }
}
