import Files
public import Parallel
public import Shards

/// The training text, as often as it is asked for: token shards read again for each epoch, or a pipe kept in memory.
public final class Corpus {
    /// Sentences and tokens in training, held-out ones not counted.
    public private(set) var sentences = 0
    public private(set) var tokens = 0
    /// Sentences kept from training, where every n-th one is.
    public private(set) var heldOut = Sentences()
    /// The options with which the text was tokenised, as the first shard's header tells them.
    public private(set) var tokenizer = ShardFields()
    /// The digests of all parts, which say what the model was trained on.
    public private(set) var digests: [UInt64] = []

    private let paths: [String]
    private let rows: WordRows
    private let pool: WorkerPool
    private let heldOutEvery: Int
    /// What a pipe brought, which cannot be read twice.
    private var memory: Sentences?

    /// Reads everything once: to check every shard before the first step, to count, and to give new words their rows in
    /// the order of the files.
    ///
    /// - Parameters:
    ///   - heldOutEvery: keep every n-th sentence from training; 0 keeps none.
    ///   - heldOutTokens: how many tokens of them to keep in memory.
    /// Throws `ToolError` (`noInput`, `ioError`; `dataError` for damage or for a corpus without sentences).
    public init(
        paths: [String], rows: WordRows, heldOutEvery: Int, heldOutTokens: Int, pool: WorkerPool
    ) throws {
        self.paths = paths
        self.rows = rows
        self.pool = pool
        self.heldOutEvery = heldOutEvery
        let keepsAll = paths.contains("-")
        if keepsAll { memory = Sentences() }
        var number = 0
        let reader = TokenShardReader(paths: paths, pool: pool)
        let sentenceReader = SentenceReader(reader) { rows.row(of: $0) }
        var block = Sentences()
        while try sentenceReader.next(into: &block) {
            if number == 0 { tokenizer = reader.header?.fields ?? [:] }
            for index in 0..<block.count {
                let sentence = block[index]
                if isHeldOut(number) {
                    if heldOut.tokenCount < heldOutTokens { heldOut.append(sentence) }
                } else {
                    sentences += 1
                    tokens += sentence.count
                    if keepsAll { memory?.append(sentence) }
                }
                number += 1
            }
            block.removeAll()
        }
        digests = reader.digests
        guard sentences > 0 else {
            throw ToolError.data(paths.map { $0 == "-" ? "standard input" : $0 }.joined(separator: ", "), "", "no sentences to train on")
        }
    }

    /// Positions of an epoch: every sentence has one more than tokens, for its end.
    public var positions: Int { tokens + sentences }

    /// The sentences of an epoch in random order.
    public func shuffled(seed: UInt64, epoch: Int) -> ShuffledSentences {
        if let memory {
            var given = false
            return ShuffledSentences(seed: seed, epoch: epoch) { buffer in
                guard !given else { return false }
                given = true
                buffer = memory
                return true
            }
        }
        let rows = rows
        let reader = SentenceReader(TokenShardReader(paths: paths, pool: pool)) { rows.row(of: $0) }
        return ShuffledSentences(seed: seed, epoch: epoch, keep: { [self] in !isHeldOut($0) }) {
            try reader.next(into: &$0)
        }
    }

    private func isHeldOut(_ number: Int) -> Bool { heldOutEvery > 0 && number % heldOutEvery == heldOutEvery - 1 }
}

extension Sentences {
    /// Sentences of token shards, up to about `limit` tokens. Throws `ToolError`.
    public init(paths: [String], rows: WordRows, limit: Int, pool: WorkerPool) throws {
        self.init()
        let reader = SentenceReader(TokenShardReader(paths: paths, pool: pool)) { rows.row(of: $0) }
        while try tokenCount < limit && reader.next(into: &self) {}
        guard count > 0 else { throw ToolError.data(paths.joined(separator: ", "), "", "no sentences in it") }
    }
}
