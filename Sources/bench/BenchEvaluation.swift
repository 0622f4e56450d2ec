import ArgumentParser
import Benchmarking
import Files
import Kernels
import NetworkArguments
import ToolSupport
import Training

/// The command `bench evaluation`.
struct BenchEvaluation: BenchCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluation", abstract: "The time of scoring held-out text, beside its matrix products at the ceiling.",
        discussion: """
            The text is scored as train does at each evaluation: a forward pass, and every prediction ranked among the \
            candidates. The network is an untrained one. The ceiling is the better of Contour's products and OpenBLAS's, both \
            held to the kernels of --kernels, unless OPENBLAS_CORETYPE is set.

            Example: bench evaluation --preset small --table table.shard corpus.tok
            """)

    @Argument(help: "Token shards, as for train.", completion: .file())
    var tokens: [String]

    @Option(help: ArgumentHelp("The embedding table.", valueName: "file"), completion: .file())
    var table: String?

    @Option(help: ArgumentHelp("The vocabulary of a softmax, from build-vocab.", valueName: "file"), completion: .file())
    var vocab: String?

    @Option(help: ArgumentHelp("Score about this many held-out tokens, every 100th sentence.", valueName: "n"))
    var heldOutTokens = 30_000

    @Option(help: ArgumentHelp("Rank predictions among this many most frequent words.", valueName: "n"))
    var candidates = 10_000

    @Option(help: ArgumentHelp("Parallel streams of text.", valueName: "n"))
    var batch = 64

    @Option(help: ArgumentHelp("Evaluations to time, after one that is not counted.", valueName: "n"))
    var runs = 5

    @OptionGroup(title: "Encoder") var network: NetworkOptions
    @OptionGroup var kernels: KernelOptions
    @OptionGroup var results: ResultOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard heldOutTokens > 0, candidates > 0, (1...100_000).contains(runs) else {
            throw ValidationError("--held-out-tokens and --candidates must be above 0, --runs from 1 to 100000")
        }
        try checkWindow(batch: batch, window: 20)
        try network.requireInputs(table: table != nil, vocabulary: vocab != nil)
    }

    func perform() throws {
        let files = try results.openInterruptible()
        let input = try TrainingInput(
            table: network.needsTable ? table : nil, vocabulary: network.needsVocabulary ? vocab : nil, tokens: tokens,
            heldOut: nil, heldOutEvery: 100, heldOutTokens: heldOutTokens, centred: true, threads: common.threads)
        var options = TrainingOptions()
        options.batch = batch
        options.candidates = candidates
        options.evaluations = 1
        var configuration = try network.configuration(
            dimension: input.words.vectors?.dimension ?? 0, classes: input.words.vocabulary?.size ?? 0)
        input.describe(in: &configuration)
        if network.negatives == nil { input.lowerNegatives(in: &configuration, options) }
        try input.check(configuration, options)
        var benchmark = EvaluationBenchmark(configuration, options, input)
        benchmark.runs = runs
        benchmark.kernels = kernels.chosen ?? .fastest
        OpenBLAS.hold(to: benchmark.kernels)
        benchmark.shouldStop = { StopRequest.isMade }
        let result = try benchmark.run()
        try files.log(
            MachineRecord(
                command: measuredCommand, version: contourVersion, text: inputNames(tokens),
                textWords: input.corpus.tokens, threads: common.threads))
        try files.log(result)
        var table = TextTable(["", "median", "lowest", "highest"])
        for case let (name, spread?) in [
            ("evaluation, seconds", result.seconds), ("its products at the ceiling, seconds", result.products),
            ("ratio", result.ratio),
        ] {
            table.append(name, spread) { fixed($0, 3) }
        }
        if let ceiling = result.ceiling { table.append("large products, GFLOP/s", ceiling) }
        try files.print(
            "\(grouped(result.positions)) positions, ranked among \(grouped(result.candidates ?? 0)) words; "
                + "\(common.threads) threads, \(result.rounds ?? 0) runs\n" + table.text)
        try files.commit()
    }
}
