public import Files
public import Kernels
public import Parallel
public import Shards

/// A way to make vectors for words that the pre-trained vectors lack.
public enum UnknownWords: String, Sendable, CaseIterable {
    /// The n-grams of the vectors' own model if it has any, otherwise n-grams fitted to the vectors.
    case auto
    /// The n-grams of the vectors' own model.
    case ngrams
    /// N-grams fitted to the vectors by least squares.
    case subwords
    /// A character model fitted to the vectors: a bidirectional LSTM.
    case mimick
    /// A character model of convolutions.
    case cnn
    /// None: such words keep a zero vector.
    case none
}

/// Builds an embedding table: for each word of a vocabulary the pre-trained vector, or one made from its spelling; then the marks,
/// the mean for centring, and the generator.
public struct TableBuilder {
    /// The way to make vectors for words that the pre-trained vectors lack.
    public var unknown = UnknownWords.auto
    /// Settings of fitted n-grams.
    public var subwords = SubwordConfiguration()
    /// Settings of a fitted character model.
    public var mimick = MimickConfiguration()
    /// If given, makes the vectors of unknown words whatever `unknown` says, and nothing is fitted.
    public var model: SpellingModel?
    /// Changes to make to all vectors.
    public var transform = TransformConfiguration()

    /// Creates a builder with default settings.
    public init() {}

    /// Everything in a table, ready to be written.
    public struct Table {
        /// Words of the vocabulary, then the marks.
        public let words: WordTable
        /// Occurrences of each word.
        public let counts: [UInt64]
        /// Source of each word's vector.
        public let sources: [VectorSource]
        /// Vectors, [words, dimension].
        public let rows: RowMatrix
        /// Mean of the unit vectors of all words except marks and words without a vector, [dimension].
        public let mean: [Float]
        /// Makes vectors like the pre-trained ones, before `transform`.
        public let generator: (any OutOfVocabularyGenerator)?
        /// The transform that was applied to the rows.
        public let transform: VectorTransform
        /// XXH64 of the original pre-trained rows, in order, which identifies the vectors that the table was made from.
        let pretrainedDigest: UInt64
        /// Sources of the vectors, and scores of the generator.
        public let summary: TableSummary
    }

    /// Builds a table. Throws `ToolError`: what the reader of `vectors` throws; `configuration` if `unknown` requires n-grams that
    /// the vectors do not have, if `model` makes vectors of another dimension, or if `transform` requires more directions than
    /// there are; `dataError` if no word of the vocabulary has a vector, or too few for a fit.
    public func build(
        _ vocabulary: VocabularyWords, _ vectors: any VectorFile, threads: Int,
        progress: (MimickTrainer.Progress) throws -> Void = { _ in }
    ) throws -> Table {
        var words = vocabulary.words
        for mark in TableMarks.all { _ = words.insert(mark) }
        let counts = vocabulary.counts + Array(repeating: 0, count: words.count - vocabulary.words.count)
        let own = try ownGenerator(vectors)
        let forms = vocabulary.lowerCaseForms
        let lookup = try vectors.lookUp(words, noticing: forms, threads: threads)
        let gain = vocabulary.gainInLowerCase { id, form in
            guard !lookup.found[id] else { return false }
            return vocabulary.words.find(form).map { lookup.found[$0] } ?? forms.find(form).map { lookup.noticed[$0] } ?? false
        }
        let marks = Set(TableMarks.all.compactMap(words.find))
        let found = (0..<words.count).filter { lookup.found[$0] && !marks.contains($0) }
        guard !found.isEmpty else {
            throw ToolError.data(
                vectors.name, "", "has a vector for none of the vocabulary's \(vocabulary.words.count) words"
                    + (gain.words > 0
                        ? ", and for \(gain.words) of them in lower case: tokenize --lowercase"
                        : "; are both of one language, and lower-cased or not alike?"))
        }
        var sources = lookup.found.map { $0 ? vectors.format.source : .none }
        let missing = (0..<words.count).filter { !lookup.found[$0] && !marks.contains($0) }
        var generator: (any OutOfVocabularyGenerator)? = own
        var fit: SpellingFit?
        if let model {
            fit = try reuse(model, found, vectors)
        } else if own == nil && unknown != .none {
            guard found.count >= MimickTrainer.fewestWords else { throw tooFew(found.count, vectors) }
            var knownWords = lookup
            for mark in marks { knownWords.found[mark] = false }
            fit = try self.fit(words, counts, knownWords, threads: threads, progress: progress)
        }
        if let fit { generator = fit.generator }
        if let generator {
            let made = generator.fill(missing, of: words, into: lookup.rows, threads: threads)
            for (id, made) in zip(missing, made) where made { sources[id] = generator.source }
        }
        TableMarks.make(words, lookup, found, seed: mimick.seed, &sources)
        let summary = TableSummary(
            sources, counts: counts, lookup: lookup.counts, inLowerCase: gain,
            frequentMissing: mostFrequent(missing, counts).map(words.word), fit: fit,
            evaluation: fit.flatMap { evaluate($0, words, lookup.rows, threads: threads) })
        let digest = pretrainedDigest(lookup.rows, sources)
        let transform = try VectorTransform(
            self.transform, lookup.rows, ids: sources.indices.filter { sources[$0] == .pretrained }, file: vectors.name,
            threads: threads)
        transform.apply(lookup.rows, threads: threads)
        let mean = lookup.rows.matrix.meanDirection(of: sources.indices.filter { sources[$0] != .special && sources[$0] != .none })
            .direction
        return Table(
            words: words, counts: counts, sources: sources, rows: lookup.rows, mean: mean.map { Float($0) },
            generator: generator, transform: transform, pretrainedDigest: digest, summary: summary)
    }

    /// Returns the three most frequent of the words, or as many as there are; equal counts are in the order of the vocabulary.
    private func mostFrequent(_ ids: [Int], _ counts: [UInt64]) -> [Int] {
        Array(ids.sorted { (counts[$0], $1) > (counts[$1], $0) }.prefix(3))
    }

    private func ownGenerator(_ vectors: any VectorFile) throws -> (any OutOfVocabularyGenerator)? {
        guard model == nil, unknown == .auto || unknown == .ngrams else { return nil }
        if let generator = vectors.ownGenerator() { return generator }
        guard unknown == .auto else {
            throw ToolError(
                .configuration,
                "\(vectors.name): has no character n-grams (only a fastText .bin trained with -maxn above 0 has); "
                    + "use --unknown mimick")
        }
        return nil
    }

    private func fit(
        _ words: WordTable, _ counts: [UInt64], _ known: VectorLookup, threads: Int,
        progress: (MimickTrainer.Progress) throws -> Void
    ) throws -> SpellingFit {
        guard unknown == .mimick || unknown == .cnn else {
            return try SubwordFit(subwords, threads: threads).fit(words, counts: counts, known)
        }
        return try MimickTrainer(mimick, threads: threads).fit(words, counts: counts, known, progress: progress)
    }

    /// Prepares a model that was fitted earlier for evaluation on known words, to which it may have been fitted.
    private func reuse(_ model: SpellingModel, _ known: [Int], _ vectors: any VectorFile) throws -> SpellingFit? {
        guard let generator = model.generator() else { return nil }
        guard generator.dimension == vectors.dimension else {
            throw ToolError(
                .configuration,
                "\(model.name): makes vectors of \(generator.dimension) numbers, and those of \(vectors.name) have "
                    + "\(vectors.dimension)")
        }
        let share = min(0.5, Double(subwords.heldOut) / Double(known.count))
        let split = HeldOutWords(of: known, share: share, seed: subwords.seed)
        return SpellingFit(
            generator: generator, name: "the model", fitted: split.fitted, heldOut: split.heldOut, wasGiven: true, seconds: 0)
    }

    private func tooFew(_ count: Int, _ vectors: any VectorFile) -> ToolError {
        .data(
            vectors.name, "", "has a vector for only \(count) words of the vocabulary, too few to fit anything to; are "
                + "both of one language and case? --unknown none does without")
    }

    /// Evaluates the fitted generator, and methods that need no fit, on words that it has not seen.
    private func evaluate(
        _ fit: SpellingFit, _ words: WordTable, _ rows: RowMatrix, threads: Int
    ) -> SpellingEvaluation? {
        guard fit.fitted.count + fit.heldOut.count >= MimickTrainer.fewestWords else { return nil }
        return SpellingEvaluation(
            [
                .init(fit.name, fit.generator, words), .meanVector(rows, fitted: fit.fitted),
                .nearestSpelling(words, rows, fitted: fit.fitted),
            ], words, rows, fitted: fit.fitted, heldOut: fit.heldOut, threads: threads)
    }

    private func pretrainedDigest(_ rows: RowMatrix, _ sources: [VectorSource]) -> UInt64 {
        var digest = XXH64()
        for id in sources.indices where sources[id] == .pretrained { rows.row(id).values.withUnsafeBytes { digest.update($0) } }
        return digest.digest()
    }
}

extension TableBuilder.Table {
    /// Writes the table as a shard; `fields` are options and digests for the header. Throws `ToolError`: `ioError`, or `dataError`
    /// for a value that `storage` cannot represent.
    public func write(
        to output: OutputFile, tool: String, fields: ShardFields, storage: RowStorage = .float32, pool: WorkerPool
    ) throws {
        var header = fields
        header.append("vectors-digest", hexadecimal(pretrainedDigest))
        header.append(contentsOf: transform.fields)
        header.append(contentsOf: generator?.fields ?? ["generator": "none"])
        let contents = TableContents(words: words, counts: counts, mean: mean, transform: transform, generator: generator)
        try contents.write(to: output, tool: tool, storage: storage, fields: header, pool: pool) { id in
            let row = rows.row(id)
            guard row.isFinite else {
                throw ToolError(.dataError, "\(output.name): the vector of \(words.word(id)) is not finite")
            }
            return (sources[id], row)
        }
    }
}

/// The contents of a table shard, except for its rows.
struct TableContents {
    let words: WordTable
    let counts: [UInt64]
    let mean: [Float]
    let transform: VectorTransform
    let generator: (any OutOfVocabularyGenerator)?

    /// Writes the shard. Throws `ToolError`, and what `row` throws.
    /// - Parameter row: returns the source and the vector, [1, dimension], of the word with an id.
    func write(
        to output: OutputFile, tool: String, storage: RowStorage, fields: ShardFields, pool: WorkerPool,
        row: (Int) throws -> (VectorSource, Matrix)
    ) throws {
        let writer = try TableShardWriter(
            output, tool: tool, dimension: mean.count, count: words.count, storage: storage, fields: fields, pool: pool)
        for id in 0..<words.count {
            let (source, row) = try row(id)
            try words.withWord(id) { word in
                try row.values.withUnsafeBufferPointer { try writer.append(word, count: counts[id], source: source, row: $0) }
            }
        }
        try writer.append(tensor: "mean", shape: [mean.count], values: mean)
        try transform.forEachTensor { try writer.append(tensor: $0, shape: $1, values: $2) }
        try generator?.forEachTensor { try writer.append(tensor: $0, shape: $1, values: $2) }
        try writer.finish()
    }
}

/// The sources of a table's vectors.
public struct TableSummary {
    /// A number of words, and of their occurrences.
    public struct Share: Sendable, Equatable {
        /// Number of words.
        public var words = 0
        /// Number of their occurrences in the corpus.
        public var tokens: UInt64 = 0

        /// Creates the share of no words.
        public init() {}
    }

    /// Words and their occurrences by `VectorSource.rawValue`.
    public private(set) var shares = [Share](repeating: Share(), count: VectorSource.allCases.count)
    /// Counts of the reader of the vectors.
    public let lookup: VectorLookup.Counts
    /// Words that have no pre-trained vector as spelled but have one in lower case.
    public let inLowerCase: Share
    /// The three most frequent words without a pre-trained vector, or as many as there are, without marks.
    public let frequentMissing: [String]
    /// The generator that was fitted to make vectors from spellings; `nil` if none was.
    public let fit: SpellingFit?
    /// Scores of that generator.
    public let evaluation: SpellingEvaluation?

    init(
        _ sources: [VectorSource], counts: [UInt64], lookup: VectorLookup.Counts, inLowerCase: Share, frequentMissing: [String],
        fit: SpellingFit?, evaluation: SpellingEvaluation?
    ) {
        self.lookup = lookup
        self.inLowerCase = inLowerCase
        self.frequentMissing = frequentMissing
        self.fit = fit
        self.evaluation = evaluation
        for (id, source) in sources.enumerated() {
            shares[Int(source.rawValue)].words += 1
            shares[Int(source.rawValue)].tokens += counts[id]
        }
    }

    /// The share of words whose vectors come from a source.
    public subscript(source: VectorSource) -> Share { shares[Int(source.rawValue)] }
}
