/// The vectors that words have as targets of the contrastive loss.
public enum TargetKind: String, Codable, Sendable, CaseIterable {
    /// Those of the table, as they are.
    case frozen
    /// Those of the table times a matrix that is trained, those of words outside it too.
    case mapped
    /// A vector for each word of the table, trained from the table's on; words outside it keep theirs.
    case trained
}

/// The origin of the words that a target is told from by the contrastive loss, where the window has too few.
public enum NegativeSource: String, Codable, Sendable, CaseIterable {
    /// No others: those of the window must do.
    case window
    /// Words drawn from the unigram distribution.
    case unigram
    /// The targets of the windows before.
    case earlier
}
