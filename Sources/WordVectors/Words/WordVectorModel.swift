public import Files
public import Kernels
public import Parallel
public import Shards

/// A model that knows a vector for any word: a fastText .bin, an embedding table, or a model of spelling alone.
public protocol WordVectorModel: AnyObject, Sendable {
    /// Size of a vector.
    var dimension: Int { get }

    /// Returns a generator of vectors for unknown words; `nil` if there is none. Throws `ToolError` if it must be read first and
    /// cannot be.
    func generator() throws -> (any OutOfVocabularyGenerator)?

    /// Writes the vector of a word that the model contains to `row` [1, dimension], and returns its source. Returns `nil`, with
    /// `row` undefined, for all other words. Several threads may call it at once.
    ///
    /// Throws `ToolError` with status `dataError` for a vector that is not finite.
    func known(_ word: UnsafeRawBufferPointer, into row: Matrix) throws -> VectorSource?
}

/// Opens a model of word vectors, whose kind is recognised by its content.
///
/// Throws `ToolError`: `noInput`, `ioError`, or `dataError` for a file that is damaged or not a model.
public func openWordVectorModel(_ path: String, pool: WorkerPool) throws -> any WordVectorModel {
    let file = try FileSource(path: path)
    let source = try PeekedSource(file, count: 16)
    if FastTextFile.recognises(source.head) { return try FastTextModel(FastTextFile(path: path)) }
    let shard = try PeekedShard(source)
    guard shard.kind != nil else {
        if let compression = Compression(head: source.head) {
            throw ToolError.data(source.name, "", "is no model as it is: it \(compression.advice(source.name))")
        }
        throw ToolError.data(
            source.name, "",
            "is neither a fastText .bin nor a table or model of embed-oov; of vectors as text make a table first: "
                + "embed-oov --vectors \(source.name) vocabulary -o table")
    }
    let reader = try TableShardReader(shard.source, pool: pool)
    if reader.header.fields.integer("words") == 0 { return try SpellingModel(reader) }
    // If a plain file is opened again, its rows can stay in it; what came through a pipe is gone.
    guard path != "-" && file.size != nil else { return try EmbeddingTable(reader) }
    return try EmbeddingTable(FileSource(path: path), pool: pool)
}

/// A fastText model that is asked for single words: the file stays mapped, and an index of its dictionary is in memory.
private final class FastTextModel: WordVectorModel, @unchecked Sendable {
    let dimension: Int
    private let nGrams: (any OutOfVocabularyGenerator)?
    private let file: FastTextFile
    private let words: WordTable
    /// Number of the dictionary's entry for each of `words`; the last of equal words, as in fastText.
    private let entries: [Int32]

    init(_ file: FastTextFile) throws {
        self.file = file
        dimension = file.dimension
        nGrams = file.ownGenerator()
        var words = WordTable(capacity: file.entryCount)
        var entries: [Int32] = []
        entries.reserveCapacity(file.entryCount)
        try file.forEachEntry { entry, word in
            let id = words.insert(word)
            if id == entries.count { entries.append(Int32(entry)) } else { entries[id] = Int32(entry) }
        }
        self.words = words
        self.entries = entries
    }

    func generator() -> (any OutOfVocabularyGenerator)? { nGrams }

    func known(_ word: UnsafeRawBufferPointer, into row: Matrix) throws -> VectorSource? {
        guard let id = words.find(word) else { return nil }
        try file.vector(of: word, entry: Int(entries[id]), into: row)
        return .pretrained
    }
}

/// A generator of vectors in a file of its own, which can be reused without another fit: a table without words.
public final class SpellingModel: WordVectorModel {
    /// The user's name for the file.
    public let name: String
    /// Size of a vector.
    public let dimension: Int
    private let made: any OutOfVocabularyGenerator

    /// Reads the generator of a saved model or of a table, whose rows are skipped.
    ///
    /// Throws `ToolError`: `noInput`, `ioError`, or `dataError`, also for a table without a generator.
    public convenience init(_ source: any ByteSource, pool: WorkerPool) throws {
        try self.init(TableShardReader(source, pool: pool))
    }

    init(_ reader: TableShardReader) throws {
        name = reader.name
        dimension = reader.dimension
        var stored = StoredGenerator(fields: reader.header.fields, dimension: dimension, file: name)
        while let item = try reader.next() {
            if case .tensor(let piece) = item, reader.part == 0 { try stored.append(piece) }
        }
        guard let generator = try stored.generator() else {
            throw stored.error("", "holds no model that makes vectors from spelling")
        }
        made = generator
    }

    /// Returns the generator.
    public func generator() -> (any OutOfVocabularyGenerator)? { made }

    /// Returns `nil`: the model contains no words.
    public func known(_ word: UnsafeRawBufferPointer, into row: Matrix) throws -> VectorSource? { nil }

    /// Writes `generator` to a file; `fields` describe what it was fitted to.
    public static func write(
        _ generator: any OutOfVocabularyGenerator, to output: OutputFile, tool: String, fields: ShardFields,
        pool: WorkerPool
    ) throws {
        var header = fields
        header.append(contentsOf: generator.fields)
        let writer = try TableShardWriter(
            output, tool: tool, dimension: generator.dimension, count: 0, fields: header, pool: pool)
        try generator.forEachTensor { try writer.append(tensor: $0, shape: $1, values: $2) }
        try writer.finish()
    }
}
