public import Files
@_spi(HostMemory) import Kernels
public import Parallel
import Shards

/// A table for a vocabulary, from a larger table: its rows as they are, to the bit, for the words that it has; vectors
/// from its generator for the others; its marks, mean, transform and generator.
public struct TableSubset {
    private let table: EmbeddingTable
    private let words: WordTable
    private let counts: [UInt64]
    private let vocabularyDigest: UInt64
    /// The words that the larger table lacks, and their vectors, [lacking words, dimension].
    private let lacking: WordTable
    private let made: RowMatrix
    private let isMade: [Bool]

    /// Words of the vocabulary that the larger table has, those that its generator made a vector for, and the others.
    public let kept: Int
    public var madeCount: Int { isMade.count { $0 } }
    public var unknownCount: Int { isMade.count { !$0 } }
    /// Words that the larger table lacks as they are, while it has a pre-trained vector for their lower case.
    public private(set) var inLowerCase = TableSummary.Share()
    /// Tokens of all words of the vocabulary.
    public var tokens: Double { counts.reduce(0) { $0 + Double($1) } }

    /// Throws `ToolError` with status `dataError` if the table has none of the words.
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
        for id in 0..<vocabulary.words.count {
            vocabulary.words.withWord(id) { word in
                guard lacking.find(word) != nil, let form = lowerCase(word), let known = form.withUnsafeBytes(table.words.find),
                    table.sources[known] == .pretrained
                else { return }
                inLowerCase.words += 1
                inLowerCase.tokens &+= vocabulary.counts[id]
            }
        }
    }

    /// Writes the table as a shard. Throws `ToolError`: `ioError`, and what reading the larger table throws.
    public func write(to output: OutputFile, tool: String, pool: WorkerPool) throws {
        let own = ["dimension", "words", "rows-together", "vocabulary", "subset-of"]
        var fields: ShardFields = ["subset-of": hexadecimal(table.digest), "vocabulary": hexadecimal(vocabularyDigest)]
        for (name, value) in table.fields.pairs where !own.contains(name) { fields.append(name, value) }
        let writer = try TableShardWriter(
            output, tool: tool, dimension: table.dimension, count: words.count, storage: table.storage, fields: fields,
            pool: pool)
        let memory = RowMatrix(count: 1, dimension: table.dimension), row = memory.row(0)
        for id in 0..<words.count {
            try words.withWord(id) { word in
                let source = try read(word, into: row)
                try writer.append(word, count: counts[id], source: source, row: UnsafeBufferPointer(row.floats))
            }
        }
        try writer.append(tensor: "mean", shape: [table.mean.count], values: table.mean)
        try table.transform.forEachTensor { try writer.append(tensor: $0, shape: $1, values: $2) }
        try table.generator()?.forEachTensor { try writer.append(tensor: $0, shape: $1, values: $2) }
        try writer.finish()
        withExtendedLifetime(memory) {}
    }

    private func read(_ word: UnsafeRawBufferPointer, into row: Matrix) throws -> VectorSource {
        if let id = table.words.find(word) {
            try table.rows.read(id, into: row.floats)
            return table.sources[id]
        }
        guard let id = lacking.find(word) else { return .none }
        row.copy(from: made.row(id))
        return try isMade[id] ? table.generator()?.source ?? .none : .none
    }
}
