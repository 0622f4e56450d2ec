internal import Training

extension UnigramComparison.Verdict {
    /// Stands behind a figure, and behind the name of a system.
    var mark: String {
        switch self {
        case .better: ""
        case .within: "†"
        case .worse: "‡"
        }
    }

    /// What the mark means; empty where there is none.
    /// - Parameter ofSystems: whether systems have it, not figures alone.
    func footnote(ofSystems: Bool) -> String {
        switch self {
        case .better: ""
        case .within where ofSystems:
            "† within the noise of the unigram model: this system has learned no more than how frequent words are (yet). Behind a "
                + "single figure: this figure alone does not tell the system from the unigram model."
        case .within: "† within the noise of the unigram model: this figure alone does not tell the system from it."
        case .worse: "‡ worse than the unigram model, by more than noise: counting words predicts better than this (yet)."
        }
    }
}
