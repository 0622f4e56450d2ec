internal import Encoding
internal import Files
internal import Kernels
internal import Model
internal import Parallel
internal import Tokenization
internal import WordVectors

/// The inputs of an encoding benchmark: sentences, a model file with random weights, and a table with a random vector for each word.
final class EncodingInputs {
    let configuration: EncoderConfiguration
    let sentences: [[String]]
    /// The distinct words of the sentences, in the order of their first occurrences.
    let distinctWords: [String]
    /// The table of vectors; `nil` for a model that reads characters.
    private(set) var table: EmbeddingTable?
    private let threads: Int
    private let runner: PipelineRunner
    private let model, shortText: ScratchFile
    private var tableFile: ScratchFile?

    /// Makes the inputs. Throws `ToolError`: what reading the text throws, `dataError` if the text is empty, and what running a tool
    /// throws.
    init(_ benchmark: EncodingBenchmark, pool: ThreadPool) throws {
        configuration = benchmark.configuration
        threads = benchmark.threads
        runner = try PipelineRunner()
        (model, shortText) = (try ScratchFile(), try ScratchFile())
        sentences = try Self.sentences(of: benchmark)
        var seen: Set<String> = []
        distinctWords = sentences.joined().filter { seen.insert($0).inserted }
        let encoder = ContextualEncoder(
            configuration, capacity: SentenceEncoder.capacity, training: nil, hasOutput: false, pool: pool)
        encoder.initialize(seed: 1)
        try model.write { try ModelFile.write(encoder, to: $0) }
        try write([Array(sentences[0].prefix(5))], to: shortText)
        if configuration.input == .embeddings { try makeTable() }
    }

    private static func sentences(of benchmark: EncodingBenchmark) throws -> [[String]] {
        // A sentence of synthetic text has about a hundred bytes.
        let synthetic = benchmark.text == nil ? try ScratchFile(syntheticText: 250 * benchmark.sentences) : nil
        let path = benchmark.text ?? synthetic?.path ?? ""
        let source = SentenceSource(
            paths: [path], tokenizer: Tokenizer(mode: benchmark.text == nil ? .penn : .whitespace, maximumSentenceLength: .max),
            pool: WorkerPool(threads: 1))
        var result: [[String]] = []
        while result.count < benchmark.sentences, let words = try source.next() {
            if !words.isEmpty { result.append(words) }
        }
        guard !result.isEmpty else { throw ToolError.data(path, "", "no text") }
        return withExtendedLifetime(synthetic) { result }
    }

    private func write(_ sentences: [[String]], to file: ScratchFile) throws {
        try file.write { output in for words in sentences { try output.write(words.joined(separator: " ") + "\n") } }
    }

    private func makeTable() throws {
        let (words, vocabulary, table) = (try ScratchFile(), try ScratchFile(), try ScratchFile())
        try write(distinctWords.map { [$0] }, to: words)
        try runner.run(
            [ToolCommand("tokenize", "--quiet", "--whitespace", words.path), ToolCommand("build-vocab", "--quiet")],
            to: vocabulary, processors: threads)
        try runner.run(
            [ToolCommand("embed-oov", "--quiet", "--random", "--dimension", "\(configuration.inputSize)", vocabulary.path)],
            to: table, processors: threads)
        tableFile = table
        self.table = try EmbeddingTable(FileSource(path: table.path), pool: WorkerPool(threads: 1))
    }

    /// Reads the model as `encode` does.
    /// - `backends`: those of a device; if there are none, the processor computes.
    func readModel(_ pool: ThreadPool, backends: [any Backend] = []) throws -> ContextualEncoder {
        try SentenceEncoder.readModel(model.path, pool: pool, backends: backends)
    }

    /// Runs `encode` for one short sentence and returns its time in seconds.
    func runTool() throws -> Double {
        var arguments = ["--quiet", "--threads", "\(threads)", "--whitespace", "--model", model.path]
        if let tableFile { arguments += ["--table", tableFile.path, "--other-table"] }
        return try runner.run([ToolCommand("encode", arguments + [shortText.path])], processors: threads).seconds
    }
}
