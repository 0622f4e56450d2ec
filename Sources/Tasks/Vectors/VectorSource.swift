public import Encoding
import Files
@_spi(HostMemory) import Kernels
import Model
import Probing
import Shards
public import WordVectors

/// The source of the vectors of a task's words: an encoder, whose layers the task mixes, or files from another program; a table of
/// word vectors; or both.
///
/// The vectors of sentences are either made once and kept in a cache, with the digests of all that they depend on as the key, or made
/// anew for each batch (`VectorsOnDemand`).
public final class VectorSource {
    /// The form of the vectors.
    public let form: VectorForm
    /// The name of the encoder or the table, for messages.
    public let name: String
    private let model: LoadedModel?
    /// A description of the device that computes the encoder's vectors, if its results differ from the processor's.
    private let device: String?
    /// True if the layers of each text come from a file.
    private let readsFiles: Bool
    private let words: (table: EmbeddingTable, name: String)?

    /// Makes a source with an encoder, a table, or both.
    /// - `device`: the GPU that computes, and its precision; the cache keeps the vectors of different devices apart. `nil` means the
    ///   processor.
    /// - `words`: the table whose vectors follow the encoder's, or stand alone.
    public init(model: LoadedModel?, device: String? = nil, words: (table: EmbeddingTable, name: String)?) {
        precondition(model != nil || words != nil, "vectors come from somewhere")
        (self.model, self.device, self.words, readsFiles) = (model, device, words, false)
        name = model?.name ?? words?.name ?? ""
        form = VectorForm(
            layers: model?.encoder.layerCount ?? 0, width: model?.encoder.layerWidth ?? 0, wordWidth: words?.table.dimension ?? 0)
    }

    /// Makes a source whose vectors come from a file for each text.
    /// - `first`: one of the files. All of them must have the same number of layers and of values.
    public init(_ first: ImportedVectors, words: (table: EmbeddingTable, name: String)?) {
        (model, device, self.words, readsFiles, name) = (nil, nil, words, true, first.name)
        form = VectorForm(layers: first.layers, width: first.width, wordWidth: words?.table.dimension ?? 0)
    }

    /// Returns the vectors of a text's sentences, from the cache or newly made. Throws `ToolError`: `dataError` for a vector with
    /// values that are not finite, and what the encoder, the table and the cache throw.
    /// - `text`: the name of the text, for messages.
    /// - `file`: the file of this text, if the source reads files.
    /// - `onProgress`: called with the number of words done.
    public func vectors(
        of sentences: [[String]], text: String, file: ImportedVectors? = nil, in cache: VectorCache, onProgress: @escaping (Int) -> Void = { _ in }
    ) throws -> CachedVectors {
        precondition(readsFiles == (file != nil), "files come with every text or with none")
        if let file, (file.layers, file.width) != (form.layers, form.width) {
            throw ToolError(
                .configuration, "\(file.name): has \(file.layers) layers of \(file.width) numbers, and \(name) \(form.layers) of \(form.width)")
        }
        var digest = XXH64()
        for sentence in sentences {
            for word in sentence {
                var word = word + "\0"
                word.withUTF8 { digest.update(UnsafeRawBufferPointer($0)) }
            }
            withUnsafeBytes(of: UInt8(ascii: "\n")) { digest.update($0) }
        }
        let key = [
            "text \(String(digest.digest(), radix: 16))", model.map { "model \($0.digest)" }, device.map { "computed on \($0)" },
            try file.map { "file \(try $0.digest())" },
            model?.table.map { "table \(String($0.table.digest, radix: 16))" }, words.map { "words \(String($0.table.digest, radix: 16))" },
        ].compactMap { $0 }.joined(separator: ", ")
        return try cache.vectors(key: key, form: form, lengths: sentences.map(\.count)) { take in
            var done = 0
            func add(_ rows: Matrix) throws {
                try take(rows)
                done += rows.rows
                onProgress(done)
            }
            guard let file else { return try encode(sentences, text: text, add) }
            var number = 0
            try file.forEach(sentences.map(\.count), text: text) { layers in
                try add(rows(of: sentences[number], layers, text))
                number += 1
            }
        }
    }

    /// Calls `body` with the rows of one sentence after the other, [words, form.columns]; they are valid until it returns.
    func encode(_ sentences: [[String]], text: String, _ body: @escaping (Matrix) throws -> Void) throws {
        guard let model else { return try sentences.forEach { try body(rows(of: $0, [], text)) } }
        var number = 0
        receive = { [unowned self] layers in
            try body(rows(of: sentences[number], layers, text))
            number += 1
        }
        let stage = try openStage(model)
        for sentence in sentences { try stage.encode(sentence.map { modelForms?.form(of: $0) ?? $0 }) }
        try stage.flush()
    }

    /// The encoder's stage, which is made at its first use, and the receiver of its output.
    private var stage: SentenceEncoder?
    private var receive: ([Float]) throws -> Void = { _ in }

    private func openStage(_ model: LoadedModel) throws -> SentenceEncoder {
        if let stage { return stage }
        let opened = try model.stage(.all, to: SentenceCollector { [unowned self] in try receive($0.values) })
        stage = opened
        return opened
    }

    private lazy var modelForms = model.map { WordForms($0.encoder.configuration) }
    private lazy var tableForms = words.map { WordForms($0.table) }
    private let memory = RowBuffer()

    private func rows(of sentence: [String], _ layers: [Float], _ text: String) throws -> Matrix {
        let matrix = memory.matrix(rows: sentence.count, columns: form.columns)
        try fill(matrix, sentence, layers, text)
        return matrix
    }

    /// Writes the rows of a sentence: the layers of each word, [words, layers x width], and the word's own vector.
    private func fill(_ matrix: Matrix, _ sentence: [String], _ layers: [Float], _ text: String) throws {
        let deep = form.layers * form.width
        if deep > 0 { matrix.columns(0..<deep).copy(from: layers) }
        if let words {
            let own = matrix.columns(deep..<form.columns)
            own.fill(0)
            for (index, word) in sentence.enumerated() {
                var word = tableForms?.form(of: word) ?? word
                let row = Matrix(own.row(index), rows: 1, columns: own.columns)
                _ = try word.withUTF8 { try words.table.vector(for: UnsafeRawBufferPointer($0), into: row) }
            }
        }
        for index in 0..<matrix.rows where !Vector.isFinite(matrix.row(index), count: matrix.columns) {
            throw ToolError.data(name, "", "the vector of '\(sentence[index])' in \(text) holds what is no number")
        }
    }
}

/// Memory for the rows of a sentence, which grows to the longest sentence.
private final class RowBuffer {
    private var buffer = FloatBuffer(count: 0)

    func matrix(rows: Int, columns: Int) -> Matrix {
        if buffer.count < rows * columns { buffer = FloatBuffer(count: rows * columns) }
        return Matrix(buffer, rows: rows, columns: columns)
    }
}
