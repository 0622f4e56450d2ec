import ArgumentParser
import Benchmarking
import Files
import Kernels
import Model
import ToolSupport

/// The command `bench scaling`.
struct BenchScaling: BenchCommand {
    static let configuration = CommandConfiguration(
        commandName: "scaling", abstract: "Training by several ranks of mpiexec beside one; and a model of many machines.",
        discussion: """
            Networks are written as for bench compare; of the options in their quotes --batch is that of a rank, so that ranks together \
            train on as many times the words (weak scaling). train, as it lies beside bench, is run for a few steps with each number of \
            ranks, by turns. All ranks must see this machine's processes and files: network namespaces will do. With directions that share \
            nothing, an even number of ranks shares these out and sends no gradients; with --direction forward in the quotes they all do.

            --model computes from that what more machines would reach; --from does so from results of earlier runs (--json), of which \
            each may have its own --gbit. What is computed is marked as computed.

            Example: bench scaling 'elmo-c --direction forward' --ranks 1,2 --mpiexec 'mpiexec --bind-to none' --threads 1
            Example: bench scaling --model --from 10gbit.jsonl --from 1gbit.jsonl
            """)

    @Argument(help: "The networks; none with --from.")
    var systems: [String] = []

    @Option(help: ArgumentHelp("Numbers of ranks.", valueName: "n,n"))
    var ranks = RankCounts(counts: [1, 2])

    @Option(help: ArgumentHelp("The words that start ranks, before -n.", valueName: "words"))
    var mpiexec = "mpiexec"

    @Option(help: ArgumentHelp("Steps of a run that count, after a first one.", valueName: "n"))
    var steps = 3

    @Option(help: ArgumentHelp("Rounds, in each of which every number of ranks has a run.", valueName: "n"))
    var rounds = 1

    @Flag(help: "Hold each rank to processors of its own, by taskset: the first --threads of them, the next, and so on.")
    var pin = false

    @Flag(help: "Measure as many ranks that train at once and send nothing, too: what one machine takes from them.")
    var apart = false

    @Option(help: ArgumentHelp("The rate of the network between the ranks, for --model, in Gbit/s.", valueName: "x"))
    var gbit: Double?

    @Option(help: ArgumentHelp("Further options of train for all runs: '--send bf16'.", valueName: "words"))
    var trainOptions = ""

    @Option(help: ArgumentHelp("Train on this text, plain or compressed, or a token shard [synthetic].", valueName: "file"), completion: .file())
    var text: String?

    @Option(help: ArgumentHelp("Size of the synthetic text.", valueName: "n"))
    var megabytes = 16

    @Flag(help: "Compute what up to 1,000 machines would reach, with networks of 1, 10 and 100 Gbit/s.")
    var model = false

    @Option(help: ArgumentHelp("For --model, results of an earlier run, from --json; may be given several times.", valueName: "file"),
            completion: .file())
    var from: [String] = []

    @Option(help: ArgumentHelp("For --model, how many times as fast as what was measured each machine computes.", valueName: "x"))
    var speed = 1.0

    @Option(help: ArgumentHelp("For --model, microseconds of a message of no bytes.", valueName: "x"))
    var latency = 25.0

    @OptionGroup var results: ResultOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard text != "-" else { throw ValidationError("--text must be a file: it is read more than once") }
        guard (1...1_000_000).contains(megabytes) else { throw ValidationError("--megabytes must be from 1 to 1000000") }
        guard (1...100_000).contains(steps) else { throw ValidationError("--steps must be from 1 to 100000") }
        guard (1...1000).contains(rounds) else { throw ValidationError("--rounds must be from 1 to 1000") }
        guard !mpiexec.words.isEmpty else { throw ValidationError("--mpiexec is the words that start ranks, and not nothing") }
        for (name, value) in [("gbit", gbit ?? 1), ("speed", speed), ("latency", latency)] {
            guard value > 0 && value <= 1e6 else { throw ValidationError("--\(name) must be above 0 and at most 1000000") }
        }
        guard systems.isEmpty != from.isEmpty else { throw ValidationError("name networks to measure, or results to compute from by --from") }
        guard from.isEmpty || model else { throw ValidationError("--from is for --model") }
        guard !model || !from.isEmpty || ranks.counts.contains(1) else {
            throw ValidationError("--model needs the speed of one rank: --ranks must have a 1")
        }
        _ = try parsed()
    }

    func perform() throws {
        if !from.isEmpty {
            let results = try from.flatMap { try ScalingResult.read($0) }, files = try self.results.open()
            try files.print(modelText(results, files))
            return try files.commit()
        }
        let systems = try parsed(), files = try self.results.openInterruptible(), report = common.report
        var benchmark = try ScalingBenchmark(text: text, megabytes: megabytes, threads: availableThreads)
        (benchmark.ranks, benchmark.launcher, benchmark.steps, benchmark.rounds) = (ranks.counts, mpiexec.words, steps, rounds)
        (benchmark.threads, benchmark.isPinned, benchmark.measuresApart) = (common.threads, pin, apart)
        (benchmark.trainOptions, benchmark.gigabits) = (trainOptions.words, gbit)
        benchmark.shouldStop = { StopRequest.isMade }
        let size = benchmark.textSize, text = self.text ?? "synthetic"
        try files.log(
            MachineRecord(
                command: measuredCommand, version: contourVersion, text: text, textWords: size.tokens, distinctWords: size.distinctWords,
                threads: common.threads, device: nil))
        try files.print(
            "\(Machine.processor), \(Machine.kernels); \(common.threads) thread\(common.threads == 1 ? "" : "s") a rank"
                + "\(gbit.map { ", \(number($0)) Gbit/s" } ?? ""); text \(text), \(grouped(size.tokens)) tokens; \(Machine.date)\n")
        var table = TextTable(Self.titles), all: [ScalingResult] = []
        for system in systems where !StopRequest.isMade {
            let measured = try benchmark.run(system, options: Self.trainOptions(of: system)) { text in
                if report.showsProgress { report.progress(text) } else { report.print("bench scaling: \(text)") }
            }
            for result in measured {
                table.append(Self.cells(result, measured.first { $0.ranks == 1 }))
                try files.log(result)
            }
            all += measured
        }
        report.progress("")
        try files.print(table.text)
        if model && all.contains(where: { $0.ranks == 1 }) { try files.print("\n" + modelText(all, files)) }
        try files.commit()
    }

    /// The number of threads that make the inputs: those of all processors, whatever number a rank has.
    private var availableThreads: Int { max(common.threads, 2) }

    private func parsed() throws -> [MeasuredSystem] { systems.isEmpty ? [] : try NamedSystems.parsed(systems) }

    /// Returns the options of `train` that make a system: its words without the options of its inputs, or of the run.
    private static func trainOptions(of system: MeasuredSystem) -> [String] {
        var words = system.options.words, options: [String] = []
        if let first = words.first, !first.hasPrefix("-") {
            options = ["--preset", first]
            words.removeFirst()
        }
        let own: Set = ["--vocabulary", "--units", "--dimension", "--batch", "--window", "--optimizer"]
        var index = 0
        while index < words.count {
            if own.contains(words[index]) {
                index += 2
            } else if let name = words[index].split(separator: "=").first, own.contains(String(name)) {
                index += 1
            } else {
                options.append(words[index])
                index += 1
            }
        }
        return options
    }

    // MARK: Tables

    private static let titles = [
        "", "ranks", "words/s", "lowest", "highest", "times one", "s a step", "waited", "highest", "sent a step", "communicator",
    ]

    private static func cells(_ result: ScalingResult, _ one: ScalingResult?) -> [String] {
        let speed = result.wordsPerSecond, exchanges = result.ranks > 1 && !result.isApart
        return [
            result.system, "\(result.ranks)\(result.isApart ? " apart" : "")", rounded(speed.median), rounded(speed.lowest),
            rounded(speed.highest), one.map { fixed(result.ratio(to: $0), 2) } ?? "", fixed(result.seconds.median, 2),
            result.waited.map { percent($0.median) } ?? "", result.waited.map { percent($0.highest) } ?? "",
            exchanges ? bench.megabytes(result.bytes) : "", result.threadShare.map(percent) ?? "",
        ]
    }

    /// Returns the tables of the model, and writes its lines to the log.
    private func modelText(_ results: [ScalingResult], _ files: Results) throws -> String {
        let model = ScalingModel(fitting: results), systems = ScalingModel.systems(results, speed: speed)
        guard !systems.isEmpty else { throw ToolError(.dataError, "no network was measured with one rank, which the model begins with") }
        var text = "computed, not measured, but for 1 rank: steps of \(number(speed)) times the speed measured; latency \(number(latency)) "
            + "microseconds\nfitted: \(percent(model.efficiency)) of the network's rate, \(percent(model.lateness)) of a step waited for a late "
            + "rank, \(fixed(1e9 * model.secondsOfByte, 2)) ns of a processor for a byte sent\n"
        let checked = results.filter { $0.ranks > 1 && !$0.isApart && $0.gigabits != nil }
        if !checked.isEmpty && speed == 1 {
            var check = TextTable(["beside what was measured", "Gbit/s", "ranks", "s a step, measured", "computed", "waited, measured", "computed"])
            for result in checked {
                guard let system = systems.first(where: { $0.name == result.system }), let gigabits = result.gigabits else { continue }
                let network = ScalingModel.Network(gigabits: gigabits, latency: 1e-6 * latency)
                let seconds = model.seconds(system, ranks: result.ranks, network)
                check.append([
                    system.name, number(gigabits), "\(result.ranks)", fixed(result.seconds.median, 2), fixed(seconds, 2),
                    result.waited.map { percent($0.median) } ?? "",
                    percent(model.secondsWaited(system, ranks: result.ranks, network) / seconds),
                ])
            }
            text += check.text
        }
        var sizes = TextTable(["", "words a step and rank", "s a step", "dense gradient", "rows of a rank"])
        for system in systems {
            sizes.append([
                system.name, grouped(system.words), fixed(system.seconds, system.seconds < 1 ? 4 : 2), bench.megabytes(system.gradient.dense),
                bench.megabytes(system.rows),
            ])
        }
        text += "\n" + sizes.text
        for gigabits in [1.0, 10, 100] {
            let network = ScalingModel.Network(gigabits: gigabits, latency: 1e-6 * latency)
            var table = TextTable(["computed: \(number(gigabits)) Gbit/s"] + systems.flatMap { ["\($0.name), words/s", "of R times"] })
            for ranks in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000] {
                table.append(
                    [grouped(ranks)] + systems.flatMap { system in
                        [rounded(model.wordsPerSecond(system, ranks: ranks, network)), percent(model.share(system, ranks: ranks, network))]
                    })
                for system in systems where ranks > 1 {
                    try files.log([
                        "event": "scaling-model", "computed": true, "system": system.name, "gigabits": gigabits, "ranks": ranks, "speed": speed,
                        "latency": 1e-6 * latency, "wordsPerSecond": model.wordsPerSecond(system, ranks: ranks, network),
                        "share": model.share(system, ranks: ranks, network),
                    ])
                }
            }
            text += "\n" + table.text
        }
        return text
    }

    /// Returns a number in the shortest form.
    private func number(_ value: Double) -> String { value == value.rounded() ? grouped(Int(value)) : "\(value)" }
}

/// The numbers of ranks, as `1,2,4`.
struct RankCounts: ExpressibleByArgument, CustomStringConvertible {
    let counts: [Int]

    init(counts: [Int]) { self.counts = counts }

    init?(argument: String) {
        let counts = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        guard counts.allSatisfy({ $0.map((1...100_000).contains) ?? false }), Set(counts).count == counts.count else { return nil }
        self.counts = counts.compactMap { $0 }
    }

    var description: String { counts.map(String.init).joined(separator: ",") }
    var defaultValueDescription: String { description }
}
