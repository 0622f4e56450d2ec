import Files
public import Model
public import Parallel
import Shards
import WordVectors

/// Everything a run reads, checked to its last byte before the first step.
public struct TrainingInput {
    public let rows: WordRows
    public let corpus: Corpus
    public let pool: ThreadPool
    private let heldOut: Sentences
    /// What looks like a slip, though training can go on.
    public let warnings: [String]

    /// - Parameters:
    ///   - table: the embedding table; `-` is standard input, as for all files.
    ///   - heldOut: a token shard; `nil` keeps every `heldOutEvery`-th sentence of the corpus.
    /// Throws `ToolError` (`noInput`, `ioError`, `dataError`; `configuration` for a table without sentence marks).
    public init(
        table: String, tokens: [String], heldOut: String?, heldOutEvery: Int, heldOutTokens: Int, centred: Bool,
        threads: Int
    ) throws {
        let tableName = table == "-" ? "standard input" : table
        let workers = WorkerPool(threads: threads)
        pool = ThreadPool(threads: threads)
        rows = try WordRows(
            EmbeddingTable(FileSource(path: table), pool: workers), centred: centred, file: tableName)
        let rows = rows
        corpus = try Corpus(
            paths: tokens, rows: rows, heldOutEvery: heldOut == nil ? heldOutEvery : 0, heldOutTokens: heldOutTokens,
            pool: workers)
        var others = corpus.otherTokenizers
        if let heldOut {
            var fields = ShardFields()
            self.heldOut = try Sentences(path: heldOut, rows: rows, limit: heldOutTokens, pool: workers, fields: &fields)
            if fields != corpus.tokenizer { others.append((heldOut, fields)) }
        } else {
            self.heldOut = corpus.heldOut
        }
        func text(_ fields: ShardFields) -> String { fields.pairs.map { "\($0.name)=\($0.value)" }.joined(separator: " ") }
        warnings = others.map { [corpus] in
            "\($0.file == "-" ? "standard input" : $0.file): was tokenised with \(text($0.fields)), and the first text with "
                + "\(text(corpus.tokenizer)), as encode will do"
        }
    }

    /// Memory of the held-out text, cut into windows, and of what its scores are made from.
    func heldOutBytes(_ options: TrainingOptions) -> Int {
        guard heldOut.count > 0 else { return 0 }
        let positions = heldOut.tokenCount + heldOut.count
        let candidates = 2 * min(options.candidates, rows.tableCount)
        return 4 * rows.dimension * (positions + candidates) + 5 * 4 * positions
    }

    /// Whether the run can be made at all. Throws `ToolError`: `configuration` for a corpus shorter than one step, `usage`
    /// for a network far larger than the machine, which is a slip of the keyboard.
    public func check(_ configuration: EncoderConfiguration, _ options: TrainingOptions) throws {
        let needed = configuration.trainingBytes(batch: options.batch, window: options.window)
        let available = Double(memoryLimit())
        guard needed <= available else {
            func gibibytes(_ bytes: Double) -> String { "\((bytes / Double(1 << 30) * 10).rounded() / 10) GiB" }
            throw ToolError(
                .usage,
                "training this encoder takes about \(gibibytes(needed)), and there are \(gibibytes(available)); "
                    + "smaller --cell, --projection, --layers, --batch or --window")
        }
        guard corpus.positions >= options.positionsPerStep else {
            throw ToolError(
                .configuration,
                "\(corpus.name): \(corpus.positions) words, sentence ends counted, are fewer than one step takes, "
                    + "\(options.positionsPerStep); use smaller --batch, --window or --accumulate")
        }
    }

    /// The held-out text in the shape of training, `nil` if there is none. Throws `ToolError` if the table's file cannot be
    /// read.
    public func heldOutText(_ options: TrainingOptions) throws -> HeldOutText? {
        guard heldOut.count > 0 else { return nil }
        return try HeldOutText(
            heldOut, rows: rows, batch: options.batch, window: options.window, candidates: options.candidates,
            trainingSentences: corpus.sentences)
    }
}
