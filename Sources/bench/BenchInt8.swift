import ArgumentParser
import Benchmarking
import Encoding
import Files
import Kernels
import Model
import Parallel
import Shards
import Tokenization
import ToolSupport
import WordVectors

/// The command `bench int8`.
struct BenchInt8: BenchCommand {
    static let configuration = CommandConfiguration(
        commandName: "int8", abstract: "Encoding with weights of 8 bits beside floats: speed, and cosines of the vectors.",
        discussion: """
            A model encodes the same text by turns with both, sentences sorted by length in batches, as encode does; tables \
            are read and weights are packed before.

            Example: bench int8 --model model.safetensors --table table.shard held-out.txt
            """)

    @Argument(help: "Text or token shards; - is standard input.", completion: .file())
    var inputs: [String] = ["-"]

    @Option(help: ArgumentHelp("A model that reads vectors or characters.", valueName: "file"), completion: .file())
    var model: String

    @Option(help: ArgumentHelp("The embedding table of a model that reads vectors.", valueName: "file"), completion: .file())
    var table: String?

    @Option(help: ArgumentHelp("Encode this many sentences of the text at most.", valueName: "n"))
    var sentences = 300

    @Option(help: ArgumentHelp("Measure the speed in this many rounds.", valueName: "n"))
    var rounds = 5

    @OptionGroup var results: ResultOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        try requireOneStandardInput("table, model and inputs", [table, model] + inputs)
        guard sentences > 0 && rounds > 0 else { throw ValidationError("--sentences and --rounds must be above 0") }
    }

    func perform() throws {
        let files = try results.open()
        let pool = common.workerPool()
        let configuration = try ModelFile.configuration(of: SafetensorsReader(path: model))
        let source = SentenceSource(paths: inputs, tokenizer: Tokenizer(for: configuration, mode: nil), pool: pool)
        var text: [[String]] = []
        while text.count < sentences, let next = try source.next() { text.append(next) }
        let benchmark = try QuantizationBenchmark(
            table: try table.map { path in
                let table = try EmbeddingTable(FileSource(path: path), pool: pool)
                try configuration.requireTrainingTable(table.digest, name: path)
                return table
            }, sentences: text
        ) {
            try ModelFile.read(model, capacity: $0, hasOutput: false, pool: ThreadPool(threads: common.threads))
        }
        guard benchmark.words > 0 else { throw ToolError.data(inputNames(inputs), "", "no text") }
        common.report.progress("cosines")
        let cosines = try benchmark.cosines()
        StopRequest.listen()
        let speeds = try benchmark.run(rounds: rounds, shouldStop: { StopRequest.isMade }) {
            common.report.progress("round \($0)")
        }
        common.report.progress("")
        try files.log([
            "event": "quantized-encoding", "words": benchmark.words, "threads": common.threads, "floats": speeds.yardstick,
            "bytes": speeds.own, "ratio": speeds.ratio, "cosines": cosines,
        ])
        var speed = TextTable(["words/s", "floats", "bytes", "ratio", "lowest", "highest"])
        speed.append(["\(grouped(benchmark.words)) words"], speeds.yardstick, speeds.own, ratio: speeds.ratio)
        var quality = TextTable(["cosine", "mean", "lowest"])
        for (layer, cosine) in cosines.enumerated() {
            quality.append(["layer \(layer)", fixed(cosine.mean, 6), fixed(cosine.lowest, 6)])
        }
        let kernels = "kernels \(ProcessorKernels.fastest.name) and \(ByteKernels.fastest.name)"
        try files.print("\(kernels), \(common.threads) threads\n\(speed.text)\n\(quality.text)")
        try files.commit()
    }
}
