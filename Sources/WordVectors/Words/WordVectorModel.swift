import Files
public import Parallel
public import Shards

/// Something that knows a vector for any word: a fastText .bin, an embedding table, or a model of spelling alone.
public protocol WordVectorModel: AnyObject, Sendable {
    /// Numbers in each vector.
    var dimension: Int { get }

    /// Makes vectors for the words that are not known; `nil` if they have none. Throws `ToolError` if it must be read first
    /// and cannot be.
    func generator() throws -> (any OutOfVocabularyGenerator)?

    /// Writes the vector of a word that the model holds into `row`, [dimension], and says where it comes from; `nil`,
    /// with `row` undefined, for all other words. May be called from several threads at once.
    ///
    /// Throws `ToolError` with status `dataError` for a vector that is not finite.
    func known(
        _ word: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>
    ) throws -> VectorSource?
}

extension EmbeddingTable: WordVectorModel {
    public func known(
        _ word: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>
    ) throws -> VectorSource? {
        guard let id = words.find(word), sources[id] != .none else { return nil }
        try rows.read(id, into: row)
        return sources[id]
    }
}

/// Opens a model of word vectors; its kind is told from its content.
///
/// Throws `ToolError`: `noInput`, `ioError`, `dataError` for a damaged file, or one that is no model.
public func openWordVectorModel(_ path: String, pool: WorkerPool) throws -> any WordVectorModel {
    let file = try FileSource(path: path)
    let source = try PeekedSource(file, count: 16)
    if FastTextFile.recognises(source.head) {
        guard path != "-" else {
            throw ToolError.data(source.name, "", "a fastText .bin cannot be read from a pipe; give the file's name")
        }
        return try FastTextModel(FastTextFile(path: path))
    }
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
    // Opened anew, a plain file's rows can stay there; what came through a pipe is gone.
    guard path != "-" && file.size != nil else { return try EmbeddingTable(reader) }
    return try EmbeddingTable(FileSource(path: path), pool: pool)
}
