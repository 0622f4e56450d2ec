public import Files
import Kernels
public import Parallel
import Shards

/// A table for a vocabulary, made from a larger table: the larger table's rows, bit for bit, for words that it has; vectors from
/// its generator for the others; and its marks, mean, transform and generator.
public struct TableSubset {
    private let table: EmbeddingTable
    private let words: WordTable
    private let counts: [UInt64]
    private let vocabularyDigest: UInt64
    /// Words that the larger table lacks, and their vectors, [lacking words, dimension].
    private let lacking: WordTable
    private let made: RowMatrix
    private let isMade: [Bool]

    /// Number of words of the vocabulary that the larger table has.
    public let kept: Int
    /// Number of words for which its generator made a vector.
    public var madeCount: Int { isMade.count { $0 } }
    /// Number of words without a vector.
    public var unknownCount: Int { isMade.count { !$0 } }
    /// Words that the larger table lacks as spelled but for whose lower case it has a pre-trained vector.
    public let inLowerCase: TableSummary.Share
    /// Occurrences of all words of the vocabulary.
    public var tokens: Double { counts.reduce(0) { $0 + Double($1) } }

    /// Selects the words. Throws `ToolError` with status `dataError` if the table has none of them.
    public init(of table: EmbeddingTable, name: String, _ vocabulary: VocabularyWords, threads: Int) throws {
        self.table = table
        vocabularyDigest = vocabulary.digest
        var words = vocabulary.words
        var lacking = WordTable()
        for id in 0..<words.count { words.withWord(id) { if table.words.find($0) == nil { _ = lacking.insert($0) } } }
        kept = words.count - lacking.count
        guard kept > 0 else {
            throw ToolError.data(
                name, "", "has none of the vocabulary's \(words.count) words; "
                    + "are both of one language, and lower-cased or not alike?")
        }
        for mark in TableMarks.all where table.words.find(mark) != nil { _ = words.insert(mark) }
        self.words = words
        counts = vocabulary.counts + Array(repeating: 0, count: words.count - vocabulary.counts.count)
        made = RowMatrix(count: lacking.count, dimension: table.dimension)
        isMade =
            try table.generator()?.fill(Array(0..<lacking.count), of: lacking, into: made, threads: threads)
            ?? Array(repeating: false, count: lacking.count)
        self.lacking = lacking
        inLowerCase = vocabulary.gainInLowerCase { id, form in
            guard vocabulary.words.withWord(id, lacking.find) != nil, let known = table.words.find(form) else { return false }
            return table.sources[known] == .pretrained
        }
    }

    /// Writes the table as a shard. Throws `ToolError`: `ioError`, and what reading the larger table throws.
    public func write(to output: OutputFile, tool: String, pool: WorkerPool) throws {
        let own = ["dimension", "words", "rows-together", "vocabulary", "subset-of"]
        var fields: ShardFields = ["subset-of": hexadecimal(table.digest), "vocabulary": hexadecimal(vocabularyDigest)]
        for (name, value) in table.fields.pairs where !own.contains(name) { fields.append(name, value) }
        let memory = RowMatrix(count: 1, dimension: table.dimension), row = memory.row(0)
        let contents = TableContents(
            words: words, counts: counts, mean: table.mean, transform: table.transform, generator: try table.generator())
        try contents.write(to: output, tool: tool, storage: table.storage, fields: fields, pool: pool) { id in
            let source = try words.withWord(id) { try read($0, into: row) }
            return (source, row)
        }
        withExtendedLifetime(memory) {}
    }

    private func read(_ word: UnsafeRawBufferPointer, into row: Matrix) throws -> VectorSource {
        if let id = table.words.find(word) {
            try table.rows.read(id, into: row)
            return table.sources[id]
        }
        guard let id = lacking.find(word) else { return .none }
        row.copy(from: made.row(id))
        return try isMade[id] ? table.generator()?.source ?? .none : .none
    }
}
