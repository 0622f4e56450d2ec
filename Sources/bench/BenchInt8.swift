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

/// `bench int8`
struct BenchInt8: Tool {
    static let name = "bench int8"
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
            table: try table.map { try open($0, for: configuration, pool) }, sentences: text
        ) {
            try ModelFile.read(model, capacity: $0, hasOutput: false, pool: ThreadPool(threads: common.threads))
        }
        guard benchmark.words > 0 else { throw ToolError.data(inputNames(inputs), "", "no text") }
        common.report.progress("cosines")
        let cosines = try benchmark.cosines()
        StopRequest.listen()
        var measured: [QuantizationBenchmark.Round] = []
        while measured.count < rounds && !(StopRequest.isMade && !measured.isEmpty) {
            common.report.progress("round \(measured.count + 1)")
            measured.append(try benchmark.run())
        }
        common.report.progress("")
        let record = Record(benchmark.words, measured, cosines, threads: common.threads)
        try files.log(record)
        var speed = TextTable(["words/s", "floats", "bytes", "ratio", "lowest", "highest"])
        speed.append(
            ["\(grouped(benchmark.words)) words", rounded(record.floats.median), rounded(record.bytes.median)]
                + [record.ratio.median, record.ratio.lowest, record.ratio.highest].map { fixed($0, 2) })
        var quality = TextTable(["cosine", "mean", "lowest"])
        for (layer, cosine) in cosines.enumerated() {
            quality.append(["layer \(layer)", fixed(cosine.mean, 6), fixed(cosine.lowest, 6)])
        }
        let kernels = "kernels \(ProcessorKernels.fastest.name) and \(ByteKernels.fastest.name)"
        try files.print("\(kernels), \(common.threads) threads\n\(speed.text)\n\(quality.text)")
        try files.commit()
        StopRequest.endBySignal()
    }

    private func open(_ path: String, for configuration: EncoderConfiguration, _ pool: WorkerPool) throws -> EmbeddingTable {
        let table = try EmbeddingTable(FileSource(path: path), pool: pool)
        try table.requireTrainingTable(of: configuration, name: path)
        return table
    }

    private struct Record: Encodable {
        let event = "quantized-encoding"
        let words, threads: Int
        /// Words a second.
        let floats, bytes: Spread
        let ratio: Spread
        /// Of each layer, the input layer first.
        let cosines: [QuantizationBenchmark.Cosines]

        init(_ words: Int, _ rounds: [QuantizationBenchmark.Round], _ cosines: [QuantizationBenchmark.Cosines], threads: Int) {
            self.words = words
            self.threads = threads
            self.cosines = cosines
            floats = Spread(rounds.map { Double(words) / $0.floats })
            bytes = Spread(rounds.map { Double(words) / $0.bytes })
            ratio = Spread(rounds.map(\.ratio))
        }
    }
}
