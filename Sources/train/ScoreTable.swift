import Model
import ToolSupport
import Training

/// The scores of a run on its held-out text: a legend once, then a short row for each evaluation, beside the rows of the models
/// that have learned nothing but frequencies.
final class ScoreTable {
    private let report: Report
    /// Whether the legend has been printed.
    private var hasLegend = false

    init(_ report: Report) { self.report = report }

    /// Prints the row of an evaluation.
    func add(_ evaluation: Evaluation) {
        guard let first = evaluation.results.first else { return }
        let figures = Figure.all(of: first)
        if !hasLegend {
            hasLegend = true
            report.print(legend(evaluation, figures))
            report.print(header(evaluation.results, figures))
            let references = [("constant", \Figure.constant), ("unigram", \Figure.unigram)]
            for (name, reference) in references where first.cosine != nil || name == "unigram" {
                let values = figures.map { figure in evaluation.results.map { figure[keyPath: reference]($0) } }
                guard values.contains(where: { $0.contains { $0 != nil } }) else { continue }
                report.print(row(Self.lead(name), values, figures))
            }
        }
        let lead = Self.lead(
            grouped(evaluation.step), grouped(evaluation.words), Self.clock(evaluation.secondsOfTraining),
            grouped(Int(Double(evaluation.words) / max(1e-9, evaluation.secondsOfTraining))))
        let values = figures.map { figure in evaluation.results.map { figure.value($0) } }
        report.print(row(lead, values, figures) + Self.mark(evaluation.results))
    }

    /// A figure of each direction: what it is called, and how it is had from a result.
    private struct Figure {
        let name, meaning: String
        let decimals: Int
        let value: (HeldOutResult) -> Double?
        var constant: (HeldOutResult) -> Double? = { _ in nil }
        var unigram: (HeldOutResult) -> Double? = { _ in nil }

        static func all(of result: HeldOutResult) -> [Figure] {
            let isCosine = result.cosine != nil, classes = result.vocabulary.map { grouped($0.size) } ?? ""
            func ranked(_ share: @escaping (RankingScores) -> Double) -> (HeldOutResult) -> Double? {
                { $0.scores.positions > 0 ? 100 * share($0.scores) : nil }
            }
            let rule = isCosine ? "scale x cosine + log frequency" : "the model's probability"
            var figures = [
                Figure(
                    name: "loss",
                    meaning: isCosine ? "mean cosine distance between the predicted and the right vector"
                        : "mean -log p of the right one of \(classes) classes",
                    decimals: 4, value: { $0.cosine?.loss ?? $0.objective }, constant: { $0.cosine?.constantLoss })
            ]
            if let cosine = result.cosine, abs(result.objective - cosine.loss) >= 1e-3 {
                figures.insert(
                    Figure(name: "objective", meaning: "the loss that training minimises", decimals: 4, value: \.objective),
                    at: 0)
            }
            figures += [
                Figure(
                    name: "top-1 %", meaning: "how often the right word ranks first, by \(rule)", decimals: 1,
                    value: ranked(\.top1), unigram: ranked(\.unigramTop1)),
                Figure(
                    name: "top-10 %", meaning: "how often it is among the first ten", decimals: 1, value: ranked(\.top10),
                    unigram: ranked(\.unigramTop10)),
                Figure(
                    name: "perplexity", meaning: "among the words ranked", decimals: 1,
                    value: { $0.scores.candidatePerplexity },
                    unigram: { $0.scores.candidatePerplexity == nil ? nil : $0.scores.unigramPerplexity }),
            ]
            if !isCosine {
                figures.append(
                    Figure(
                        name: "ppl all", meaning: "perplexity of a word among all \(classes) classes", decimals: 1,
                        value: { $0.scores.perplexity }))
            }
            return figures
        }
    }

    private func legend(_ evaluation: Evaluation, _ figures: [Figure]) -> String {
        let first = evaluation.results[0], share = fixed(100 * first.scores.coverage, 1)
        let small = first.positions < UnigramComparison.fewPositions ? " (small: the last digits say little)" : ""
        var text = "held-out text: \(grouped(first.positions)) positions\(small), \(share)% of them ranked among "
        text += "\(grouped(evaluation.candidates)) words"
        if let vocabulary = first.vocabulary { text += ", \(fixed(100 * vocabulary.unknownShare, 1))% in no class of their own" }
        for figure in figures { text += "\n  \(Self.padded(figure.name, 11, left: true)) \(figure.meaning)" }
        if first.cosine != nil { text += "\n  constant    the vector that is best if it is the same everywhere" }
        return text + "\n  unigram     the model that knows nothing but how frequent words are"
    }

    private func header(_ results: [HeldOutResult], _ figures: [Figure]) -> String {
        let directions = results.map { $0.direction == .forward ? "fwd" : "bwd" }
        let names = figures.map { Self.padded($0.name, Self.width($0) * results.count) }.joined()
        let columns = figures.map { figure in directions.map { Self.padded($0, Self.width(figure)) }.joined() }.joined()
        return Self.lead("", "", "", "") + names + "\n" + Self.lead("step", "words", "time", "words/s") + columns
    }

    private func row(_ lead: String, _ values: [[Double?]], _ figures: [Figure]) -> String {
        lead + zip(values, figures).map { values, figure in
            values.map { Self.padded($0.map { fixed($0, figure.decimals) } ?? "-", Self.width(figure)) }.joined()
        }.joined()
    }

    /// Which directions have learned nothing beyond frequencies.
    private static func mark(_ results: [HeldOutResult]) -> String {
        let marked = results.filter { [.within, .worse].contains($0.scores.verdict) }
        guard !marked.isEmpty else { return "" }
        let which = marked.count == results.count ? "" : "\(marked[0].direction.rawValue): "
        return "  (\(which)no better than unigram)"
    }

    private static func lead(_ step: String, _ words: String = "", _ time: String = "", _ speed: String = "") -> String {
        padded(step, 9) + padded(words, 13) + padded(time, 9) + padded(speed, 9)
    }

    private static func width(_ figure: Figure) -> Int { figure.decimals > 1 || figure.name.hasPrefix("p") ? 8 : 6 }

    private static func padded(_ text: String, _ width: Int, left: Bool = false) -> String {
        let blanks = String(repeating: " ", count: max(0, width - text.count))
        return left ? text + blanks : blanks + text
    }

    /// Hours, minutes and seconds: 2:03, 1:02:03.
    private static func clock(_ seconds: Double) -> String {
        let total = Int(seconds.rounded()), (hours, minutes) = (total / 3600, total / 60 % 60)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return hours > 0 ? "\(hours):\(two(minutes)):\(two(total % 60))" : "\(minutes):\(two(total % 60))"
    }
}
