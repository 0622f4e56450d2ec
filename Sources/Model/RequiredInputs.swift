import Files
import Shards

/// Checks of the files that a model must be used with: those that its input layer reads, and the very ones it was trained with.
extension EncoderConfiguration {
    /// Throws `ToolError` with status `usage` if the input layer reads a table or merges that the user has not named.
    /// - Parameters:
    ///   - table: whether the user has named a table.
    ///   - merges: whether the user has named merges.
    ///   - name: the model, for the message.
    public func requireInputs(table: Bool, merges: Bool, of name: String) throws {
        guard table || input != .embeddings else { throw ToolError(.usage, "--table is missing: \(name) reads vectors of words") }
        guard merges || input != .subwords else { throw ToolError(.usage, "--bpe is missing: \(name) reads units of words") }
    }

    /// Throws `ToolError` with status `configuration` if the model is known to have been trained with a table of another digest.
    /// - `name`: the file of the table, for the message.
    /// - `advice`: end of the message: a semicolon and a hint.
    public func requireTrainingTable(_ digest: UInt64, name: String, model: String = "the model", advice: String = "") throws {
        guard tableDigest.isEmpty || hexadecimal(digest) == tableDigest else {
            throw ToolError(.configuration, "\(name): is not the table that \(model) was trained with\(advice)")
        }
    }

    /// Throws `ToolError` with status `configuration` if the model is known to have been trained with a vocabulary of another
    /// digest.
    public func requireTrainingVocabulary(_ digest: UInt64, name: String, model: String = "the model") throws {
        guard vocabularyDigest.isEmpty || hexadecimal(digest) == vocabularyDigest else {
            throw ToolError(.configuration, "\(name): is not the vocabulary that \(model) was trained with")
        }
    }
}
