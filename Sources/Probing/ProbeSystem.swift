import Encoding
public import Files
public import Kernels
public import Model
import Shards
public import Subwords
import Tokenization
public import WordVectors

/// The source of the vectors that are probed: all layers of an encoder, or a table of word vectors, which counts as one layer.
public enum ProbeSystem {
    /// An encoder, with the table or the merges that its input layer reads; names are for messages.
    case encoder(
        ContextualEncoder, name: String, table: (table: EmbeddingTable, name: String)?, merges: (table: Merges, name: String)?)
    /// A table of word vectors.
    case words(EmbeddingTable, name: String)

    /// Returns the vectors of a text's words. Throws `ToolError`: `configuration` if encoder, table and merges do not match,
    /// `dataError` for a vector that is not finite, and what reading the table throws.
    public func features(of text: LabelledText) throws -> ProbeFeatures {
        let features: ProbeFeatures, name: String
        var count = 0
        /// Returns the rows of the next tokens.
        func next(_ tokens: Int) -> Matrix {
            count += tokens
            return features.matrix.rows(count - tokens..<count)
        }
        switch self {
        case .encoder(let encoder, let model, let table, let merges):
            features = ProbeFeatures(tokens: text.tokenCount, layers: encoder.layerCount, width: encoder.layerWidth)
            name = model
            var forms = WordForms(encoder.configuration)
            let collector = SentenceCollector { next($0.words.count).copy(from: $0.values) }
            let stage = try SentenceEncoder(
                encoder, table: table?.table, tableName: table?.name ?? "", merges: merges, layers: .all, to: collector)
            for sentence in text.sentences { try stage.encode(sentence.words.map { forms.form(of: $0) }) }
            try stage.flush()
        case .words(let table, let file):
            features = ProbeFeatures(tokens: text.tokenCount, layers: 1, width: table.dimension)
            name = file
            var forms = WordForms(table)
            for word in text.sentences.lazy.flatMap(\.words) {
                var form = forms.form(of: word)
                _ = try form.withUTF8 { try table.vector(for: UnsafeRawBufferPointer($0), into: next(1)) }
            }
        }
        for (token, word) in text.sentences.lazy.flatMap(\.words).enumerated() {
            guard features.matrix.rows(token..<token + 1).isFinite else {
                throw ToolError.data(name, "", "the vector of '\(word)' in \(text.name) holds what is no number")
            }
        }
        return features
    }
}

/// The vectors of every token of a text, which is all that a classifier sees of it.
public final class ProbeFeatures {
    /// Number of tokens, of layers, and of values in a layer.
    public let tokens, layers, width: Int
    private let rows: RowMatrix

    /// Allocates zeros.
    public init(tokens: Int, layers: Int, width: Int) {
        self.tokens = tokens
        self.layers = layers
        self.width = width
        rows = RowMatrix(count: tokens, dimension: layers * width)
    }

    /// The layers of each token, one after another, [tokens, layers x width]. Valid as long as this object lives.
    public var matrix: Matrix { rows.matrix }

    /// Throws `ToolError` with status `usage` if this many vectors do not fit into memory.
    /// - `tokens`: number of tokens in all texts together.
    /// - `available`: available bytes.
    public static func check(tokens: Int, layers: Int, width: Int, name: String, available: Int = memoryLimit()) throws {
        let needed = 4 * Double(tokens) * Double(layers) * Double(width)
        guard needed > Double(available) else { return }
        func gibibytes(_ bytes: Double) -> String { "\((bytes / Double(1 << 30) * 10).rounded() / 10) GiB" }
        throw ToolError(
            .usage,
            "\(name): \(layers) x \(width) numbers for each of \(tokens) tokens take \(gibibytes(needed)), and there are "
                + "\(gibibytes(Double(available))); --sentences takes fewer")
    }

    /// Standardises the columns of all features: subtracts the mean and divides by the standard deviation of `rows` of `reference`,
    /// [tokens, the same columns]. Columns that are constant there become zero.
    public static func standardise(_ all: [ProbeFeatures], by reference: ProbeFeatures, rows: [Int], _ compute: ProcessorBackend) {
        compute.standardizeColumns(of: all.map(\.matrix), by: reference.matrix, rows: rows)
    }
}

/// The words of a labelled text in the form in which a model's training text has them: lowercased and normalised in the same way,
/// but never split, because every word has one label.
public struct WordForms {
    private let tokenizer: Tokenizer
    /// Words seen, by their bytes, and the form of each.
    private var words = WordTable()
    private var forms: [String] = []

    /// Creates the forms of words in a model's training text.
    public init(_ configuration: EncoderConfiguration) {
        tokenizer = Tokenizer(for: configuration, mode: .whitespace)
    }

    /// Creates the forms of words for a table alone, which does not record how its text was made: lower case if none of its words
    /// contains a letter from A to Z.
    public init(_ table: EmbeddingTable) {
        let capitals = UInt8(ascii: "A")...UInt8(ascii: "Z")
        tokenizer = Tokenizer(
            mode: .whitespace, lowercase: !table.words.bytes.contains(where: capitals.contains), maximumSentenceLength: .max)
    }

    /// Returns the form of a word. What normalisation would split is joined again, and what it would remove altogether does not
    /// change.
    public mutating func form(of word: String) -> String {
        let id = words.insert(word)
        if id == forms.count {
            let joined = ((try? tokenizer.tokens(word)) ?? []).joined().joined()
            forms.append(joined.isEmpty ? word : joined)
        }
        return forms[id]
    }
}
