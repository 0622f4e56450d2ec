import Files
import Layers
public import Model
public import Parallel
import Shards
import WordVectors

/// Everything that a run reads, checked to its last byte before the first step.
public struct TrainingInput {
    /// The words of the corpus by number.
    public let words: CorpusWords
    /// The training text.
    public let corpus: Corpus
    /// Threads for training.
    public let pool: ThreadPool
    private let heldOut: Sentences
    /// Vocabulary over which a continuous output is scored.
    private let scoreVocabulary: OutputVocabulary?
    /// Warnings about mistakes that do not prevent training.
    public let warnings: [String]

    /// Reads all inputs. Throws `ToolError`: `noInput`, `ioError`, `dataError`; `configuration` for a table without sentence marks,
    /// and for a vocabulary and text that were split into units by different merges.
    /// - `table`: embedding table; `-` is standard input, as for all files. `nil` if no layer needs vectors.
    /// - `vocabulary`: classes of the output layer; `nil` if it has none. A table or a vocabulary is required.
    /// - `scoreVocabulary`: vocabulary over which a continuous output is scored, like a softmax; `nil` means the table.
    /// - `tableMemory`: maximum bytes of the table's vectors kept in memory; see `WordRows`.
    /// - `heldOut`: token shard of the held-out text; `nil` holds out every `heldOutEvery`-th sentence of the corpus.
    public init(
        table: String?, tableMemory: Int = WordRows.defaultMemory, vocabulary: String?, scoreVocabulary: String? = nil,
        tokens: [String], heldOut: String?, heldOutEvery: Int, heldOutTokens: Int, centred: Bool, threads: Int
    ) throws {
        let workers = WorkerPool(threads: threads)
        pool = ThreadPool(threads: threads)
        let rows = try table.map {
            try WordRows(
                EmbeddingTable(FileSource(path: $0), pool: workers), centred: centred, memory: tableMemory, file: inputName($0))
        }
        words = CorpusWords(
            vectors: rows, vocabulary: try vocabulary.map { try OutputVocabulary(path: $0, pool: workers) })
        self.scoreVocabulary = try scoreVocabulary.map { try OutputVocabulary(path: $0, pool: workers) }
        let words = words
        corpus = try Corpus(
            paths: tokens, words: words, heldOutEvery: heldOut == nil ? heldOutEvery : 0, heldOutTokens: heldOutTokens,
            pool: workers)
        var others = corpus.otherTokenizers, copy: String?
        if let heldOut {
            var fields = ShardFields()
            self.heldOut = try Sentences(path: heldOut, words: words, limit: heldOutTokens, pool: workers, fields: &fields)
            if fields != corpus.tokenizer { others.append((heldOut, fields)) }
            copy = try corpus.copy(of: heldOut, pool: workers)
        } else {
            self.heldOut = corpus.heldOut
        }
        let merges = corpus.tokenizer["bpe"] ?? ""
        if let vocabulary, let own = words.vocabulary?.merges, own != merges {
            throw ToolError(
                .configuration,
                "\(vocabulary): is of \(Self.name(own)), and \(corpus.name) of \(Self.name(merges)); build-vocab makes the "
                    + "vocabulary of these tokens")
        }
        if let other = others.first(where: { $0.fields["bpe"] ?? "" != merges }) {
            throw ToolError(
                .configuration,
                "\(inputName(other.file)): is of \(Self.name(other.fields["bpe"] ?? "")), and the first text of "
                    + Self.name(merges))
        }
        let copies = copy.map { copy in
            let what = copy == heldOut ? "is both training text and held-out text" : "is held-out text, and is also training text, as \(copy)"
            return "warning: \(heldOut ?? ""): \(what): its scores say nothing of text that the model has not seen"
        }
        let uncounted = words.vocabulary != nil ? nil : words.vectors.flatMap { [corpus] in Self.warning($0, corpus) }
        warnings = [copies, uncounted].compactMap { $0 } + others.map { [corpus] in
            "\(inputName($0.file)): was tokenised with \(Self.text($0.fields)), and the first text with "
                + "\(Self.text(corpus.tokenizer)), as encode will do"
        }
    }

    /// Returns a warning about words of the text that the table contains without a count; `nil` if there are none, or if the table
    /// has no counts.
    private static func warning(_ table: WordRows, _ corpus: Corpus) -> String? {
        guard table.hasCounts else { return nil }
        let uncounted = corpus.counts.indices.count {
            corpus.counts[$0] > 0 && table.count(ofRow: UInt32($0)) == 0 && !table.isMark(UInt32($0))
        }
        guard uncounted > 0 else { return nil }
        return "warning: \(table.file): \(uncounted) words of the text have the count 0 there, and count as words that stand there "
            + "once: the table's vocabulary is of another text"
    }

    /// Digests of the training text and the held-out text, which must be equal in all ranks that train together.
    public var digests: [String] {
        corpus.digests.map { String($0, radix: 16) } + ["\(corpus.sentences)", "\(heldOut.count)", "\(heldOut.tokenCount)"]
    }

    /// Records in a configuration the text, table and vocabulary that it is trained with.
    public func describe(in configuration: inout EncoderConfiguration) {
        configuration.tokenizer = Self.text(corpus.tokenizer)
        if let vectors = words.vectors { configuration.tableDigest = hexadecimal(vectors.tableDigest) }
        if let vocabulary = words.vocabulary { configuration.vocabularyDigest = hexadecimal(vocabulary.digest) }
        guard configuration.output == .continuous, let vectors = words.vectors else { return }
        configuration.sentenceCount = corpus.sentences
        let others = corpus.counts.dropFirst(vectors.tableCount).filter { $0 > 0 }
        configuration.otherCount = others.isEmpty ? 0 : others.reduce(0.0) { $0 + Double($1) } / Double(others.count)
        if configuration.isContrastive && configuration.targets == .trained { configuration.vocabularySize = vectors.tableCount }
    }

    /// Returns the source of the contrastive output's targets; `nil` for other outputs. Throws `ToolError` if the table's file
    /// cannot be read.
    func targetSource(_ configuration: EncoderConfiguration) throws -> TargetSource? {
        guard configuration.isContrastive else { return nil }
        return try TargetSource(configuration, words, counts: corpus.counts, sentences: corpus.sentences)
    }

    static func text(_ fields: ShardFields) -> String {
        fields.pairs.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
    }

    /// Returns a name for tokens that were split by some merges, or by none.
    static func name(_ merges: String) -> String { merges.isEmpty ? "whole words" : "units of merges \(merges)" }

    /// Returns the bytes of the held-out text, divided into windows, and of what its scores are computed from.
    func heldOutBytes(_ configuration: EncoderConfiguration, _ options: TrainingOptions) -> Int {
        guard heldOut.count > 0 else { return 0 }
        let width = configuration.output == .continuous ? configuration.outputSize : configuration.width
        let plan = evaluationPlan(configuration, options), positions = configuration.predictedRows(of: plan.positions)
        let candidates = min(options.candidates, words.count)
        return 4 * width * (positions + 2 * candidates) + 5 * 4 * plan.positions
            + Ranking.bytes(candidates: candidates, dimension: width)
            + (configuration.output == .continuous ? TableProbabilities.bytes(positions: plan.exactPositions, size: width) : 0)
    }

    /// Returns the plan of a run's evaluations on the held-out text.
    func evaluationPlan(_ configuration: EncoderConfiguration, _ options: TrainingOptions) -> EvaluationPlan {
        EvaluationPlan(
            configuration, options, words: corpus.positions(of: configuration.objective), heldOut: heldOut.tokenCount + heldOut.count,
            candidates: min(options.candidates, words.count), vocabulary: words.vectors?.tableCount ?? 0)
    }

    /// Checks that a run is possible. Throws `ToolError`: `configuration` for a corpus shorter than one step, and for subword units
    /// if the network reads whole words, or vice versa; `usage` for a network far larger than the machine, which is a typing error.
    public func check(_ configuration: EncoderConfiguration, _ options: TrainingOptions) throws {
        guard configuration.output != .none else {
            throw ToolError(
                .configuration, "a model without an output layer only encodes: it predicts nothing, and cannot be trained")
        }
        if let complaint = configuration.encoder.family.complaint(aboutWindow: options.window) { throw ToolError(.usage, complaint) }
        let needed = configuration.trainingBytes(batch: options.laneBatch, window: options.window)
        let available = Double(memoryLimit())
        guard needed <= available else {
            func gibibytes(_ bytes: Double) -> String { "\((bytes / Double(1 << 30) * 10).rounded() / 10) GiB" }
            throw ToolError(
                .usage,
                "training this encoder takes about \(gibibytes(needed)), and there are \(gibibytes(available)); "
                    + "smaller --cell, --projection, --layers, --batch or --window"
                    + (configuration.input == .characters ? ", --filters or --highways" : ""))
        }
        try checkTargets(configuration, options)
        let merges = corpus.tokenizer["bpe"] ?? ""
        guard merges.isEmpty == (configuration.input != .subwords) else {
            throw ToolError(
                .configuration,
                "\(corpus.name): is of \(Self.name(merges)), and "
                    + (merges.isEmpty ? "--input subwords reads units, as tokenize --bpe cuts them"
                        : "only --input subwords reads units"))
        }
        let positions = corpus.positions(of: configuration.objective)
        guard positions >= options.positionsPerStep else {
            throw ToolError(
                .configuration,
                "\(corpus.name): \(positions) words, sentence \(configuration.isCausal ? "ends" : "marks") counted, are fewer than one step takes, "
                    + "\(options.positionsPerStep); use smaller --batch, --window or --accumulate")
        }
    }

    /// Checks that table and text provide the targets of the contrastive loss. Throws `ToolError`: `usage` if more negatives were
    /// requested than there can be, `configuration` for a table without counts.
    private func checkTargets(_ configuration: EncoderConfiguration, _ options: TrainingOptions) throws {
        guard configuration.isContrastive, let vectors = words.vectors else { return }
        guard vectors.hasCounts else {
            throw ToolError(
                .configuration,
                "\(vectors.file): the table has no counts of its words, and --loss contrastive needs their frequencies; embed-oov "
                    + "takes them from a vocabulary of build-vocab; --loss cosine needs none")
        }
        let most = mostNegatives(configuration, options)
        guard most > 1 else {
            throw ToolError(
                .usage, "--loss contrastive tells words of a window from one another, and there is one position in each; use larger --batch "
                    + "or --window, or other --more-negatives than window")
        }
        guard configuration.negatives <= most else {
            throw ToolError(
                .usage,
                "--negatives is \(configuration.negatives), and there are at most \(most): the text has \(distinctWords) different words"
                    + (configuration.negativeSource == .window
                        ? ", and a window \(configuration.predictedRows(of: options.capacity.rows)) positions; see --more-negatives" : ""))
        }
    }

    /// Number of distinct words in the training text, including the mark between sentences.
    private var distinctWords: Int { 1 + corpus.counts.count { $0 > 0 } }

    /// Returns the maximum number of contrastive negatives that windows of this text can have.
    private func mostNegatives(_ configuration: EncoderConfiguration, _ options: TrainingOptions) -> Int {
        let drawn = configuration.isCausal ? distinctWords : distinctWords - 1
        return configuration.negativeSource == .window
            ? min(configuration.predictedRows(of: options.capacity.rows), drawn) : drawn
    }

    /// Lowers the number of contrastive negatives to what the text can provide, if the user has not chosen the number.
    public func lowerNegatives(in configuration: inout EncoderConfiguration, _ options: TrainingOptions) {
        guard configuration.isContrastive else { return }
        configuration.negatives = min(configuration.negatives, max(2, mostNegatives(configuration, options)))
    }

    /// Returns the held-out text in windows of training's shape; `nil` if there is none. Throws `ToolError` if the table's file
    /// cannot be read.
    public func heldOutText(_ configuration: EncoderConfiguration, _ options: TrainingOptions) throws -> HeldOutText? {
        guard heldOut.count > 0 else { return nil }
        let plan = evaluationPlan(configuration, options)
        return try HeldOutText(
            heldOut.thinned(toPositions: plan.positions), configuration, batch: options.laneBatch, window: options.window,
            candidates: options.candidates, corpus: corpus, source: targetSource(configuration),
            vocabulary: scoreVocabulary, plan: plan)
    }
}
