public import ArgumentParser
import Benchmarking
import CUDA
import Encoding
import Files
import Kernels
import Model
import NetworkArguments
import Parallel
import Subwords
public import Tasks
import ToolSupport
import WordVectors

/// The names of the tasks.
enum TaskName: String, ExpressibleByArgument, CaseIterable {
    case ner, sst, sst2, snli, srl, coref, gap

    /// Calls `body` with the type of the task.
    func open<Result>(_ body: (any LabelledTask.Type) throws -> Result) rethrows -> Result {
        switch self {
        case .ner: try body(EntityTask.self)
        case .sst: try body(SentimentTask.self)
        case .sst2: try body(PolarityTask.self)
        case .snli: try body(InferenceTask.self)
        case .srl: try body(RoleTask.self)
        case .coref: try body(CoreferenceTask.self)
        case .gap: try body(PronounTask.self)
        }
    }
}

extension TaskSize: ExpressibleByArgument {}

/// The command `bench task`.
struct BenchTask: BenchCommand {
    static let configuration = CommandConfiguration(
        commandName: "task", abstract: "The worth of frozen vectors in a task, by a network of the literature.",
        discussion: """
            A network with the settings that ELMo was published with learns a labelled task on the frozen vectors of a model, whose layers \
            it mixes, and is scored as publications score it. ner: named entities in CoNLL's columns, a bidirectional LSTM with a \
            conditional random field, F1 of entities. sst and sst2: sentiment of trees in brackets, five classes or two, a biattentive \
            classification network, accuracy. snli: inference between two sentences, JSON Lines or columns with tabs, ESIM, accuracy. \
            srl: semantic roles of predicates in PropBank's columns, an alternating LSTM with highways, F1 of arguments. coref: coreference in \
            CoNLL-2012's columns, end to end over spans, the mean F1 of MUC, B-cubed and CEAF-e. gap: the same network, tested on passages of \
            GAP, accuracy of their pronouns. docs/tasks.md says more, and how to use vectors of other programs.

            The vectors are made once, and kept in a cache, or made anew for each batch with --no-cache.

            Example: bench task ner --train train.txt --dev dev.txt --test test.txt --model model.safetensors --table table.shard
            """)

    @Argument(help: "The task.")
    var task: TaskName

    @Option(help: ArgumentHelp("The labelled text to learn from.", valueName: "file"), completion: .file())
    var train: String?

    @Option(
        help: ArgumentHelp("The labelled text that says when to stop, and which pass is the best.", valueName: "file"), completion: .file())
    var dev: String?

    @Option(help: ArgumentHelp("The labelled text to test with; without it the score of --dev is printed.", valueName: "file"), completion: .file())
    var test: String?

    @Option(help: ArgumentHelp("The model that train made; without it word vectors alone.", valueName: "file"), completion: .file())
    var model: String?

    @Option(
        help: ArgumentHelp(
            "The embedding table: of a model that reads vectors, and of the words' own vectors beside the model's.", valueName: "file"),
        completion: .file())
    var table: String?

    @Option(help: ArgumentHelp("The merges of a model that reads subwords.", valueName: "file"), completion: .file())
    var bpe: String?

    @Option(help: ArgumentHelp(
        "Vectors of another program instead of a model's: NumPy arrays, HDF5 or vector shards for --train, --dev and --test in this order.",
        valueName: "file,file"))
    var vectors: String?

    @Flag(help: "Print the sentences whose vectors the task asks for in the one text that is named, a line each, and end.")
    var printSentences = false

    @Flag(help: "Leave the words' own vectors out: the model's alone.")
    var noWords = false

    @Option(help: "The size of the task network: as published, or a smaller one for a machine of few cores.")
    var size = TaskSize.paper

    @Option(help: ArgumentHelp(
        "Of sst and sst2: learn from the phrases inside the sentences, too (all), or from the sentences alone (none) [all; small: none].",
        valueName: "which"))
    var subtrees: Subtrees?

    enum Subtrees: String, ExpressibleByArgument, CaseIterable { case all, none }

    @Option(help: ArgumentHelp("Networks to train, with seeds from --seed on.", valueName: "n"))
    var seeds = 1

    @Option(help: ArgumentHelp("Passes over the training text at most [as published].", valueName: "n"))
    var epochs: Int?

    @Option(help: ArgumentHelp("Passes without a better score on --dev after which training ends [as published].", valueName: "n"))
    var patience: Int?

    @Option(help: ArgumentHelp("Examples of a batch [as published].", valueName: "n"))
    var batch: Int?

    @Option(help: ArgumentHelp("Learning rate [as published].", valueName: "x"))
    var rate: Double?

    @Option(help: ArgumentHelp("Write the network that was the best on --dev to this file.", valueName: "file"), completion: .file())
    var save: String?

    @Option(help: ArgumentHelp("Train nothing: score, or predict with, a network that --save wrote.", valueName: "file"), completion: .file())
    var load: String?

    @Option(
        help: ArgumentHelp("Write what the best network finds in --test, or --dev, to this file, in the task's own form.", valueName: "file"),
        completion: .file())
    var predictions: String?

    @Option(
        help: ArgumentHelp("The folder in which vectors are kept [~/.cache/contour/vectors].", valueName: "folder"), completion: .directory)
    var cache: String?

    @Option(help: ArgumentHelp("Bytes that all kept vectors may take; the oldest make room.", valueName: "size"))
    var cacheSize = ByteSize(bytes: 20 << 30)

    @Flag(help: "Keep no vectors: make them anew for each batch. With --device cuda this costs little.")
    var noCache = false

    @Option(help: ArgumentHelp("The name of the system in the results [the model's file].", valueName: "name"))
    var systemName: String?

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp(
            "Add this to the records of --json, as an integer or a string; may be given several times.", valueName: "name=value"))
    var field: [ResultField] = []

    @OptionGroup var device: DeviceOptions
    @OptionGroup var seed: SeedOption
    @OptionGroup var results: ResultOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if printSentences {
            guard [train, dev, test].count(where: { $0 != nil }) == 1 else {
                throw ValidationError("--print-sentences takes one text: --train, --dev or --test")
            }
            guard model == nil, table == nil, vectors == nil, load == nil, save == nil, predictions == nil else {
                throw ValidationError("--print-sentences makes no vectors and trains nothing: it takes one text alone")
            }
            return
        }
        try requireOneStandardInput("texts, table, merges and models", [train, dev, test, model, table, bpe, load].compactMap { $0 })
        if load == nil {
            guard train != nil, dev != nil else { throw ValidationError("--train and --dev are missing: a text to learn from, and one to stop by") }
        } else {
            for (option, isGiven) in [
                ("--train", train != nil), ("--save", save != nil), ("--seeds", seeds != 1), ("--epochs", epochs != nil),
                ("--patience", patience != nil), ("--rate", rate != nil),
            ] where isGiven { throw ValidationError("\(option) is not used with --load: nothing is trained") }
            guard dev != nil || test != nil else { throw ValidationError("--load needs a text, --test or --dev") }
        }
        guard model != nil || table != nil || vectors != nil else {
            throw ValidationError("nothing to learn from: name a --model, --vectors, or a --table of word vectors")
        }
        guard model == nil || vectors == nil else { throw ValidationError("give --model or --vectors, not both") }
        if model == nil { try device.refuse(for: "a task without --model") }
        guard !noCache || vectors == nil else { throw ValidationError("--no-cache is not used with --vectors: they are in files already") }
        guard !noCache || cache == nil else { throw ValidationError("--cache is not used with --no-cache") }
        guard !noWords || model != nil else { throw ValidationError("--no-words leaves nothing without a --model") }
        let texts = [train, dev, test].count { $0 != nil }
        guard vectors == nil || vectorPaths.count == texts else {
            throw ValidationError("--vectors must name a file for each text, \(texts) with commas between them")
        }
        guard subtrees == nil || task == .sst || task == .sst2 else {
            throw ValidationError("--subtrees is of sst and sst2: no other task has trees")
        }
        guard model != nil || bpe == nil else { throw ValidationError("--bpe is not used without a --model") }
        for (option, value, bounds) in [("--seeds", seeds, 1...1000), ("--epochs", epochs ?? 1, 1...100_000),
            ("--patience", patience ?? 1, 1...100_000), ("--batch", batch ?? 1, 1...65536)]
        where !bounds.contains(value) { throw ValidationError("\(option) must be from \(bounds.lowerBound) to \(bounds.upperBound)") }
        guard (rate ?? 1) > 0, (rate ?? 1).isFinite else { throw ValidationError("--rate must be a number above 0") }
        let outputs = [save, predictions, results.json, results.output.output].compactMap { $0 }.filter { $0 != "-" }
        guard Set(outputs).count == outputs.count else { throw ValidationError("two results cannot go to one file") }
        try ResultField.check(field, own: TaskReport.ownFields)
    }

    private var options: TaskOptions {
        var options = TaskOptions()
        options.usesSubtrees = (subtrees ?? (size == .small ? Subtrees.none : .all)) == .all
        return options
    }

    private var vectorPaths: [String] { vectors.map { $0.parts(separatedBy: ",", keepsEmpty: true) } ?? [] }

    func perform() throws {
        func run<T: LabelledTask>(_ task: T.Type) throws { try perform(task) }
        try task.open { try run($0) }
    }

    private func printSentences<T: LabelledTask>(_ type: T.Type, _ path: String) throws {
        let text = try T.read(path), task = try T(text, options)
        try results.output.write(binary: false) { output in
            for sentence in task.sentences(of: text, training: train != nil) { try output.write(sentence.joined(separator: " ") + "\n") }
        }
    }

    private func perform<T: LabelledTask>(_ type: T.Type) throws {
        if printSentences, let path = train ?? dev ?? test { return try printSentences(T.self, path) }
        let files = try results.openInterruptible()
        let saved = try save.map { try OutputFile(path: $0, binary: true) }
        let found = try predictions.map { try OutputFile(path: $0, binary: false) }
        let training = try train.map(T.read), development = try dev.map(T.read), test = try test.map(T.read)
        let stored = try load.map { try TaskModel(path: $0) }
        let task: T
        if let stored {
            guard stored.facts.task == T.learnedTask else {
                throw ToolError(.configuration, "\(load ?? ""): is a network for \(stored.facts.task), and not for \(T.learnedTask)")
            }
            guard let known = T(stored.facts.facts) else { throw ToolError.data(load ?? "", "", "does not say what its labels are") }
            task = known
        } else if let training {
            task = try T(training, options)
        } else {
            return
        }
        let pool = ThreadPool(threads: common.threads), cache = noCache ? nil : try openCache()
        var vectorFiles = try vectorPaths.map { try ImportedVectors(path: $0, pool: common.workerPool()) }[...]
        let source = try openSource(vectorFiles.first, pool)
        func side(_ text: T.Text?, _ path: String?, training: Bool) throws -> TaskRun<T>.Side? {
            guard let text, let path else { return nil }
            let file = vectorFiles.popFirst()
            // Labels are checked before anything is encoded.
            let examples = try task.examples(of: text, training: training)
            let sentences = task.sentences(of: text, training: training), words = sentences.reduce(0) { $0 + $1.count }
            guard let cache else { return TaskRun<T>.Side(text, examples, VectorsOnDemand(source, sentences: sentences, text: path)) }
            let vectors = try source.vectors(of: sentences, text: path, file: file, in: cache) { done in
                common.report.progress("\(source.name): vectors of \(grouped(done)) of \(grouped(words)) words of \(path)")
            }
            common.report.progress("")
            return TaskRun<T>.Side(text, examples, vectors)
        }
        let sides = (
            training: try side(training, train, training: true), development: try side(development, dev, training: false),
            test: try side(test, self.test, training: false))
        guard let scored = sides.test ?? sides.development else { return }
        let run = TaskRun(
            task, size: stored.flatMap { TaskSize(rawValue: $0.facts.size) } ?? size, schedule: schedule(T.self),
            on: ProcessorBackend(pool: pool))
        var report = TaskReport(
            T.name, systemName ?? model ?? vectors ?? table ?? "", scored: self.test ?? dev ?? "", part: sides.test == nil ? "dev" : "test",
            fields: field, files)
        let best: TaskTrainer<T.Network>
        if let stored {
            guard stored.facts.form == source.form else {
                throw ToolError(
                    .configuration,
                    "\(load ?? ""): is for vectors of \(stored.facts.form), and those of \(source.name) are of \(source.form)")
            }
            best = run.trainer(source.form, seed: 1)
            try stored.load(into: best.parameters)
            try report.add(run.score(best, scored), to: common.report)
        } else if let training = sides.training, let development = sides.development {
            var winner: (score: Double, trainer: TaskTrainer<T.Network>)?
            for number in 0..<seeds where !StopRequest.isMade {
                let seed = seed.seed &+ UInt64(number)
                let (result, trainer) = try run.learn(
                    training, development: development, test: sides.test, seed: seed, shouldStop: { StopRequest.isMade },
                    onProgress: { progress in
                        common.report.progress(
                            "\(source.name), seed \(seed), pass \(progress.epoch): loss \(fixed(progress.loss, 3)), "
                                + "dev \(fixed(100 * progress.score, 2)), \(fixed(progress.seconds, 1)) s")
                        try? report.add(progress, seed: seed)
                    })
                try report.add(result, to: common.report)
                if result.development.value > winner?.score ?? -1 { winner = (result.development.value, trainer) }
            }
            common.report.progress("")
            guard let winner else { return try files.commit() }
            best = winner.trainer
        } else {
            return
        }
        if let found { try task.write(run.predict(best, scored), of: scored.text, to: found) }
        if let saved {
            try TaskModel.write(
                TaskModel.Facts(task: T.learnedTask, size: run.size, form: source.form, vectors: source.name, facts: task.facts), best.parameters,
                to: saved)
        }
        try files.print(report.table)
        try saved?.commit()
        try found?.commit()
        try files.commit()
    }

    private func schedule(_ task: (some LabelledTask).Type) -> TaskSchedule {
        var schedule = task.schedule(size)
        if let epochs { schedule.epochs = epochs }
        if let patience { schedule.patience = patience }
        if let batch { schedule.batch = batch }
        if let rate { schedule.rate = rate }
        return schedule
    }

    private func openCache() throws -> VectorCache {
        guard let folder = cache ?? VectorCache.usualFolder else {
            throw ToolError(.usage, "--cache is missing: neither XDG_CACHE_HOME nor HOME says where vectors can be kept")
        }
        return VectorCache(folder: folder, limit: cacheSize.bytes)
    }

    /// Opens the model, the table and the merges. Throws `ToolError`: `usage` for a table or merges that are missing or not used, and
    /// what reading the files throws.
    private func openSource(_ file: ImportedVectors?, _ pool: ThreadPool) throws -> VectorSource {
        let workers = common.workerPool()
        let words = try noWords ? nil : table.map { (table: try EmbeddingTable(FileSource(path: $0), pool: workers), name: $0) }
        if let file { return VectorSource(file, words: words) }
        guard let model else { return VectorSource(model: nil, words: words) }
        let gpu = try device.open(), backends = try gpu.map { try device.backends(2, on: $0) } ?? []
        if let text = device.announcement(gpu) { common.report.print("bench: \(text)") }
        let encoder = try SentenceEncoder.readModel(model, pool: pool, backends: backends)
        let readsVectors = encoder.configuration.input == .embeddings
        guard table == nil || readsVectors || !noWords else {
            throw ToolError(.usage, "--table is not used: \(model) reads \(encoder.configuration.input.rawValue), and --no-words is there")
        }
        let loaded = try LoadedModel(encoder, name: model, table: readsVectors ? table : nil, merges: bpe, pool: workers)
        return VectorSource(model: loaded, device: gpu.map { "\($0.name) in \(device.precision)" }, words: words)
    }
}
