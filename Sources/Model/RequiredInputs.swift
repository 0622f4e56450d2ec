import Files
import Shards

/// The files that a model must be used with: those that its input layer reads, and the very ones it was trained with.
extension EncoderConfiguration {
    /// Throws `ToolError` with status `usage` if the input layer reads a table or merges, and the user has named none.
    /// - Parameter name: the model, for the message.
    public func requireInputs(table: Bool, merges: Bool, of name: String) throws {
        guard table || input != .embeddings else { throw ToolError(.usage, "--table is missing: \(name) reads vectors of words") }
        guard merges || input != .subwords else { throw ToolError(.usage, "--bpe is missing: \(name) reads units of words") }
    }

    /// Throws `ToolError` with status `configuration` if the model was trained with another table than the one of this digest, as far
    /// as the model knows.
    /// - Parameters:
    ///   - name: the table's file, for the message.
    ///   - advice: the end of the message, a semicolon and a hint.
    public func requireTrainingTable(_ digest: UInt64, name: String, model: String = "the model", advice: String = "") throws {
        guard tableDigest.isEmpty || hexadecimal(digest) == tableDigest else {
            throw ToolError(.configuration, "\(name): is not the table that \(model) was trained with\(advice)")
        }
    }

    /// Throws `ToolError` with status `configuration` if the model was trained with another vocabulary than the one of this digest, as
    /// far as the model knows.
    public func requireTrainingVocabulary(_ digest: UInt64, name: String, model: String = "the model") throws {
        guard vocabularyDigest.isEmpty || hexadecimal(digest) == vocabularyDigest else {
            throw ToolError(.configuration, "\(name): is not the vocabulary that \(model) was trained with")
        }
    }
}
