public import ArgumentParser
public import Benchmarking
import Files
import Model
import NetworkArguments
import ToolSupport
import Training

extension PublishedSystem: ExpressibleByArgument {}

/// The command `bench output-layers`.
struct BenchOutputLayers: BenchCommand {
    static let configuration = CommandConfiguration(
        commandName: "output-layers", abstract: "ELMo, ELMo-A, ELMo-Sub and ELMo-C: time, memory and sizes of training each.",
        discussion: """
            Real training steps on a text, of each system in a process of its own, by turns step by step: ratios are of turns \
            in the same round, so that the machine's drift cancels. Vocabularies that are larger than the text's are filled \
            up with made-up words. Interrupted, it prints what it has.

            Example: bench output-layers --encoders reference --vocabularies 793471 --json results.jsonl
            Example: bench output-layers --text corpus.txt --encoders small,base --budget 30m
            """)

    @Option(help: ArgumentHelp(
        "Sizes of the encoder: \(PublishedSystem.encoders.map(\.0).joined(separator: ", ")).", valueName: "name,name"))
    var encoders = "small,reference"

    @Option(help: ArgumentHelp("Classes of the softmaxes, marks counted.", valueName: "n,n"))
    var vocabularies = NumberList([10_000, 50_000, 200_000, 793_471])

    @Option(help: ArgumentHelp("A system to measure; several are allowed, and ratios are to the first [all].", valueName: "name"))
    var system: [PublishedSystem] = []

    @Option(help: ArgumentHelp("Words that ELMo draws for a window; for a small vocabulary, half of it.", valueName: "n"))
    var negatives = PublishedSystem.Sizes().negatives

    @OptionGroup var sizes: SystemSizes
    @OptionGroup var device: DeviceOptions
    @OptionGroup var options: SystemOptions

    func validate() throws {
        let known = PublishedSystem.encoders.map(\.0)
        guard !encoderNames.isEmpty, encoderNames.allSatisfy(known.contains) else {
            throw ValidationError("--encoders must be of \(known.joined(separator: ", ")), with commas between them")
        }
        guard vocabularies.numbers.allSatisfy({ (100...1 << 28).contains($0) }) else {
            throw ValidationError("--vocabularies must be numbers from 100 to \(1 << 28), with commas between them")
        }
        let lists = [
            ("--encoders", encoderNames), ("--vocabularies", vocabularies.numbers.map(String.init)), ("--system", system.map(\.rawValue)),
        ]
        for (option, values) in lists where Set(values).count != values.count {
            throw ValidationError("\(option) has a value twice")
        }
        guard negatives > 0 else { throw ValidationError("--negatives must be above 0") }
    }

    private var encoderNames: [String] { encoders.parts(separatedBy: ",", keepsEmpty: true) }

    func perform() throws {
        var run = try SystemsRun("output-layers", options, device, budget: 1800)
        let systems = system.isEmpty ? PublishedSystem.allCases : system
        var made = PublishedSystem.Sizes()
        (made.units, made.negatives, made.dimension) = (sizes.units, negatives, sizes.dimension)
        (made.batch, made.window) = sizes.shape(usualWindow: nil)
        made.optimizer = sizes.optimizer
        let groups = encoderNames.flatMap { encoder in
            vocabularies.numbers.map { size in
                made.vocabulary = size
                return (encoder, size, systems.compactMap { $0.system(encoder: encoder, made) })
            }
        }
        let memory = run.memoryGiven
        // A step of a large network takes longer, so its rounds need more of the budget; the time that one group saves goes to the
        // others.
        let weights = groups.map { ($0.2.map(\.configuration.weightsOfWord).max() ?? 1).squareRoot() }
        for (place, (encoder, vocabulary, systems)) in groups.enumerated() {
            try run.measure(
                systems, share: weights[place] / weights[place...].reduce(0, +), later: groups[(place + 1)...].map(\.2),
                title: "encoder \(encoder), vocabulary \(grouped(vocabulary)), batch \(made.batch), window \(made.window), "
                    + made.optimizer.rawValue
            ) { SystemsRun.tables($0, memory: memory) }
        }
        try run.finish()
    }
}
