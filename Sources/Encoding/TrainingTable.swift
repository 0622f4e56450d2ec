public import Model
import Shards
public import WordVectors

extension EmbeddingTable {
    /// Whether a model was trained with this table, as far as the model knows.
    public func isTrainingTable(of configuration: EncoderConfiguration) -> Bool {
        configuration.tableDigest.isEmpty || hexadecimal(digest) == configuration.tableDigest
    }
}
