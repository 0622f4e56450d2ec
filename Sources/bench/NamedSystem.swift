import ArgumentParser
import Benchmarking
import Files
import Model
import NetworkArguments
import ToolSupport
import Training

/// A system in the user's words: a preset's name, and behind it options of `train` that make a network another.
struct NamedSystem: ParsableArguments {
    @OptionGroup var network: NetworkOptions

    @Option(help: ArgumentHelp("Words that there are vectors or classes for, marks counted.", valueName: "n"))
    var vocabulary = 793_471

    @Option(help: ArgumentHelp("Units of an input of subwords.", valueName: "n"))
    var units = 32_000

    @Option(help: ArgumentHelp("Width of the words' vectors.", valueName: "n"))
    var dimension = 300

    @Option(help: ArgumentHelp("Parallel streams of text.", valueName: "n"))
    var batch = 128

    @Option(help: ArgumentHelp("Words of a stream trained together.", valueName: "n"))
    var window = 20

    @Option(help: "The rule of the updates.")
    var optimizer = OptimizerKind.adam

    func validate() throws {
        guard (100...1 << 28).contains(vocabulary), (100...1 << 28).contains(units) else {
            throw ValidationError("--vocabulary and --units must be from 100 to \(1 << 28)")
        }
        guard (1...65536).contains(dimension) else { throw ValidationError("--dimension must be from 1 to 65536") }
        if let (option, layer) = network.unused {
            throw ValidationError("\(option) is not used: it is of \(layer), which this network does not have")
        }
        try checkWindow(batch: batch, window: window)
    }

    /// Throws `ValidationError` naming `text` if it is no system.
    static func parse(system text: String) throws -> MeasuredSystem {
        let words = text.words
        guard !words.isEmpty else { throw ValidationError("a network is a preset's name and options, and not nothing") }
        do {
            let named = try parse((words[0].begins(with: "-") ? [] : ["--preset"]) + words)
            let classes = named.network.readsUnits ? named.units : named.vocabulary
            let configuration = try named.network.configuration(dimension: named.dimension, classes: classes)
            return MeasuredSystem(
                name: SystemName(configuration).text(words), options: words.joined(separator: " "), encoder: named.network.preset.rawValue, configuration: configuration,
                vocabulary: classes, batch: named.batch, window: named.window, optimizer: named.optimizer)
        } catch let error as ToolError {
            throw ValidationError("\(text): \(error.description)")
        } catch {
            throw ValidationError("\(text): \(oneLine(message(for: error)))")
        }
    }
}

/// The networks that a benchmark measures by turns.
struct NamedSystems: ParsableArguments {
    @Argument(help: "The networks.")
    var systems: [String]

    func validate() throws {
        let typed = try parsed().map(\.options)
        guard Set(typed).count == typed.count else { throw ValidationError("each network stands there once") }
    }

    /// Each with a name of its own. Throws `ValidationError` if one is no system.
    func parsed() throws -> [MeasuredSystem] {
        var systems = try systems.map(NamedSystem.parse(system:))
        // Those that differ only in what names leave out, such as the vocabulary, say it all.
        let names = systems.map(\.name)
        for index in systems.indices where names.count(where: { $0 == names[index] }) > 1 {
            systems[index].name += " (\(systems[index].options))"
        }
        return systems
    }
}
