import ArgumentParser
import CUDA
import Files
import Glibc
import Kernels
import MessagePassing
import Model
import NetworkArguments
import Parallel
import Shards
import ToolSupport
import Training
import WordVectors

@main
struct Train: Tool {
    static let configuration: CommandConfiguration = configuration(
        "train", "Train a contextual encoder: token shards and a table in, model out.",
        """
        The encoder (ELMo-C, Li et al. 2019): a linear layer over the table's frozen vectors, LSTM layers with projection \
        in both directions, and a linear layer that predicts the vector of the next word; the loss is their distance. --encoder \
        puts other layers in the place of the LSTM's: GRU, QRNN, SRU or a Transformer. With \
        --objective masked one network reads both ways at once, and predicts words that it is not shown. Words that the table lacks get vectors from the generator it carries. The model is a safetensors file with its configuration \
        in the metadata.

        With --checkpoints a run survives everything: the same command with --resume goes on where the last checkpoint \
        was made, and gives the same bytes as a run that was never stopped.

        Under mpiexec, ranks train together: each host has its own copy of the inputs, and the first rank writes.

        Example: train --preset small --table table.shard --held-out test.tok --log log.jsonl corpus.tok -o model.safetensors
        """)

    @Argument(help: "Token shards; - is standard input. With --print and --merge, models.", completion: .file())
    var inputs: [String] = ["-"]

    @Option(help: ArgumentHelp("The embedding table; - is standard input.", valueName: "file"), completion: .file())
    var table: String?

    @Option(
        help: ArgumentHelp(
            """
            The vocabulary of a softmax, from build-vocab; other words are <unk>. With the continuous output: score held-out text over \
            this vocabulary, as a softmax is, not over the table.
            """, valueName: "file"),
        completion: .file())
    var vocab: String?

    @Option(help: ArgumentHelp(
        """
        Memory for the vectors of the table, which go to the words that come first; those of others are read from its file each \
        time. Of a table in a pipe all stay in memory [256M].
        """, valueName: "size"))
    var tableMemory: ByteSize?

    @Option(
        name: .customLong("init"),
        help: ArgumentHelp(
            """
            Begin with the weights of this finished model: what fits is taken, and what does not is listed. The text, the table and the \
            vocabulary may be others.
            """, valueName: "file"), completion: .file())
    var initialModel: String?

    @OptionGroup(title: "Encoder") var network: NetworkOptions
    @OptionGroup(title: "Training") var schedule: ScheduleOptions
    @OptionGroup(title: "Held-out text") var evaluation: EvaluationOptions
    @OptionGroup(title: "Device") var device: DeviceOptions
    @OptionGroup(title: "Checkpoints") var checkpoints: CheckpointOptions
    @OptionGroup(title: "Ranks of mpiexec") var rankOptions: RankOptions

    @Flag(help: "Check all inputs, and print to standard output what training takes: memory, steps, time. Writes no model.")
    var dryRun = false

    @Flag(help: "Join a forward and a backward model, trained apart, into one.")
    var merge = false

    @Flag(help: "Print models as text: configuration, tensors and sizes.")
    var print = false

    @OptionGroup var output: OutputOption
    @OptionGroup var seed: SeedOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard [print, merge, dryRun].count(where: { $0 }) <= 1 else {
            throw ValidationError("--print, --merge and --dry-run are different things to do")
        }
        if print || merge {
            guard initialModel == nil else { throw ValidationError("--init trains; --\(print ? "print" : "merge") does not") }
            guard !inputs.contains("-") else {
                throw ValidationError("--\(print ? "print" : "merge") needs the names of models; a pipe cannot be one")
            }
            return try device.refuse(for: print ? "--print" : "--merge")
        }
        try network.requireInputs(table: table != nil, vocabulary: vocab != nil)
        guard table == nil || network.needsTable else {
            throw ValidationError("--table is not used: neither the input nor the output of this network are vectors")
        }
        guard table != nil || tableMemory == nil else {
            throw ValidationError("--table-memory is not used: this network has no table")
        }
        if let (option, layer) = network.unused {
            throw ValidationError("\(option) is not used: it is of \(layer), which this network does not have")
        }
        guard network.objective == .nextWord || !schedule.resetState else {
            throw ValidationError("--reset-state is not used: it is of --objective next-word; a network that reads both ways has no state")
        }
        guard network.carriesState || !schedule.resetState else {
            throw ValidationError("--reset-state is not used: this encoder carries no state from window to window")
        }
        let sources = [table, vocab, evaluation.heldOut].compactMap { $0 } + inputs
        try requireOneStandardInput("table, vocabulary, tokens and held-out text", sources)
        if evaluation.patience != nil {
            guard checkpoints.checkpoints != nil else { throw ValidationError("--patience needs --checkpoints") }
            guard evaluation.heldOut != nil || evaluation.heldOutEvery > 0 else {
                throw ValidationError("--patience needs held-out text")
            }
        }
        guard let log = evaluation.log else { return }
        guard log != "-" || output.output != "-" else {
            throw ValidationError("log and model cannot both go to standard output")
        }
        // The log is written in place, so it must be neither an input file nor the model.
        for other in sources + [output.output] + [initialModel].compactMap({ $0 }) where isSameFile(log, other) {
            throw ValidationError("--log \(log) is another file of this run")
        }
    }

    func perform() throws {
        if print || merge, RankOptions.launcher != nil {
            throw ToolError(.usage, "--\(print ? "print" : "merge") is nothing for several ranks: start it without mpiexec")
        }
        if print {
            return try output.write(binary: false) { for path in inputs { try $0.write(ModelFile.describe(path)) } }
        }
        if merge {
            let pool = ThreadPool(threads: common.threads)
            return try output.write(binary: true) { try ModelFile.write(ModelFile.merge(inputs, pool: pool), to: $0) }
        }
        guard let ranks = try rankOptions.join() else { return try train(nil) }
        do { try train(ranks) } catch { ranks.fail(error as? ToolError ?? ToolError(.software, "\(error)")) }
        ranks.communicator.leave()
        if StopRequest.isMade && checkpoints.checkpoints != nil { StopRequest.endBySignal() }
    }

    static var isFollower: Bool { RankOptions.launcher?.rank ?? 0 > 0 }

    /// Reports a wrong command line, from only one rank for all.
    static func fail(_ error: ToolError) -> Never {
        let launcher = RankOptions.launcher
        if let launcher, let communicator = try? Communicator.join(launcher) { Ranks(communicator).fail(error) }
        // Most launchers end the other processes when the first one has ended.
        if isFollower { sleep(1) }
        writeToStandardError("\(name): \(launcher.map { "\($0.place): " } ?? "")\(printable(error.description))\n")
        Glibc.exit(error.status.rawValue)
    }

    /// Trains alone, or as one of several ranks, of which the first one writes and reports.
    private func train(_ ranks: Ranks?) throws {
        let isFirst = ranks?.isFirst ?? true, report = Report(quiet: common.quiet || !isFirst)
        if ranks != nil, ([table, vocab, evaluation.heldOut].compactMap { $0 } + inputs).contains("-") {
            throw ToolError(.usage, "standard input goes to one rank alone: name files that all ranks can read")
        }
        try ranks?.compare(ways)
        // The directory is opened before the output, which may be inside it.
        let checkpointDirectory = dryRun || !isFirst ? nil : try checkpoints.open()
        let file = try !isFirst ? nil : dryRun ? OutputFile(path: "-", binary: false) : output.open(binary: true)
        let input = try TrainingInput(
            table: table, tableMemory: tableMemory?.bytes ?? WordRows.defaultMemory,
            vocabulary: network.needsVocabulary ? vocab : nil, scoreVocabulary: network.needsVocabulary ? nil : vocab, tokens: inputs,
            heldOut: evaluation.heldOut, heldOutEvery: evaluation.heldOutEvery,
            heldOutTokens: evaluation.heldOutTokens ?? EvaluationOptions.defaultHeldOutTokens,
            centred: !network.rawTargets, threads: common.threads)
        var options = schedule.options(seed: seed.seed, evaluation, usualWindow: network.usualWindow)
        options.initialModel = try initialModel.map { try ModelFile.digest(of: SafetensorsReader(path: $0)) }
        options.lanes = try lanes(input, options, checkpointDirectory, ranks)
        let configuration = try self.configuration(input, options)
        try input.check(configuration, options)
        try ranks?.compare(facts(input, configuration, options))
        if let ranks, let other = try ranks.others(than: ProcessorKernels.fastest.name).first {
            report.print(
                "train: warning: rank \(other.rank) on host \(ranks.communicator.hosts[other.rank]) has a processor with \(other.value), and rank 0 one with "
                    + "\(ProcessorKernels.fastest.name): the last bits depend on which lanes each has")
        }
        let plan = try RankPlan(
            rank: ranks?.rank ?? 0, ranks: ranks?.count ?? 1, lanes: options.lanes, batch: options.batch, configuration)
        let gpu = try device.open(place: ranks?.placeOnHost ?? 0)
        let backends = try gpu.map {
            try device.backends(configuration.directions.count, on: $0, computing: plan.directions)
        } ?? []
        if dryRun {
            guard let file else { return }
            try file.write(
                try input.estimate(
                    configuration, options, onDevice: gpu != nil, plan: ranks.map { _ in plan }, precision: rankOptions.send))
            guard let gpu, let backend = backends.dropFirst(plan.directions.lowerBound).first else { return try file.commit() }
            let memory = DeviceMemory(configuration, options, input, backend: backend)
            try withExtendedLifetime(backends) { try file.write(gpuBill(memory.bill(), gpu)) }
            try file.commit()
            // The check includes the memory that the backends of all directions have allocated.
            return try withExtendedLifetime(backends) { try memory.check(gpu.name) }
        }
        if let gpu, let backend = backends.dropFirst(plan.directions.lowerBound).first {
            try DeviceMemory(configuration, options, input, backend: backend).check(gpu.name)
        }
        if let text = device.announcement(gpu) { report.print("train: \(text)") }

        let reports = TrainingReport(report)
        let trainer = try Trainer(
            configuration, options, input, heldOut: try input.heldOutText(configuration, options),
            checkpoints: checkpointDirectory, backends: backends, ranks: ranks, precision: rankOptions.send)
        reports.attach(to: trainer)
        reports.begin(trainer, input, options)
        if let ranks { reports.began(ranks) }
        let resumed = checkpoints.resume ? try trainer.resume() : nil
        if let initialModel, resumed == nil { reports.inherited(try trainer.begin(from: initialModel), from: initialModel) }
        if checkpoints.resume { reports.resumed(at: resumed, of: trainer) }
        if isFirst, let log = evaluation.log { trainer.log = try MetricsLog(path: log, resumingAt: trainer.step) }
        // The measurement takes a third of a second, which is not worth it for the shortest runs.
        if gpu != nil || !isFirst {
            // The processor's speed tells nothing about the training time.
        } else if evaluation.log != nil || report.showsProgress || schedule.time != nil
            || trainer.mayTakeMinutes(atGigaflops: 100, threads: common.threads) {
            trainer.measureCeiling = { ProductCeiling(pool: input.pool).rate(seconds: 0.3) }
        }
        if checkpoints.checkpoints != nil {
            StopRequest.listen()
            trainer.shouldStop = { StopRequest.isMade }
        } else {
            reports.attachWithoutCheckpoints(to: trainer)
        }
        let outcome = try trainer.run()
        try trainer.log?.commit()
        reports.end(outcome, trainer, checkpointDirectory)
        if case .stopped = outcome { return ranks == nil ? StopRequest.endBySignal() : () }
        guard let file else { return }
        try ModelFile.write(trainer.encoder, to: file)
        try file.commit()
    }

    /// Returns the lanes of a run: those of the options, or those of the checkpoint from which training resumes, or as many as there
    /// are ranks for a direction; `nil` means one.
    private func lanes(
        _ input: TrainingInput, _ options: TrainingOptions, _ checkpoints: CheckpointDirectory?, _ ranks: Ranks?
    ) throws -> Int? {
        var lanes = rankOptions.lanes
        if lanes == nil && self.checkpoints.resume {
            let found = try checkpoints?.lanes() ?? 0
            lanes = try ranks.map { try $0.spread(number: found) } ?? found
            if lanes == 0 { lanes = nil }
        }
        let shape = try network(for: input)
        let plan = try RankPlan(rank: ranks?.rank ?? 0, ranks: ranks?.count ?? 1, lanes: lanes, batch: options.batch, shape)
        return plan.lanes == 1 ? nil : plan.lanes
    }

    /// Returns the facts that must be the same in all ranks.
    private func facts(
        _ input: TrainingInput, _ configuration: EncoderConfiguration, _ options: TrainingOptions
    ) -> [(name: String, value: String)] {
        [
            ("table", configuration.tableDigest), ("vocabulary", configuration.vocabularyDigest),
            ("text or held-out text", input.digests.joined(separator: " ")),
        ]
            + Mirror(reflecting: options).children.map { child in
                let name = child.label ?? ""
                return (TrainingOptions.optionNames[name] ?? name, "\(child.value)")
            } + [("network", "\(configuration)")]
    }

    /// The settings of joint work, which all ranks must know before they communicate about anything else.
    private var ways: [(name: String, value: String)] {
        [
            ("version of train", contourVersion), ("--dry-run", "\(dryRun)"), ("--checkpoints", "\(checkpoints.checkpoints != nil)"),
            ("--resume", "\(checkpoints.resume)"), ("--lanes", "\(rankOptions.lanes ?? 0)"), ("--send", rankOptions.send.rawValue),
        ]
    }

    private func gpuBill(_ items: [(name: String, bytes: Int)], _ gpu: CUDADevice) -> String {
        func line(_ name: String, _ bytes: Int) -> String { "GPU memory\(name)\t\(bytes >> 20) MiB\n" }
        return items.map { line(", \($0.name)", $0.bytes) }.joined() + line(" in all", items.reduce(0) { $0 + $1.bytes })
            + line(" free of \(gpu.name)", gpu.freeMemory)
    }

    private func network(for input: TrainingInput) throws -> EncoderConfiguration {
        try network.configuration(
            dimension: input.words.vectors?.dimension ?? 0, classes: input.words.vocabulary?.size ?? 0)
    }

    /// Returns the network, with a description of its text, table and vocabulary.
    private func configuration(_ input: TrainingInput, _ options: TrainingOptions) throws -> EncoderConfiguration {
        var configuration = try network(for: input)
        configuration.encoder.family.prepare(forWindow: options.window)
        input.describe(in: &configuration)
        if network.negatives == nil { input.lowerNegatives(in: &configuration, options) }
        return configuration
    }
}
