public import ArgumentParser
public import Benchmarking
import Files
import Kernels
import NetworkArguments
import Parallel
import ToolSupport

extension LayerBenchmark.Layer: ExpressibleByArgument {}

/// `bench layers`
struct BenchLayers: BenchCommand {
    static let configuration = CommandConfiguration(
        commandName: "layers", abstract: "Output layers over vocabularies of all sizes, and ELMo's characters, each alone.",
        discussion: """
            Each layer takes a window forth and back: gradients of inputs and weights, no optimiser. Words follow Zipf's \
            law. pipelines/layers-against-pytorch.sh runs the same layers in PyTorch by turns.

            Example: bench layers --layer softmax --layer sampled-softmax --classes 10000,50000,200000
            """)

    @Option(help: "A layer to measure; several are allowed [all but characters].")
    var layer: [LayerBenchmark.Layer] = []

    @Option(help: ArgumentHelp("Sizes of the vocabulary; of characters, distinct words.", valueName: "n,n"))
    var classes = NumberList([10_000, 50_000, 200_000, 800_000])

    @Option(help: ArgumentHelp("Positions of a window.", valueName: "n"))
    var rows = 2560

    @Option(help: ArgumentHelp("Width of the encoder's output.", valueName: "n"))
    var width = 512

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
        guard negatives > 0, (1...100_000).contains(runs) else {
            throw ValidationError("--negatives must be above 0, --runs from 1 to 100000")
        }
        guard !layer.contains(.characters) || words != nil else {
            throw ValidationError("characters need --words: real words, one a line")
        }
    }

    func perform() throws {
        let files = try results.openInterruptible()
        let layers = layer.isEmpty ? LayerBenchmark.Layer.allCases.filter { $0 != .characters } : layer
        var spellings: [String] = []
        if let words {
            let lines = LineReader(try openInput(words))
            while try lines.next({ spellings.append(String(decoding: $0, as: UTF8.self)) }) {}
        }
        var measured = 0
        var table = TextTable(["layer", "classes", "seconds", "lowest", "highest", "words/s"])
        for size in classes.numbers {
            for layer in layers where !StopRequest.isMade {
                common.report.progress("\(layer.rawValue), \(size)")
                var benchmark = LayerBenchmark(layer, classes: size, threads: common.threads)
                benchmark.rows = rows
                benchmark.width = width
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
                let spread = Spread(benchmark.run())
                try files.log([
                    "event": "layer", "layer": layer.rawValue, "classes": size, "rows": rows, "width": width,
                    "threads": common.threads, "seconds": spread.median, "least": spread.lowest, "most": spread.highest,
                    "runs": runs,
                ])
                table.append(
                    [layer.rawValue, grouped(size), fixed(spread.median, 4), fixed(spread.lowest, 4), fixed(spread.highest, 4),
                     rounded(Double(rows) / spread.median)])
            }
        }
        common.report.progress("")
        guard measured > 0 || StopRequest.isMade else {
            throw ToolError(.usage, "nothing is measured: no layer has these sizes, or memory for them")
        }
        try files.print(table.text)
        try files.commit()
    }
}
