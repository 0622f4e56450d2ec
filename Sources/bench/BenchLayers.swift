public import ArgumentParser
public import Benchmarking
import Files
import Kernels
import NetworkArguments
import Parallel
import ToolSupport

extension LayerBenchmark.Layer: ExpressibleByArgument {}

/// The command `bench layers`.
struct BenchLayers: BenchCommand {
    static let configuration = CommandConfiguration(
        commandName: "layers", abstract: "Output layers over vocabularies of all sizes, ELMo's characters, and recurrent layers, each alone.",
        discussion: """
            Each layer takes a window forth and back: gradients of inputs and weights, no optimiser. Words follow Zipf's \
            law. A recurrent layer is as wide as its inputs, and says what share of its time products take. \
            pipelines/layers-against-pytorch.sh runs the same layers in PyTorch by turns.

            Example: bench layers --layer softmax --layer sampled-softmax --classes 10000,50000,200000
            """)

    @Option(help: "A layer to measure; several are allowed [the output layers].")
    var layer: [LayerBenchmark.Layer] = []

    @Option(help: ArgumentHelp("Sizes of the vocabulary; of characters, distinct words.", valueName: "n,n"))
    var classes = NumberList([10_000, 50_000, 200_000, 800_000])

    @Option(help: ArgumentHelp("Positions of a window.", valueName: "n"))
    var rows = 2560

    @Option(help: ArgumentHelp("Width of the encoder's output, or of a recurrent layer.", valueName: "n"))
    var width = 512

    @Option(help: ArgumentHelp("Sequences of a recurrent layer side by side: as many steps as they are of --rows.", valueName: "n"))
    var batch = 128

    @Option(help: ArgumentHelp("Words that sampled-softmax draws for a window.", valueName: "n"))
    var negatives = 8192

    @Option(help: ArgumentHelp("The most memory for logits.", valueName: "size"))
    var logitsMemory = ByteSize(bytes: 512 << 20)

    @Option(help: ArgumentHelp("Words that characters reads, one a line.", valueName: "file"), completion: .file())
    var words: String?

    @Option(help: ArgumentHelp("Runs of each, after one that is not counted.", valueName: "n"))
    var runs = 5

    @OptionGroup var kernels: KernelOptions
    @OptionGroup var results: ResultOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard classes.numbers.allSatisfy({ (2...1 << 28).contains($0) }) else {
            throw ValidationError("--classes must be numbers from 2 to \(1 << 28), with commas between them")
        }
        guard (1...1 << 20).contains(rows), (4...1 << 16).contains(width) else {
            throw ValidationError("--rows must be from 1 to \(1 << 20), --width from 4 to \(1 << 16)")
        }
        guard (1...1 << 20).contains(batch) else { throw ValidationError("--batch must be from 1 to \(1 << 20)") }
        guard negatives > 0, (1...100_000).contains(runs) else {
            throw ValidationError("--negatives must be above 0, --runs from 1 to 100000")
        }
        guard !layer.contains(.characters) || words != nil else {
            throw ValidationError("characters need --words: real words, one a line")
        }
    }

    func perform() throws {
        let files = try results.openInterruptible()
        let layers = layer.isEmpty ? LayerBenchmark.Layer.allCases.filter { $0 != .characters && !$0.isRecurrent } : layer
        var spellings: [String] = []
        if let words {
            let lines = LineReader(try openInput(words))
            while try lines.next({ spellings.append(String(decoding: $0, as: UTF8.self)) }) {}
        }
        var measured = 0
        var table = TextTable(["layer", "classes", "seconds", "lowest", "highest", "words/s", "products"])
        let pairs = classes.numbers.flatMap { size in layers.filter { !$0.isRecurrent }.map { (layer: $0, size: size) } }
            + layers.filter(\.isRecurrent).map { (layer: $0, size: 0) }
        for (layer, size) in pairs where !StopRequest.isMade {
            let ofClasses = layer.isRecurrent ? "" : grouped(size)
            common.report.progress(layer.isRecurrent ? layer.rawValue : "\(layer.rawValue), \(size)")
            var benchmark = LayerBenchmark(layer, classes: size, threads: common.threads)
            benchmark.rows = rows
            benchmark.width = width
            benchmark.batch = batch
            benchmark.negatives = negatives
            benchmark.logitsBytes = logitsMemory.bytes
            benchmark.words = spellings
            benchmark.runs = runs
            if let chosen = kernels.chosen { benchmark.kernels = chosen }
            if let complaint = benchmark.complaint {
                common.report.print("bench layers: \(layer.rawValue) left out: \(complaint)")
                continue
            }
            measured += 1
            let result = benchmark.run(), spread = Spread(result.seconds)
            var event: ResultFields = [
                "event": "layer", "layer": layer.rawValue, "rows": rows, "width": width, "threads": common.threads,
                "seconds": spread.median, "least": spread.lowest, "most": spread.highest, "runs": runs,
            ]
            if layer.isRecurrent {
                event["batch"] = batch
                event["products"] = result.productShare
            } else {
                event["classes"] = size
            }
            try files.log(event)
            table.append(
                [layer.rawValue, ofClasses, fixed(spread.median, 4), fixed(spread.lowest, 4), fixed(spread.highest, 4),
                 rounded(Double(rows) / spread.median), layer.isRecurrent ? "\(fixed(100 * result.productShare, 1))%" : ""])
        }
        common.report.progress("")
        guard measured > 0 || StopRequest.isMade else {
            throw ToolError(.usage, "nothing is measured: no layer has these sizes, or memory for them")
        }
        try files.print(table.text)
        try files.commit()
    }
}
