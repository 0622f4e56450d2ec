import Encoding
public import Files
public import Kernels
public import Model
import Shards
public import Subwords
import Tokenization
public import WordVectors

/// What makes the vectors that a probe judges: all layers of an encoder, or a table of word vectors, which is one layer.
public enum ProbeSystem {
    /// With what its input layer reads; names are for messages.
    case encoder(
        ContextualEncoder, name: String, table: (table: EmbeddingTable, name: String)?, merges: (table: Merges, name: String)?)
    case words(EmbeddingTable, name: String)

    /// The vectors of a text's words. Throws `ToolError`: `configuration` if encoder, table and merges do not fit each other,
    /// `dataError` for a vector that is not of numbers, and what reading the table throws.
    public func features(of text: LabelledText) throws -> ProbeFeatures {
        switch self {
        case .encoder(let encoder, let name, let table, let merges):
            var forms = WordForms(encoder.configuration)
            let features = ProbeFeatures(tokens: text.tokenCount, layers: encoder.layerCount, width: encoder.layerWidth)
            var rows = Rows(features, text, name: name)
            let collector = SentenceCollector { sentence in
                let target = rows.next(sentence.words.count)
                target.copy(from: sentence.values)
                try rows.check(target)
            }
            let stage = try SentenceEncoder(
                encoder, table: table?.table, tableName: table?.name ?? "", merges: merges, layers: .all, to: collector)
            for sentence in text.sentences { try stage.encode(sentence.words.map { forms.form(of: $0) }) }
            try stage.flush()
            return features
        case .words(let table, let name):
            var forms = WordForms(table)
            let features = ProbeFeatures(tokens: text.tokenCount, layers: 1, width: table.dimension)
            var rows = Rows(features, text, name: name)
            for sentence in text.sentences {
                for word in sentence.words {
                    var form = forms.form(of: word)
                    let target = rows.next(1)
                    _ = try form.withUTF8 { try table.vector(for: UnsafeRawBufferPointer($0), into: target) }
                    try rows.check(target)
                }
            }
            return features
        }
    }

    /// The next rows of the features of a text.
    private struct Rows {
        let features: ProbeFeatures
        let text: LabelledText
        let name: String
        private var count = 0

        init(_ features: ProbeFeatures, _ text: LabelledText, name: String) {
            self.features = features
            self.text = text
            self.name = name
        }

        mutating func next(_ tokens: Int) -> Matrix {
            count += tokens
            return features.matrix.rows(count - tokens..<count)
        }

        /// Throws if one of the last rows taken, `rows`, is not of numbers.
        func check(_ rows: Matrix) throws {
            for row in 0..<rows.rows where !rows.rows(row..<row + 1).isFinite {
                let word = word(count - rows.rows + row)
                throw ToolError.data(name, "", "the vector of '\(word)' in \(text.name) holds what is no number")
            }
        }

        private func word(_ token: Int) -> String {
            let words = text.sentences.lazy.flatMap(\.words)
            return words.dropFirst(token).first ?? ""
        }
    }
}

/// Vectors for every token of a text: what a classifier sees of it.
public final class ProbeFeatures {
    public let tokens, layers, width: Int
    private let buffer: FloatBuffer

    public init(tokens: Int, layers: Int, width: Int) {
        self.tokens = tokens
        self.layers = layers
        self.width = width
        buffer = FloatBuffer(count: tokens * layers * width)
    }

    /// [tokens, layers x width]: the layers of a token one after the other. Valid as long as this object.
    public var matrix: Matrix { Matrix(buffer, rows: tokens, columns: layers * width) }

    /// Throws `ToolError` with status `usage` if so many vectors do not fit into memory.
    /// - Parameters:
    ///   - tokens: of all texts together.
    ///   - available: bytes.
    public static func check(tokens: Int, layers: Int, width: Int, name: String, available: Int = memoryLimit()) throws {
        let needed = 4 * Double(tokens) * Double(layers) * Double(width)
        guard needed > Double(available) else { return }
        func gibibytes(_ bytes: Double) -> String { "\((bytes / Double(1 << 30) * 10).rounded() / 10) GiB" }
        throw ToolError(
            .usage,
            "\(name): \(layers) x \(width) numbers for each of \(tokens) tokens take \(gibibytes(needed)), and there are "
                + "\(gibibytes(Double(available))); --sentences takes fewer")
    }

    /// Subtracts from each column a mean and divides by a deviation: those of `rows` of `reference`, [tokens, the same
    /// columns]. Columns that are constant there become zero.
    public static func standardise(_ all: [ProbeFeatures], by reference: ProbeFeatures, rows: [Int], _ compute: ProcessorBackend) {
        compute.standardizeColumns(of: all.map(\.matrix), by: reference.matrix, rows: rows)
    }
}

/// The words of a labelled text as a model's training text has them: lower-cased and normalised alike, but never cut, because
/// every word has one label.
public struct WordForms {
    private let tokenizer: Tokenizer
    /// Words met, by their bytes, and the form of each.
    private var words = WordTable()
    private var forms: [String] = []

    /// As the training text of a model was made.
    public init(_ configuration: EncoderConfiguration) {
        tokenizer = Tokenizer(for: configuration, mode: .whitespace)
    }

    /// For a table alone, which does not say how its text was made: in lower case, if none of its words has a letter from A
    /// to Z.
    public init(_ table: EmbeddingTable) {
        let capitals = UInt8(ascii: "A")...UInt8(ascii: "Z")
        tokenizer = Tokenizer(
            mode: .whitespace, lowercase: !table.words.bytes.contains(where: capitals.contains), maximumSentenceLength: .max)
    }

    /// The form of a word that came from a text. What normalisation would cut is put together again, and what it would
    /// take away altogether stays as it is.
    public mutating func form(of word: String) -> String {
        let id = words.insert(word)
        if id == forms.count {
            let joined = ((try? tokenizer.tokens(word)) ?? []).joined().joined()
            forms.append(joined.isEmpty ? word : joined)
        }
        return forms[id]
    }
}
