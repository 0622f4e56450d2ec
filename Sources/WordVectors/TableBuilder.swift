public import Files
import Kernels
public import Parallel
public import Shards

/// How vectors are made for words that the pre-trained vectors do not have.
public enum UnknownWords: String, Sendable, CaseIterable {
    /// The n-grams of the vectors' own model if they have any, else MIMICK.
    case auto
    case ngrams
    case mimick
    /// Not at all: such words keep a zero vector.
    case none
}

/// Makes an embedding table: for each word of a vocabulary the pre-trained vector, or one made from its spelling; then
/// the marks of sentence begin and end; the mean for centring; the generator.
public struct TableBuilder {
    /// The sentence's begin and end, which every table has a vector for.
    public static let marks = ["<s>", "</s>"]

    public var unknown = UnknownWords.auto
    public var mimick = MimickConfiguration()

    public init() {}

    /// Where the vectors of a table come from.
    public struct Summary: Sendable {
        public struct Share: Sendable, Equatable {
            public var words = 0
            public var tokens: UInt64 = 0

            public init(words: Int = 0, tokens: UInt64 = 0) {
                self.words = words
                self.tokens = tokens
            }
        }

        /// Words and their tokens in the corpus, by `VectorSource.rawValue`.
        public fileprivate(set) var shares = [Share](repeating: Share(), count: VectorSource.allCases.count)
        /// What the reader of the vectors counted.
        public let lookup: VectorLookup.Counts
        /// Words a character model was fitted to, and its best epoch; `nil` if none was fitted.
        public let fit: (words: Int, bestEpoch: Int)?
        /// `nil` if no character model was fitted.
        public let evaluation: SpellingEvaluation?

        public subscript(source: VectorSource) -> Share { shares[Int(source.rawValue)] }
    }

    /// Everything of a table, ready to be written.
    public struct Table {
        public let words: WordTable
        public let counts: [UInt64]
        public let sources: [VectorSource]
        public let rows: RowMatrix
        /// The mean of the unit vectors of all words but marks and words without a vector, [dimension].
        public let mean: [Float]
        public let generator: (any OutOfVocabularyGenerator)?
        public let summary: Summary
    }

    /// Throws `ToolError`: what the reader of `vectors` throws; `configuration` if `unknown` asks for n-grams that the
    /// vectors do not have; `dataError` if no word of the vocabulary has a vector, or too few for a character model.
    public func build(
        _ vocabulary: VocabularyWords, _ vectors: any VectorFile, threads: Int,
        progress: (MimickTrainer.Progress) throws -> Void = { _ in }
    ) throws -> Table {
        var words = vocabulary.words
        for mark in Self.marks { _ = words.insert(mark) }
        let counts = vocabulary.counts + Array(repeating: 0, count: words.count - vocabulary.words.count)
        let nGrams = try nGramGenerator(vectors)
        let lookup = try vectors.lookUp(words, threads: threads)
        let marks = Set(Self.marks.compactMap(words.find))
        let found = (0..<words.count).filter { lookup.found[$0] && !marks.contains($0) }
        guard !found.isEmpty else {
            throw ToolError.data(
                vectors.name, "", "has a vector for none of the vocabulary's \(vocabulary.words.count) words; "
                    + "are both of one language, and lower-cased or not alike?")
        }
        var sources = lookup.found.map { $0 ? VectorSource.pretrained : .none }
        let missing = (0..<words.count).filter { !lookup.found[$0] && !marks.contains($0) }
        var generator: (any OutOfVocabularyGenerator)? = nGrams
        var fit: MimickTrainer.Fit?
        if nGrams == nil && unknown != .none {
            var knownWords = lookup
            for mark in marks { knownWords.found[mark] = false }
            fit = try MimickTrainer(mimick, threads: threads).fit(words, counts: counts, knownWords, progress: progress)
            generator = fit?.model
        }
        if let generator {
            let made = generator.fill(missing, of: words, into: lookup.rows, threads: threads)
            for (id, made) in zip(missing, made) where made { sources[id] = generator.source }
        }
        makeMarks(words, lookup, found, &sources)
        var summary = Summary(
            lookup: lookup.counts, fit: fit.map { ($0.fitted.count, $0.bestEpoch) },
            evaluation: fit.map { SpellingEvaluation($0, words, lookup.rows, threads: threads) })
        for (id, source) in sources.enumerated() {
            summary.shares[Int(source.rawValue)].words += 1
            summary.shares[Int(source.rawValue)].tokens += counts[id]
        }
        return Table(
            words: words, counts: counts, sources: sources, rows: lookup.rows,
            mean: meanDirection(lookup.rows, sources), generator: generator, summary: summary)
    }

    private func nGramGenerator(_ vectors: any VectorFile) throws -> NGramGenerator? {
        guard unknown == .auto || unknown == .ngrams else { return nil }
        if let generator = vectors.nGramGenerator() { return generator }
        guard unknown == .auto else {
            throw ToolError(
                .configuration,
                "\(vectors.name): has no character n-grams (only a fastText .bin trained with -maxn above 0 has); "
                    + "use --unknown mimick")
        }
        return nil
    }

    /// The vectors' own, or else a random direction of the mean norm: a mark is not spelled.
    private func makeMarks(
        _ words: WordTable, _ lookup: VectorLookup, _ found: [Int], _ sources: inout [VectorSource]
    ) {
        let rows = lookup.rows
        let norms = found.reduce(0) { $0 + Vector.norm(rows.pointer + $1 * rows.dimension, count: rows.dimension) }
        for (number, mark) in Self.marks.enumerated() {
            guard let id = words.find(mark) else { continue }
            sources[id] = .special
            if lookup.found[id] { continue }
            var random = Random(seed: mimick.seed, stream: "marks", number: number)
            let row = rows.row(id)
            for index in row.indices { row[index] = Float(random.normal()) }
            guard let start = row.baseAddress else { continue }
            Vector.normalize(start, count: row.count)
            Vector.scale(start, by: Float(norms / Double(found.count)), count: row.count)
        }
    }

    private func meanDirection(_ rows: RowMatrix, _ sources: [VectorSource]) -> [Float] {
        var sums = [Double](repeating: 0, count: rows.dimension)
        var count = 0
        for (id, source) in sources.enumerated() where source != .special && source != .none {
            let row = rows.pointer + id * rows.dimension
            let norm = Vector.norm(row, count: rows.dimension)
            guard norm > 0 else { continue }
            for index in 0..<rows.dimension { sums[index] += Double(row[index]) / norm }
            count += 1
        }
        return sums.map { Float($0 / Double(max(1, count))) }
    }
}

extension TableBuilder.Table {
    /// Writes the table as a shard; `fields` are options and digests that the header is to name.
    public func write(to output: OutputFile, tool: String, fields: ShardFields, pool: WorkerPool) throws {
        var header = fields
        header.append("vectors-digest", hexadecimal(pretrainedDigest))
        for (name, value) in (generator?.fields ?? ["generator": "none"]).pairs { header.append(name, value) }
        let writer = try TableShardWriter(
            output, tool: tool, dimension: rows.dimension, count: words.count, fields: header, pool: pool)
        for id in 0..<words.count {
            try words.withWord(id) {
                try writer.append($0, count: counts[id], source: sources[id], row: UnsafeBufferPointer(rows.row(id)))
            }
        }
        try mean.withUnsafeBufferPointer { try writer.append(tensor: "mean", shape: [$0.count], values: $0) }
        try generator?.forEachTensor { try writer.append(tensor: $0, shape: $1, values: $2) }
        try writer.finish()
    }

    /// XXH64 of the pre-trained rows, in order: says which vectors the table was made from.
    private var pretrainedDigest: UInt64 {
        var digest = XXH64()
        for id in 0..<words.count where sources[id] == .pretrained {
            digest.update(UnsafeRawBufferPointer(rows.row(id)))
        }
        return digest.digest()
    }
}
