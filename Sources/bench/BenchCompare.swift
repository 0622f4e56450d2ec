import ArgumentParser
import Benchmarking
import Files
import Model
import NetworkArguments
import ToolSupport

/// The command `bench compare`.
struct BenchCompare: BenchCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Any networks beside each other, step by step in one run.",
        discussion: """
            A network is a preset's name, in quotes with options of train that make it another. The quotes may also \
            hold --vocabulary N (the words that the network has vectors or softmax classes for [793471]; fewer take less time \
            and memory), --units N (the subwords, of a network that reads these in place of words [32000]), --dimension N (the \
            width of the words' vectors [300]), --batch N [128], --window N [20; of a Transformer 20 and 128] and --optimizer NAME [adam]. Each network has a \
            process of its own, and they take turns; ratios are to the first, of turns in the same round, never of different \
            runs. Results call a network by what it is and how large (small: ELMo-C small 512/128; elmo-a: ELMo-A full size \
            4096/512), and say what else the networks differ in.

            On a GPU the memory told is the GPU's, as its driver counts it, and there are no shares of a step's time.

            Example: bench compare elmo-c elmo --budget 5m
            Example: bench compare --device cuda 'elmo --batch 128' 'elmo-c --batch 768'
            Example: bench compare 'small --vocabulary 50000' 'small --vocabulary 50000 --output softmax'
            """)

    @OptionGroup var networks: NamedSystems
    @OptionGroup var device: DeviceOptions
    @OptionGroup var options: SystemOptions

    func perform() throws {
        let systems = try networks.parsed()
        var run = try SystemsRun("compare", options, device, budget: 300)
        let memory = run.memoryGiven
        try run.measure(systems, title: "step by step in one run; ratios are to the first row") {
            SystemsRun.tables($0, memory: memory)
        }
        try run.finish()
    }
}

/// The command `bench costs`.
struct BenchCosts: BenchCommand {
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
    /// An option that is declared only so that it can be refused with the reason.
    @OptionGroup(visibility: .hidden) var device: DeviceOptions

    func validate() throws {
        guard device.device == .processor && device.chosenPrecision == nil else {
            throw ValidationError(
                "bench costs does not run on a GPU: a GPU works on what was queued long before, and the times of its parts "
                    + "are not known; bench compare measures on one")
        }
    }

    func perform() throws {
        let systems = try networks.parsed()
        var run = try SystemsRun("costs", options, budget: 60)
        try run.measure(systems, title: "where a step's time goes", table: SystemsRun.costs)
        try run.finish()
    }
}

/// The command `bench serve-steps`: the process of one system, which the other commands start.
struct BenchServeSteps: Tool {
    static let name = "bench"
    static let configuration = CommandConfiguration(
        commandName: "serve-steps", abstract: "Train one system when told to, for the other commands.", shouldDisplay: false)

    @Argument(help: "The file that says what to train.")
    var work: String

    func perform() throws { try StepServer(work: work).run() }
}

/// The networks that a benchmark measures by turns.
struct NamedSystems: ParsableArguments {
    @Argument(help: "The networks.")
    var systems: [String]

    func validate() throws {
        let typed = try parsed().map(\.options)
        guard Set(typed).count == typed.count else { throw ValidationError("the same network is given twice") }
    }

    /// Returns the systems, each with a distinct name. Throws `ValidationError` for a text that does not describe a system.
    func parsed() throws -> [MeasuredSystem] { try Self.parsed(systems) }

    static func parsed(_ systems: [String]) throws -> [MeasuredSystem] {
        var systems = try systems.map(NamedSystem.parse(system:))
        // Systems that differ only in options that names omit, such as the vocabulary, have all their options as names.
        let names = systems.map(\.name)
        for index in systems.indices where names.count(where: { $0 == names[index] }) > 1 {
            systems[index].name += " (\(systems[index].options))"
        }
        return systems
    }
}

/// A system as the user writes it: the name of a preset, followed by options of `train`.
private struct NamedSystem: ParsableArguments {
    @OptionGroup var network: NetworkOptions

    @Option(help: ArgumentHelp("Words that there are vectors or classes for, marks counted.", valueName: "n"))
    var vocabulary = 793_471

    @OptionGroup var sizes: SystemSizes

    func validate() throws {
        guard (100...1 << 28).contains(vocabulary) else { throw ValidationError("--vocabulary must be from 100 to \(1 << 28)") }
        if let (option, layer) = network.unused {
            throw ValidationError("\(option) is not used: it is of \(layer), which this network does not have")
        }
    }

    /// Parses a system. Throws `ValidationError` with `text` in the message if it does not describe one.
    static func parse(system text: String) throws -> MeasuredSystem {
        let words = text.words
        guard !words.isEmpty else { throw ValidationError("a network is a preset's name and options, and not nothing") }
        do {
            let named = try parse((words[0].begins(with: "-") ? [] : ["--preset"]) + words)
            let sizes = named.sizes, classes = named.network.readsUnits ? sizes.units : named.vocabulary
            var configuration = try named.network.configuration(dimension: sizes.dimension, classes: classes)
            let (batch, window) = sizes.shape(usualWindow: named.network.usualWindow)
            configuration.encoder.family.prepare(forWindow: window)
            return MeasuredSystem(
                name: SystemName(configuration).text(words), options: words.joined(separator: " "),
                encoder: named.network.preset.rawValue, configuration: configuration, vocabulary: classes, batch: batch, window: window,
                optimizer: sizes.optimizer)
        } catch let error as ToolError {
            throw ValidationError("\(text): \(error.description)")
        } catch {
            throw ValidationError("\(text): \(oneLine(message(for: error)))")
        }
    }
}
