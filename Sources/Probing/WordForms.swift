import Encoding
public import Model
import Shards
import Tokenization
public import WordVectors

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
