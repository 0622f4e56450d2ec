import ArgumentParser
import Benchmarking
import Encoding
import Files
import Kernels
import Model
import Parallel
import Probing
import Shards
import Subwords
import ToolSupport
import WordVectors

/// The command `bench probe`.
struct BenchProbe: BenchCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe", abstract: "The worth of frozen contextual vectors in a labelled task.",
        discussion: """
            A linear classifier is fitted to the vectors of every token, with a mix of the encoder's layers that it learns, \
            and tested on another text: entities, parts of speech, chunks, whatever a column of the texts says. Texts are in \
            CoNLL's columns: a word a line, an empty line behind every sentence. Labels such as B-PER, I-PER and O are of \
            spans, and scored by F1; all others by accuracy. A word whose label is _ has none. docs/probing.md says how it is done.

            Example: bench probe --train train.conll --test test.conll --table table.shard --word-vectors model.safetensors
            """)

    @Argument(help: "Models that train made.", completion: .file())
    var models: [String] = []

    @Option(
        help: ArgumentHelp("The text to fit to; every tenth sentence chooses the epoch.", valueName: "file"), completion: .file())
    var train: String

    @Option(help: ArgumentHelp("The text to test with.", valueName: "file"), completion: .file())
    var test: String

    @Option(
        help: ArgumentHelp("The embedding table of models that read vectors, and of --word-vectors.", valueName: "file"),
        completion: .file())
    var table: String?

    @Option(help: ArgumentHelp("The merges of models that read subwords.", valueName: "file"), completion: .file())
    var bpe: String?

    @Flag(help: "Probe the table's own vectors too.")
    var wordVectors = false

    @Option(help: ArgumentHelp("Names of the models in the results [their files].", valueName: "a,b"))
    var names: String?

    @Option(help: ArgumentHelp("Which column the labels are in, from 1 [the last].", valueName: "n"))
    var column: Int?

    @Option(help: ArgumentHelp("Which column the words are in, from 1.", valueName: "n"))
    var wordColumn = 1

    @Option(help: ArgumentHelp("Passes over the training text.", valueName: "n"))
    var epochs = Probe().epochs

    @Option(help: ArgumentHelp("Fits of each system, with seeds from --seed on.", valueName: "n"))
    var seeds = 3

    @Option(help: ArgumentHelp("Read this many sentences of each text at most; 0 reads all.", valueName: "n"))
    var sentences = 0

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp(
            "Add this to the records of --json, as an integer or a string; may be given several times.", valueName: "name=value"))
    var field: [ResultField] = []

    @OptionGroup var seed: SeedOption
    @OptionGroup var results: ResultOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        try requireOneStandardInput("texts, table, merges and models", [train, test, table, bpe] + models)
        guard !models.isEmpty || wordVectors else {
            throw ValidationError("nothing to probe: name a model, or say --word-vectors")
        }
        guard !wordVectors || table != nil else { throw ValidationError("--word-vectors needs --table") }
        guard wordColumn >= 1, column ?? 1 >= 1, wordColumn != column else {
            throw ValidationError("--column and --word-column are from 1 on, and not the same")
        }
        guard (1...10_000).contains(epochs), (1...10_000).contains(seeds) else {
            throw ValidationError("--epochs and --seeds must be from 1 to 10000")
        }
        guard sentences == 0 || sentences >= ProbeTask.heldOutEvery else {
            throw ValidationError("--sentences must be at least \(ProbeTask.heldOutEvery), or 0 for all")
        }
        guard systemNames.count == models.count, !systemNames.contains("") else {
            throw ValidationError("--names must have a name for each model, with commas between them")
        }
        if let name = systemNames.first(where: { name in systemNames.count { $0 == name } > 1 }) {
            throw ValidationError("two models have the name \(name)")
        }
        try ResultField.check(field, own: ProbeReport.ownFields)
    }

    private var systemNames: [String] {
        names.map { $0.parts(separatedBy: ",", keepsEmpty: true) } ?? models
    }

    func perform() throws {
        let files = try results.open()
        let most = sentences == 0 ? Int.max : sentences
        let training = try LabelledText(path: train, wordColumn: wordColumn, labelColumn: column, most: most)
        let test = try LabelledText(path: test, wordColumn: wordColumn, labelColumn: column, most: most)
        guard test.column == training.column else {
            throw ToolError(
                .configuration,
                "\(test.name): has \(test.column) columns, and \(training.name) \(training.column); "
                    + "--column says where the labels are")
        }
        let task = try ProbeTask(training: training, test: test)
        let inputs = try openInputs(tokens: training.tokenCount + test.tokenCount)
        let compute = ProcessorBackend(pool: ThreadPool(threads: common.threads))
        var report = ProbeReport(task, column: training.column, fields: field, files)
        let names = (wordVectors ? ["word vectors"] : []) + systemNames
        let systems: [() throws -> ProbeSystem?] =
            (wordVectors ? [{ inputs.table.map { .words($0.table, name: $0.name) } }] : [])
            + models.map { model in { try encoder(model, inputs, compute.pool) } }
        for (name, open) in zip(names, systems) {
            guard let system = try open() else { continue }
            common.report.progress("\(name): vectors of \(grouped(training.tokenCount + test.tokenCount)) tokens")
            let features = try (training: system.features(of: training), test: system.features(of: test))
            ProbeFeatures.standardise([features.training, features.test], by: features.training, rows: task.fitted, compute)
            var probe = Probe()
            probe.epochs = epochs
            var fits: [ProbeReport.Fit] = []
            for number in 0..<seeds {
                common.report.progress("\(name): fit \(number + 1) of \(seeds)")
                let seed = seed.seed &+ UInt64(number)
                fits.append((seed, probe.run(task, training: features.training, test: features.test, seed: seed, compute)))
            }
            try report.add(name, fits)
        }
        common.report.progress("")
        try files.print(report.text(training: training.name, test: test.name))
        try files.commit()
    }

    private typealias Inputs = (table: (table: EmbeddingTable, name: String)?, merges: (table: Merges, name: String)?)

    /// Opens the table and the merges, and refuses everything that can be refused before the first vector is made. Throws `ToolError`:
    /// `usage` for a table or merges that are missing or not needed, and for more vectors than fit in memory, `configuration` for a
    /// table of other models, and what reading the files throws.
    private func openInputs(tokens: Int) throws -> Inputs {
        var inputs: Inputs = (nil, nil)
        let configurations = try models.map { try ModelFile.configuration(of: SafetensorsReader(path: $0)) }
        let kinds = configurations.map(\.input)
        guard kinds.contains(.embeddings) || wordVectors || table == nil else {
            throw ToolError(.usage, "--table is not used: no model reads vectors, and --word-vectors is not there")
        }
        guard kinds.contains(.subwords) || bpe == nil else {
            throw ToolError(.usage, "--bpe is not used: no model reads subwords")
        }
        if let bpe { inputs.merges = (try Merges(path: bpe), bpe) }
        if let table { inputs.table = (try EmbeddingTable(FileSource(path: table), pool: common.workerPool()), table) }
        for (model, configuration) in zip(models, configurations) {
            try configuration.requireInputs(table: table != nil, merges: bpe != nil, of: model)
            if configuration.input == .embeddings, let table = inputs.table {
                try configuration.requireTrainingTable(table.table.digest, name: table.name, model: model)
            }
            try ProbeFeatures.check(
                tokens: tokens, layers: configuration.encoder.family.layers + 1,
                width: configuration.directions.count * configuration.width, name: model)
        }
        if wordVectors, let table = inputs.table {
            try ProbeFeatures.check(tokens: tokens, layers: 1, width: table.table.dimension, name: table.name)
        }
        return inputs
    }

    private func encoder(_ model: String, _ inputs: Inputs, _ pool: ThreadPool) throws -> ProbeSystem {
        let encoder = try ModelFile.read(model, capacity: SentenceEncoder.capacity, hasOutput: false, pool: pool)
        return .encoder(encoder, name: model, table: inputs.table, merges: inputs.merges)
    }
}

/// The results of `bench probe`: a record for each fit, and a table with a row for each system.
private struct ProbeReport {
    /// A fit of the classifier, with the seed of its initial weights.
    typealias Fit = (seed: UInt64, result: Probe.Result)

    /// The names of the fields that a record defines itself, which `--field` cannot use.
    static let ownFields = [
        "event", "system", "task", "measure", "value", "precision", "recall", "layerWeights", "gamma", "probeSeed", "epoch",
        "trainTokens", "testTokens",
    ]

    private let task: ProbeTask
    private let column: Int
    private let fields: [ResultField]
    private let files: Results
    private var table: TextTable
    private var fits = 0

    init(_ task: ProbeTask, column: Int, fields: [ResultField], _ files: Results) {
        self.task = task
        self.column = column
        self.fields = fields
        self.files = files
        table = TextTable(
            ["system", "\(task.measure.rawValue) %", "lowest", "highest"] + (task.measure == .f1 ? ["precision", "recall"] : [])
                + ["epoch", "layer weights"])
    }

    /// Adds the fits of a system, at least one.
    mutating func add(_ system: String, _ fits: [Fit]) throws {
        self.fits = fits.count
        for (seed, result) in fits {
            var record: ResultFields = [
                "event": "probe", "system": system, "task": "column \(column)", "measure": task.measure.rawValue,
                "value": result.score.value, "precision": result.score.precision, "recall": result.score.recall,
                "layerWeights": result.layerShares, "gamma": result.gamma, "probeSeed": seed, "epoch": result.epoch,
                "trainTokens": task.fitted.count, "testTokens": task.test.labelled,
            ]
            for field in self.fields { record[field.name] = field.json }
            try files.log(record)
        }
        func spread(_ value: (Probe.Result) -> Double) -> Spread { Spread(fits.map { value($0.result) }) }
        func share(_ value: Double) -> String { fixed(100 * value, 2) }
        let values = spread(\.score.value)
        var cells = [system, share(values.median), share(values.lowest), share(values.highest)]
        if task.measure == .f1 {
            cells.append(share(spread { $0.score.precision ?? 0 }.median))
            cells.append(share(spread { $0.score.recall ?? 0 }.median))
        }
        cells.append(grouped(Int(spread { Double($0.epoch) }.median)))
        let layers = fits[0].result.layerShares.indices.map { layer in fixed(spread { $0.layerShares[layer] }.median, 2) }
        table.append(cells + [layers.joined(separator: " ")])
    }

    func text(training: String, test: String) -> String {
        let heldOut = task.training.labelled - task.fitted.count
        let first =
            "column \(column), \(task.classes) labels: \(grouped(task.fitted.count)) tokens of \(training) to fit to, "
            + "\(grouped(heldOut)) held out; "
            + "\(grouped(task.test.labelled)) of \(test) to test with; median of \(fits) fits\n"
        let unseen =
            task.unseen > 0 ? "tokens of \(test) with labels that \(training) lacks, never right: \(grouped(task.unseen))\n" : ""
        return first + unseen + "\n" + table.text
    }
}

/// A value of `--field name=value`, which a pipeline adds to each record of its results.
struct ResultField: ExpressibleByArgument {
    let name: String
    let value: String

    init?(argument: String) {
        guard let sign = argument.firstIndex(of: "="), sign != argument.startIndex else { return nil }
        name = String(argument[..<sign])
        value = String(argument[argument.index(after: sign)...])
    }

    /// Throws `ValidationError` if two fields have the same name, or one has the name of a field that the record defines itself.
    static func check(_ fields: [ResultField], own: [String]) throws {
        let given = fields.map(\.name)
        guard Set(given).count == given.count, !given.contains(where: own.contains) else {
            throw ValidationError("each --field must have a name of its own, and none of \(own.joined(separator: ", "))")
        }
    }

    /// The value for JSON: an integer if it is written as one, otherwise a string.
    var json: any Encodable {
        if let number = Int(value), String(number) == value { number } else { value }
    }
}
