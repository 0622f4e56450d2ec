public import Files
public import Parallel
public import Shards

/// A generator of vectors as a file of its own, to be used again without another fit: a table without words.
public final class SpellingModel: WordVectorModel {
    public let name: String
    public let dimension: Int
    private let made: any OutOfVocabularyGenerator

    /// Reads the generator of a saved model or of a table, whose rows are stepped over.
    ///
    /// Throws `ToolError` (`noInput`, `ioError`, `dataError`); a table without a generator is a `dataError` too.
    public convenience init(_ source: any ByteSource, pool: WorkerPool) throws {
        try self.init(TableShardReader(source, pool: pool))
    }

    init(_ reader: TableShardReader) throws {
        name = reader.name
        dimension = reader.dimension
        let fields = reader.header.fields
        var tensors = GeneratorTensors()
        while let item = try reader.next() {
            if case .tensor(let piece) = item, reader.part == 0 { try tensors.append(piece, file: reader.name) }
        }
        guard let generator = try tensors.generator(fields, dimension: dimension, file: reader.name) else {
            throw ToolError.data(reader.name, "", "holds no model that makes vectors from spelling")
        }
        made = generator
    }

    public func generator() -> (any OutOfVocabularyGenerator)? { made }

    public func known(
        _ word: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>
    ) throws -> VectorSource? { nil }

    /// Writes `generator` to a file; `fields` say what it was fitted to.
    public static func write(
        _ generator: any OutOfVocabularyGenerator, to output: OutputFile, tool: String, fields: ShardFields,
        pool: WorkerPool
    ) throws {
        var header = fields
        for (name, value) in generator.fields.pairs { header.append(name, value) }
        let writer = try TableShardWriter(
            output, tool: tool, dimension: generator.dimension, count: 0, fields: header, pool: pool)
        try generator.forEachTensor { try writer.append(tensor: $0, shape: $1, values: $2) }
        try writer.finish()
    }
}
