import ArgumentParser
import Encoding
import Files
import HDF5
import Model
import NetworkArguments
import Parallel
import Shards
import Subwords
import Tokenization
import ToolSupport
import WordVectors

@main
struct Encode: Tool {
    static let configuration: CommandConfiguration = configuration(
        "encode", "Give every token its contextual vectors: text or token shards in, vectors out.",
        """
        Of text, every line is a sentence, tokenised as the model's training text was; an empty line is an empty sentence. \
        Words that the table lacks get vectors from its generator. The output is in the order of the input, and what a \
        sentence gets does not depend on the others (but with --stateful).

        With --neighbours, the inputs are vector shards, and the occurrences nearest to the marked word of --query are \
        printed: of any word, and at most one a sentence.

        ELMo's published weights run as they are (--elmo-options, --elmo-weights), from the zero state for each sentence, or \
        with --stateful as in ELMo's own programs; --convert makes a model file of them.

        Example: encode --model model.safetensors --table table.shard --layers top sentences.txt -o vectors.shard
        Example: encode --elmo-options options.json --elmo-weights weights.hdf5 --format hdf5 sentences.txt -o vectors.hdf5
        Example: encode --model model.safetensors --table table.shard --neighbours 5 --query 'the [bank] of the river' \
        vectors.shard
        """)

    @Argument(help: "Text, token shards, or (--print, --neighbours) vector shards; - is standard input.", completion: .file())
    var inputs: [String] = ["-"]

    @OptionGroup(title: "Model") var source: ModelOptions
    @OptionGroup(title: "Vectors") var form: FormOptions

    @Flag(help: "The text is tokenised already: cut at white space and nowhere else.")
    var whitespace = false

    @Flag(help: "Begin each sentence in the state in which the one before it ended, as ELMo's own programs do; slower.")
    var stateful = false

    @Option(help: ArgumentHelp("Print the n occurrences, of any word, nearest to the word that --query marks.", valueName: "n"))
    var neighbours: Int?

    @Option(help: ArgumentHelp("A sentence with one word in square brackets.", valueName: "sentence"))
    var query: String?

    @Flag(help: "Write ELMo's published weights as a model file, and encode nothing.")
    var convert = false

    @Flag(help: "Print vector shards as JSON Lines.")
    var print = false

    @OptionGroup var output: OutputOption
    @OptionGroup var common: CommonOptions

    static func main() {
        HDF5ReaderService.serveIfAsked()
        runAsRoot()
    }

    func validate() throws {
        try requireOneStandardInput(
            "table, merges, mix, options and inputs", [source.table, source.bpe, source.elmoOptions, form.mix] + inputs)
        if print {
            guard neighbours == nil, query == nil, !convert, form.isDefault else {
                throw ValidationError("--print prints vector shards as they are: no other options are used")
            }
            return try source.device.refuse(for: "--print")
        }
        if convert { try source.device.refuse(for: "--convert") }
        try source.check()
        if neighbours != nil || convert {
            let uses = neighbours == nil ? "--convert" : "--neighbours"
            guard form.isDefault, !stateful, !whitespace, neighbours == nil || !convert, !convert || !source.isQuantized else {
                throw ValidationError("\(uses) encodes no text: options of how it is encoded are not used")
            }
        }
        if convert {
            guard source.elmoWeights != nil else { throw ValidationError("--convert needs --elmo-options and --elmo-weights") }
            guard inputs == ["-"] else { throw ValidationError("--convert reads no text") }
            return
        }
        guard (neighbours == nil) == (query == nil) else {
            throw ValidationError("--neighbours and --query need each other")
        }
        guard neighbours ?? 1 > 0 else { throw ValidationError("--neighbours must be above 0") }
        do {
            if let query { _ = try MarkedSentence.parse(query) }
        } catch let error as ToolError {
            throw ValidationError(error.description)
        }
        if neighbours == nil { try form.check(output: output.output) }
    }

    func perform() throws {
        let pool = common.workerPool()
        if print { return try output.write(binary: false) { try printVectors(paths: inputs, to: $0, pool: pool) } }
        if convert {
            return try output.write(binary: true) {
                try ModelFile.write(source.load(common, pool).encoder, to: $0)
            }
        }
        if let neighbours, let query {
            return try output.write(binary: false) { file in
                let model = try source.load(common, pool)
                for found in try model.neighbours(of: MarkedSentence.parse(query), count: neighbours, in: inputs, pool: pool) {
                    try file.write("\(fixed(found.cosine, 4))\t\(found.marked)\n")
                }
            }
        }
        // Options that cannot be satisfied are reported before the model is read.
        let choice = try form.choice(), target = try form.form.open(output: output.output, tokens: form.tokens)
        let model = try source.load(common, pool)
        try encode(model, choice, target, pool)
    }

    private func encode(_ model: LoadedModel, _ choice: LayerChoice, _ target: FormTarget, _ pool: WorkerPool) throws {
        let report = common.report
        let writer = try target.writer(model, choice, tool: Self.signature, pool: pool)
        let tokenizer = Tokenizer(for: model.encoder.configuration, mode: whitespace ? .whitespace : nil)
        var room = try roomNeeded(model, choice, tokenizer, pool)
        let sentences = SentenceSource(paths: inputs, tokenizer: tokenizer, pool: pool) { name, own in
            let trained = Tokenizer.description(model.encoder.configuration)
            guard !trained.isEmpty, own != trained else { return }
            report.print("warning: \(name): was tokenised with \(own), and the model's training text with \(trained)")
        }
        let stage = try model.stage(choice, isStateful: stateful, to: writer)
        while let words = try sentences.next() {
            try stage.encode(words)
            // At this point nothing can be refused any more except damage further down in the input.
            if let needed = room { report.print(needed) }
            room = nil
            if form.lineBuffered { try stage.flush() }
            if stage.statistics.sentences % 1000 == 0 {
                report.progress("\(grouped(stage.statistics.sentences)) sentences")
            }
        }
        guard stage.statistics.sentences > 0 else {
            throw ToolError.data(inputNames(inputs), "", "no text")
        }
        try stage.flush()
        try writer.finish()
        try target.commit()
        let counts = stage.statistics
        report.print(
            "\(grouped(counts.sentences)) sentences, \(grouped(counts.tokens)) tokens"
                + (model.merges == nil ? "" : ", \(grouped(counts.unknownTokens)) with units that the model does not know")
                + (model.table == nil ? "" : ", \(grouped(counts.madeTokens)) of them with vectors from the table's generator, "
                    + "\(grouped(counts.unknownTokens)) with none"))
    }

    /// Returns a line with the size of the outputs, or `nil` if they do not go to a disk, or the size is not known. Throws `ToolError`
    /// with status `cannotCreate` if there is no room for them.
    private func roomNeeded(
        _ model: LoadedModel, _ choice: LayerChoice, _ tokenizer: Tokenizer, _ pool: WorkerPool
    ) throws -> String? {
        guard [output.output, form.tokens].contains(where: { $0.flatMap { Volume(of: $0) } != nil }) else { return nil }
        guard let size = InputSize(paths: inputs, tokenizer: tokenizer, pool: pool) else { return nil }
        let plan = form.form.plan(
            size, layers: choice.count(of: model.encoder.layerCount), width: model.encoder.layerWidth, output: output.output,
            tokens: form.tokens)
        try plan.check()
        return plan.summary
    }
}
