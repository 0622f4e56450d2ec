public import ArgumentParser
public import Benchmarking
import Files
import Model
import NetworkArguments
import ToolSupport
import Training

extension TableEncoder: ExpressibleByArgument {}
extension TableOutput: ExpressibleByArgument {}

/// The command `bench encoders`.
struct BenchEncoders: BenchCommand {
    static let configuration = CommandConfiguration(
        commandName: "encoders", abstract: "Every encoder with every output layer: how much faster the continuous output is.",
        discussion: """
            Real training steps, of each system in a process of its own, by turns step by step: all output layers of an encoder in one \
            group, and ratios of turns in the same round. Encoders: \(encoderNames). At the end stands the time for a million words of \
            each, in multiples of the first output layer's, and the range of the softmaxes beside the paper's 1.44 to 8.31.

            A step has as many words for every encoder: windows of 20 for recurrent ones, of 128 for Transformers. --narrow 4 measures \
            encoders of a quarter of their width.

            Example: bench encoders --encoder lstm --encoder base --vocabulary 50000 --budget 20m --json encoders.jsonl
            Example: bench encoders --device cuda --words 16384 --budget 10m
            """)

    private static let encoderNames = TableEncoder.allCases.map { "\($0.rawValue) (\($0.title))" }.joined(separator: ", ")

    @Option(help: ArgumentHelp("An encoder; several are allowed [all].", valueName: "name"))
    var encoder: [TableEncoder] = []

    @Option(help: ArgumentHelp("An output layer; several are allowed, and ratios are to the first [all].", valueName: "name"))
    var output: [TableOutput] = []

    @Option(help: ArgumentHelp("Words that there are vectors or classes for, marks counted.", valueName: "n"))
    var vocabulary = TableSizes().vocabulary

    @Option(help: ArgumentHelp("Units of the subword softmax; of a smaller vocabulary, all its words.", valueName: "n"))
    var units = TableSizes().units

    @Option(help: ArgumentHelp("Words that sampled draws for a window; for a small vocabulary, half of it.", valueName: "n"))
    var negatives = TableSizes().negatives

    @Option(help: ArgumentHelp("Width of the words' vectors.", valueName: "n"))
    var dimension = TableSizes().dimension

    @Option(help: ArgumentHelp("Words of a step.", valueName: "n"))
    var words = TableSizes().words

    @Option(help: ArgumentHelp("Directions: 1 or 2.", valueName: "n"))
    var directions = 1

    @Option(help: ArgumentHelp("Measure encoders of one part in so many of their width.", valueName: "n"))
    var narrow = 1

    @Option(help: "The rule of the updates.")
    var optimizer = TableSizes().optimizer

    @OptionGroup var device: DeviceOptions
    @OptionGroup var options: SystemOptions

    func validate() throws {
        guard (100...1 << 28).contains(vocabulary) else { throw ValidationError("--vocabulary must be from 100 to \(1 << 28)") }
        guard (100...1 << 28).contains(units) else { throw ValidationError("--units must be from 100 to \(1 << 28)") }
        guard (1...65536).contains(dimension) else { throw ValidationError("--dimension must be from 1 to 65536") }
        guard (1...1 << 20).contains(words) else { throw ValidationError("--words must be from 1 to \(1 << 20)") }
        guard (1...64).contains(narrow) else { throw ValidationError("--narrow must be from 1 to 64") }
        guard directions == 1 || directions == 2 else { throw ValidationError("--directions must be 1 or 2") }
        guard negatives > 0 else { throw ValidationError("--negatives must be above 0") }
        for (option, values) in [("--encoder", encoder.map(\.rawValue)), ("--output", output.map(\.rawValue))]
        where Set(values).count != values.count {
            throw ValidationError("\(option) has a value twice")
        }
    }

    private var sizes: TableSizes {
        var sizes = TableSizes()
        (sizes.vocabulary, sizes.units, sizes.negatives, sizes.dimension) = (vocabulary, units, negatives, dimension)
        (sizes.words, sizes.narrowing, sizes.optimizer) = (words, narrow, optimizer)
        sizes.reading = directions == 1 ? .forward : .both
        return sizes
    }

    func perform() throws {
        let encoders = encoder.isEmpty ? TableEncoder.allCases : encoder, outputs = output.isEmpty ? TableOutput.allCases : output
        var run = try SystemsRun("encoders", options, device, budget: 3600)
        let groups = encoders.map { encoder in (encoder, outputs.map { sizes.system(encoder, $0) }) }
        let memory = run.memoryGiven
        // A step of a large network takes longer, so its rounds need more of the budget.
        let weights = groups.map { $0.1.reduce(0) { $0 + $1.configuration.weightsOfWord } }
        var table = EncoderRatios(outputs)
        for (place, (encoder, systems)) in groups.enumerated() {
            try run.measure(
                systems, share: weights[place] / weights[place...].reduce(0, +), later: groups[(place + 1)...].map(\.1),
                title: "\(encoder.title), vocabulary \(grouped(vocabulary)), batch \(systems[0].batch), window \(systems[0].window), "
                    + "\(directions == 1 ? "one direction" : "both directions"), \(optimizer.rawValue)"
            ) { results in
                table.add(encoder, results)
                return SystemsRun.tables(results, memory: memory)
            }
        }
        try run.print(table.text)
        try run.finish()
    }
}

/// The time for a million words of each encoder and output layer, in multiples of the first output layer's time.
private struct EncoderRatios {
    private let outputs: [TableOutput]
    private var rows: [(encoder: TableEncoder, seconds: Double, ratios: [TableOutput: Double])] = []

    init(_ outputs: [TableOutput]) { self.outputs = outputs }

    mutating func add(_ encoder: TableEncoder, _ results: [SystemResult]) {
        guard let first = results.first, first.system.name == outputs[0].title else { return }
        var ratios: [TableOutput: Double] = [:]
        for result in results {
            if let output = outputs.first(where: { $0.title == result.system.name }) {
                ratios[output] = result.ratio(to: first).ratio.median
            }
        }
        rows.append((encoder, first.secondsOfMillionWords.median, ratios))
    }

    var text: String {
        guard !rows.isEmpty else { return "" }
        var table = TextTable(
            ["time for a million words, by encoder", outputs[0].title] + outputs.dropFirst().map { "\($0.title), times" })
        for row in rows {
            table.append(
                [row.encoder.title, spelt(seconds: row.seconds)]
                    + outputs.dropFirst().map { row.ratios[$0].map { fixed($0, 2) } ?? "left out" })
        }
        let ratios = rows.flatMap { row in outputs.filter(\.isSoftmax).compactMap { row.ratios[$0] } }
        var text = "\n" + table.text
        if outputs[0] == .cosine, let least = ratios.min(), let most = ratios.max() {
            text += "The continuous output with the cosine loss is \(fixed(least, 2)) to \(fixed(most, 2)) times as fast as the softmaxes; the "
                + "paper's range is 1.44 to 8.31, on four GPUs.\n"
        }
        return text
    }
}
