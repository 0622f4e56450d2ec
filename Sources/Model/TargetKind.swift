/// The vectors that words have as targets of the contrastive loss.
public enum TargetKind: String, Codable, Sendable, CaseIterable {
    /// The vectors of the table, unchanged.
    case frozen
    /// The vectors of the table, and those made for words that it lacks, each multiplied by a trained matrix.
    case mapped
    /// A trained vector for each word of the table, initialised with the table's; words that the table lacks keep the vector made
    /// for them.
    case trained
}

/// The source of further negatives of the contrastive loss, for windows with too few distinct words.
public enum NegativeSource: String, Codable, Sendable, CaseIterable {
    /// None: only the words of the window are used.
    case window
    /// Words drawn from the unigram distribution.
    case unigram
    /// The targets of previous windows.
    case earlier
}
