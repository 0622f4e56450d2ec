import ArgumentParser
import Files
import Model
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
        in both directions, and a linear layer that predicts the vector of the next word, with the cosine loss. Words that \
        the table lacks get vectors from the generator it carries. The model is a safetensors file with its configuration \
        in the metadata.

        Example: train --preset small --table table.shard --held-out test.tok --log log.jsonl corpus.tok -o model.safetensors
        """)

    enum Preset: String, CaseIterable, ExpressibleByArgument {
        case tiny, small, base, medium
        case elmoC = "elmo-c"
    }

    @Argument(help: "Token shards; - is standard input. With --print, models.", completion: .file())
    var inputs: [String] = ["-"]

    @Option(help: ArgumentHelp("The embedding table; - is standard input.", valueName: "file"), completion: .file())
    var table: String?

    @OptionGroup(title: "Encoder") var network: NetworkOptions
    @OptionGroup(title: "Training") var schedule: ScheduleOptions
    @OptionGroup(title: "Held-out text") var evaluation: EvaluationOptions

    @Flag(help: "Print models as text: configuration, tensors and sizes.")
    var print = false

    @OptionGroup var output: OutputOption
    @OptionGroup var seed: SeedOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if print { return }
        guard let table else { throw ValidationError("--table is missing: the embedding table that embed-oov made") }
        let sources = [table] + inputs + [evaluation.heldOut].compactMap { $0 }
        guard sources.count(where: { $0 == "-" }) <= 1 else {
            throw ValidationError("of table, tokens and held-out text only one can come from standard input")
        }
        guard let log = evaluation.log else { return }
        guard log != "-" || output.output != "-" else {
            throw ValidationError("log and model cannot both go to standard output")
        }
        // The log is written in place, so it must be nothing that is read, nor the model.
        for other in sources + [output.output] where isSameFile(log, other) {
            throw ValidationError("--log \(log) is another file of this run")
        }
    }

    func perform() throws {
        if print { return try printModels() }
        guard let table else { return }
        let file = try output.open(binary: true)
        let pool = common.workerPool()
        let report = common.report
        let rows = try WordRows(
            EmbeddingTable(FileSource(path: table), pool: pool), centred: !network.rawTargets,
            file: table == "-" ? "standard input" : table)
        let corpus = try Corpus(
            paths: inputs, rows: rows, heldOutEvery: evaluation.heldOut == nil ? evaluation.heldOutEvery : 0,
            heldOutTokens: evaluation.heldOutTokens, pool: pool)
        let sentences = try evaluation.heldOut.map {
            try Sentences(paths: [$0], rows: rows, limit: evaluation.heldOutTokens, pool: pool)
        } ?? corpus.heldOut
        let options = schedule.options(seed: seed.seed, evaluation)
        let configuration = try network.configuration(rows, corpus)
        let heldOut =
            sentences.count == 0
            ? nil
            : HeldOutText(
                sentences, rows: rows, batch: options.batch, window: options.window, candidates: options.candidates,
                trainingSentences: corpus.sentences)
        try checkMemory(configuration, options)
        let log = try evaluation.log.map { try OutputFile(path: $0, binary: false, grows: true) }
        let trainer = Trainer(
            configuration, options: options, corpus: corpus, rows: rows, heldOut: heldOut, log: log,
            pool: ThreadPool(threads: common.threads))
        describe(trainer, corpus, rows, report)
        trainer.onProgress = { progress in
            report.progress(
                "step \(grouped(progress.step)) of \(grouped(progress.totalSteps)), loss \(fixed(progress.loss, 4)), "
                    + "\(grouped(Int(progress.wordsPerSecond))) words/s, \(Int(progress.secondsLeft)) s left")
        }
        trainer.onEvaluation = { step, words, results in
            for result in results { report.print(summary(result, step: step)) }
        }
        try trainer.run()
        try ModelFile.write(trainer.encoder, to: file)
        try log?.commit()
        try file.commit()
    }

    /// Before memory is taken: a network far larger than the machine is a slip of the keyboard.
    private func checkMemory(_ configuration: EncoderConfiguration, _ options: TrainingOptions) throws {
        let needed = configuration.trainingBytes(batch: options.batch, window: options.window)
        guard needed <= Double(physicalMemory()) else {
            throw ToolError(
                .usage,
                "training this encoder takes about \(fixed(needed / Double(1 << 30), 1)) GiB, and the machine has "
                    + "\(fixed(Double(physicalMemory()) / Double(1 << 30), 1)) GiB; smaller --cell, --projection, --layers, "
                    + "--batch or --window")
        }
    }

    private func describe(_ trainer: Trainer, _ corpus: Corpus, _ rows: WordRows, _ report: Report) {
        report.print(
            "\(grouped(corpus.sentences)) sentences, \(grouped(corpus.tokens)) tokens; \(grouped(rows.tableCount)) words in "
                + "the table, \(grouped(rows.madeCount)) others (\(grouped(rows.unusableCount)) without a vector)")
        report.print(
            "\(grouped(trainer.encoder.parameterCount)) weights, \(grouped(trainer.totalSteps)) steps of "
                + "\(schedule.batch) x \(schedule.window) words")
    }

    private func summary(_ result: HeldOutResult, step: Int) -> String {
        let scores = result.scores
        func percent(_ share: Double) -> String { fixed(100 * share, 1) + "%" }
        return "step \(step), held-out \(result.direction.rawValue): loss \(fixed(result.loss, 4)) "
            + "(constant \(fixed(result.constantLoss, 4))); cosine top-1 \(percent(scores.cosineTop1)), top-10 "
            + "\(percent(scores.cosineTop10)); with prior \(percent(scores.top1)), \(percent(scores.top10)) "
            + "(unigram \(percent(scores.unigramTop1)), \(percent(scores.unigramTop10))); perplexity "
            + "\(fixed(scores.perplexity, 1)) (unigram \(fixed(scores.unigramPerplexity, 1)))"
    }

    private func printModels() throws {
        let file = try output.open(binary: false)
        for path in inputs { try file.write(ModelFile.describe(path)) }
        try file.commit()
    }
}
