public import ArgumentParser
import Benchmarking
import Files
import ToolSupport
public import Training

extension OptimizerKind: ExpressibleByArgument {}

/// How systems are measured together: options of `output-layers`, `costs` and `compare`.
struct SystemOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Train on this text, plain or compressed, or a token shard [synthetic].", valueName: "file"),
        completion: .file())
    var text: String?

    @Option(help: ArgumentHelp("Size of the synthetic text.", valueName: "n"))
    var megabytes = 16

    @Option(parsing: .unconditional, help: ArgumentHelp(
        """
        Take no longer than this in all, starts included: 90s, 15m [output-layers 30m, compare 5m, costs 1m]. As many rounds are \
        measured as fit; where not even three do, it is refused, with the time that it needs.
        """, valueName: "time"))
    var budget: TimeSpan?

    @Option(help: ArgumentHelp("End earlier when every ratio is known to this share of itself; 0 does not.", valueName: "x"))
    var precision = 0.005

    @Option(help: ArgumentHelp("Tell the largest batch for this much memory [the machine's].", valueName: "size"))
    var memory: ByteSize?

    @Option(help: ArgumentHelp("The most memory for the vectors of words.", valueName: "size"))
    var tableMemory = ByteSize(bytes: 256 << 20)

    @Option(
        help: ArgumentHelp("Write what was measured of each system to this file too, tabs between columns.", valueName: "file"),
        completion: .file())
    var tsv: String?

    @OptionGroup var results: ResultOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard text != "-" else { throw ValidationError("--text must be a file: it is read more than once") }
        guard (1...1_000_000).contains(megabytes) else { throw ValidationError("--megabytes must be from 1 to 1000000") }
        guard budget?.seconds ?? 1 > 0 else { throw ValidationError("--budget must be above 0") }
        try results.checkDifferent(from: tsv)
        guard precision >= 0 && precision < 1 else { throw ValidationError("--precision must be from 0 to less than 1") }
    }

    /// The memory that the largest batch is told for.
    var memoryGiven: Int { memory?.bytes ?? memoryLimit() }

    /// - Parameter progress: is told what is going on.
    func benchmark(_ progress: RunProgress) -> SystemsBenchmark {
        var benchmark = SystemsBenchmark(threads: common.threads)
        benchmark.text = text
        benchmark.megabytes = megabytes
        benchmark.memoryGiven = memoryGiven
        benchmark.tableMemory = tableMemory.bytes
        benchmark.precision = precision
        benchmark.shouldStop = { StopRequest.isMade }
        benchmark.onProgress = { progress.show($0) }
        benchmark.onStage = { progress.finish($0) }
        return benchmark
    }
}
