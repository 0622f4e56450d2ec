import Files
import Layers
public import Model
public import Parallel
import Shards
import WordVectors

/// Everything a run reads, checked to its last byte before the first step.
public struct TrainingInput {
    public let words: CorpusWords
    public let corpus: Corpus
    public let pool: ThreadPool
    private let heldOut: Sentences
    /// The vocabulary over which a continuous output is scored.
    private let scoreVocabulary: OutputVocabulary?
    /// Warnings of slips that do not keep training from going on.
    public let warnings: [String]

    /// - Parameters:
    ///   - table: the embedding table; `-` is standard input, as for all files. `nil` if no layer asks for vectors.
    ///   - vocabulary: the classes of the output layer; `nil` if it has none. One of the two must be there.
    ///   - scoreVocabulary: over which a continuous output is scored, as a softmax over it would be; `nil`: over the table.
    ///   - tableMemory: bytes of the table's vectors kept in memory at most, as `WordRows` keeps them.
    ///   - heldOut: a token shard; `nil` keeps every `heldOutEvery`-th sentence of the corpus.
    /// Throws `ToolError` (`noInput`, `ioError`, `dataError`; `configuration` for a table without sentence marks,
    /// and for a vocabulary and text that were cut into units by different merges).
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

    /// A warning of words that the text has and the table has without a count; `nil` if there are none, or the table counts nothing.
    private static func warning(_ table: WordRows, _ corpus: Corpus) -> String? {
        guard table.hasCounts else { return nil }
        let uncounted = corpus.counts.indices.count {
            corpus.counts[$0] > 0 && table.count(ofRow: UInt32($0)) == 0 && !table.isMark(UInt32($0))
        }
        guard uncounted > 0 else { return nil }
        return "warning: \(table.file): \(uncounted) words of the text have the count 0 there, and count as words that stand there "
            + "once: the table's vocabulary is of another text"
    }

    /// Digests of the training text and of the held-out text: what ranks that train together must have alike.
    public var digests: [String] {
        corpus.digests.map { String($0, radix: 16) } + ["\(corpus.sentences)", "\(heldOut.count)", "\(heldOut.tokenCount)"]
    }

    /// Notes in a configuration the text, the table and the vocabulary that it is trained with.
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

    /// The source of the targets of the contrastive output; `nil` of other outputs. Throws `ToolError` if the table's file cannot be
    /// read.
    func targetSource(_ configuration: EncoderConfiguration) throws -> TargetSource? {
        guard configuration.isContrastive else { return nil }
        return try TargetSource(configuration, words, counts: corpus.counts, sentences: corpus.sentences)
    }

    static func text(_ fields: ShardFields) -> String {
        fields.pairs.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
    }

    /// A name for tokens that were cut by some merges, or by none.
    static func name(_ merges: String) -> String { merges.isEmpty ? "whole words" : "units of merges \(merges)" }

    /// Memory of the held-out text, cut into windows, and of what its scores are made from.
    func heldOutBytes(_ configuration: EncoderConfiguration, _ options: TrainingOptions) -> Int {
        guard heldOut.count > 0 else { return 0 }
        let width = configuration.output == .continuous ? configuration.outputSize : configuration.width
        let plan = evaluationPlan(configuration, options), positions = configuration.predictedRows(of: plan.positions)
        let candidates = min(options.candidates, words.count)
        return 4 * width * (positions + 2 * candidates) + 5 * 4 * plan.positions
            + Ranking.bytes(candidates: candidates, dimension: width)
            + (configuration.output == .continuous ? TableProbabilities.bytes(positions: plan.exactPositions, size: width) : 0)
    }

    /// The plan of a run's evaluations on the held-out text.
    func evaluationPlan(_ configuration: EncoderConfiguration, _ options: TrainingOptions) -> EvaluationPlan {
        EvaluationPlan(
            configuration, options, words: corpus.positions(of: configuration.objective), heldOut: heldOut.tokenCount + heldOut.count,
            candidates: min(options.candidates, words.count), vocabulary: words.vectors?.tableCount ?? 0)
    }

    /// Refuses a run that cannot be made. Throws `ToolError`: `configuration` for a corpus shorter than one step and for units of
    /// words where the network reads whole ones, or the other way round, `usage` for a network far larger than the machine,
    /// which is a slip of the keyboard.
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

    /// Refuses targets of the contrastive loss that table and text do not give. Throws `ToolError`: `usage` if more negatives were
    /// asked for than there can be, `configuration` for a table without counts.
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

    /// Different words of the training text, the mark between sentences among them.
    private var distinctWords: Int { 1 + corpus.counts.count { $0 > 0 } }

    /// The most negatives of the contrastive loss that windows of this text can have.
    private func mostNegatives(_ configuration: EncoderConfiguration, _ options: TrainingOptions) -> Int {
        let drawn = configuration.isCausal ? distinctWords : distinctWords - 1
        return configuration.negativeSource == .window
            ? min(configuration.predictedRows(of: options.capacity.rows), drawn) : drawn
    }

    /// Lowers the number of negatives of the contrastive loss to what the text can give: for a number that the user has not chosen.
    public func lowerNegatives(in configuration: inout EncoderConfiguration, _ options: TrainingOptions) {
        guard configuration.isContrastive else { return }
        configuration.negatives = min(configuration.negatives, max(2, mostNegatives(configuration, options)))
    }

    /// The held-out text in the shape of training, `nil` if there is none. Throws `ToolError` if the table's file cannot be
    /// read.
    public func heldOutText(_ configuration: EncoderConfiguration, _ options: TrainingOptions) throws -> HeldOutText? {
        guard heldOut.count > 0 else { return nil }
        let plan = evaluationPlan(configuration, options)
        return try HeldOutText(
            heldOut.thinned(toPositions: plan.positions), configuration, batch: options.laneBatch, window: options.window,
            candidates: options.candidates, corpus: corpus, source: targetSource(configuration),
            vocabulary: scoreVocabulary, plan: plan)
    }
}
