import Files
import Shards
import ToolSupport
import WordVectors

/// The messages about the contents of a table.
struct TableReport {
    let report: Report

    func describe(_ table: TableBuilder.Table, _ file: any VectorFile) {
        let summary = table.summary, lookup = summary.lookup
        report.print(
            "\(file.name): \(file.format.rawValue), \(file.dimension) numbers a word, \(grouped(lookup.inFile)) words "
                + "(\(grouped(lookup.duplicates)) duplicates, \(grouped(lookup.invalidWords)) not UTF-8, "
                + "\(grouped(lookup.zeroVectors)) zero)")
        describeSources(summary)
        if !summary.frequentMissing.isEmpty {
            report.print(
                "most frequent without a pre-trained vector: \(summary.frequentMissing.map { printable($0) }.joined(separator: ", "))")
        }
        suggestLowerCase(summary.inLowerCase, of: summary.shares.reduce(0) { $0 + Double($1.tokens) })
        if let fit = summary.fit, let evaluation = summary.evaluation {
            report.print(
                origin(of: fit) + "\(grouped(evaluation.asked.count)) "
                    + (fit.wasGiven ? "words with a vector, which it may have been fitted to," : "held-out words")
                    + " among \(grouped(evaluation.candidates)):")
            report.print(row("", ["cosine", "centred", "mean rank", "top-10"]))
            for score in evaluation.scores() {
                report.print(
                    row(
                        score.name,
                        [
                            fixed(score.cosine, 4), fixed(score.centredCosine, 4), grouped(Int(score.rank)),
                            fixed(100 * score.top10, 1) + "%",
                        ]))
            }
            warn(fit, evaluation)
        }
    }

    /// Suggests lower-casing if a considerable fraction of the text would then have vectors.
    func suggestLowerCase(_ gain: TableSummary.Share, of tokens: Double) {
        guard tokens > 0, Double(gain.tokens) >= Self.leastGain * tokens else { return }
        report.print(
            "\(grouped(gain.words)) words (\(fixed(100 * Double(gain.tokens) / tokens, 1))% of the text) have no vector as they are, "
                + "and have one in lower case: tokenize --lowercase")
    }

    /// The fraction of the text that is worth another run.
    private static let leastGain = 0.01

    /// Warns if a model does not seem to fit these vectors.
    private func warn(_ fit: SpellingFit, _ evaluation: SpellingEvaluation) {
        guard fit.wasGiven, let cosine = evaluation.scores().first?.centredCosine, cosine < Self.leastCosine else { return }
        report.print(
            "warning: the model's vectors do not resemble those of the same words; it was fitted to others, it seems")
    }

    /// The centred cosine below which an agreement is chance.
    private static let leastCosine = 0.05

    private func origin(of fit: SpellingFit) -> String {
        if fit.wasGiven { return "\(fit.name): on " }
        return "\(fit.name): fitted to \(grouped(fit.fitted.count)) words in \(fixed(fit.seconds, 1)) s"
            + (fit.epochs.map { " (\($0) epochs, best after \(fit.bestEpoch ?? $0))" } ?? "") + "; on "
    }

    private func describeSources(_ summary: TableSummary) {
        let tokens = summary.shares.reduce(0) { $0 + $1.tokens }
        report.print(row("source", ["words", "tokens", "of tokens"]))
        for source in VectorSource.allCases where summary[source].words > 0 {
            let share = summary[source]
            report.print(
                row(
                    "\(source)",
                    [
                        grouped(share.words), grouped(Int(clamping: share.tokens)),
                        fixed(100 * Double(share.tokens) / Double(max(1, tokens)), 2) + "%",
                    ]))
        }
    }

    private func row(_ title: String, _ cells: [String]) -> String {
        cells.reduce("  " + padded(title, 18, left: true)) { $0 + padded($1, 14, left: false) }
    }

    private func padded(_ text: String, _ width: Int, left: Bool) -> String {
        let space = String(repeating: " ", count: max(1, width - text.count))
        return left ? text + space : space + text
    }
}
