import MessagePassing
import Model
import Parallel
import Synchronization
import ToolSupport
import Training

/// The messages of `train` on stderr.
struct TrainingReport {
    private let report: Report
    private let scores: ScoreTable

    /// The time in seconds beyond which a run is worth saving.
    private static let longRun = 180.0

    init(_ report: Report) {
        self.report = report
        scores = ScoreTable(report)
    }

    func attach(to trainer: Trainer) {
        trainer.onProgress = { [report] progress in
            // The check is here because making the texts allocates memory.
            guard report.showsProgress else { return }
            let share = progress.ceilingShare.map { " (\(fixed(100 * $0, 0))% of the ceiling)" } ?? ""
            let state = progress.isEvaluating ? "evaluating"
                : "loss \(fixed(progress.loss, 4)), \(grouped(whole(progress.wordsPerSecond))) words/s\(share)"
            report.progress(
                "step \(grouped(progress.step)) of \(grouped(progress.totalSteps)), \(state), "
                    + "\(spelt(seconds: progress.secondsLeft)) left")
        }
        trainer.onEvaluation = { [scores] in scores.add($0) }
        trainer.onWarning = { [report] in report.print("train: \($0)") }
    }

    /// Tells what a run without checkpoints may lose, at the start of a long run, and when a signal ends it.
    func attachWithoutCheckpoints(to trainer: Trainer) {
        let lost = Mutex<TrainingProgress?>(nil), start = Mutex(monotonicSeconds())
        let show = trainer.onProgress
        trainer.onProgress = { progress in
            lost.withLock { $0 = progress }
            show(progress)
        }
        trainer.onStart = { [report] seconds in
            start.withLock { $0 = monotonicSeconds() }
            guard seconds > Self.longRun else { return }
            report.print(
                "train: this run takes about \(spelt(seconds: seconds)) and keeps no checkpoints: if it is interrupted, all of it is "
                    + "lost; with --checkpoints DIRECTORY it can go on from the last checkpoint (--resume)")
        }
        StopRequest.explain { [report] in
            guard let progress = lost.withLock({ $0 }) else { return }
            let seconds = monotonicSeconds() - start.withLock { $0 }
            report.print(
                "train: interrupted after step \(grouped(progress.step)) of \(grouped(progress.totalSteps)): "
                    + "\(spelt(seconds: seconds)) of training are lost; with --checkpoints DIRECTORY a run can go on where it was stopped (--resume)")
        }
    }

    func begin(_ trainer: Trainer, _ input: TrainingInput, _ options: TrainingOptions) {
        for warning in input.warnings { report.print("train: \(warning)") }
        var text = "\(grouped(input.corpus.sentences)) sentences, \(grouped(input.corpus.tokens)) tokens"
        if let vectors = input.words.vectors {
            text += "; \(grouped(vectors.tableCount)) words in the table, \(grouped(vectors.madeCount)) others "
                + "(\(grouped(vectors.unusableCount)) without a vector)"
            if vectors.storedCount > 0 { text += "; \(grouped(vectors.storedCount)) vectors stay in the table's file" }
        }
        if let vocabulary = input.words.vocabulary {
            let unknown = 1 - Double(input.corpus.knownTokens) / Double(max(1, input.corpus.tokens))
            text += "; \(grouped(vocabulary.size)) classes, \(fixed(100 * unknown, 2))% of the tokens are unknown"
        }
        report.print(text)
        if let note = trainer.sparseUpdates { report.print(note) }
        report.print(
            "\(grouped(trainer.encoder.parameterCount)) weights, \(grouped(trainer.totalSteps)) steps of "
                + "\(options.accumulation > 1 ? "\(options.accumulation) x " : "")\(options.batch) x \(options.window) words")
    }

    /// Lists the parts that were taken from a finished model, and the parts that were not.
    func inherited(_ inheritance: ModelInheritance, from path: String) {
        let count = inheritance.taken.count + inheritance.rows.count + inheritance.left.count
        report.print("begins with \(path): \(inheritance.taken.count) of \(count) weights are taken whole")
        for (name, taken, rows) in inheritance.rows { report.print("\(name): \(grouped(taken)) of \(grouped(rows)) rows are taken") }
        for (name, reason) in inheritance.left { report.print("\(name): begins anew: \(reason)") }
        if inheritance.hasOtherTable {
            report.print("train: warning: \(path) was trained with another table; to its weights, only vectors of the same source mean the same")
        }
        if !inheritance.unused.isEmpty {
            report.print("not used of \(path): \(inheritance.unused.joined(separator: ", "))")
        }
    }

    func began(_ ranks: Ranks) {
        let hosts = Set(ranks.communicator.hosts).count
        report.print("\(ranks.count) ranks on \(hosts) host\(hosts == 1 ? "" : "s"), by \(ranks.communicator.library)")
    }

    func resumed(at step: Int?, of trainer: Trainer) {
        if let step, step >= trainer.totalSteps {
            return report.print("all \(grouped(trainer.totalSteps)) steps had been made, \(grouped(step)) in all: nothing to train")
        }
        report.print(
            step.map { "going on after step \(grouped($0)) of \(grouped(trainer.totalSteps))" }
                ?? "no checkpoint yet: beginning at the beginning")
    }

    func end(_ outcome: TrainingOutcome, _ trainer: Trainer, _ checkpoints: CheckpointDirectory?) {
        let writing = checkpoints.map { "; \(fixed($0.secondsWriting, 1)) s for checkpoints" } ?? ""
        switch outcome {
        case .finished: report.print("\(grouped(trainer.step)) steps: \(split(trainer))\(writing)")
        case .outOfTime:
            report.print("the time is up after \(grouped(trainer.step)) step\(trainer.step == 1 ? "" : "s"): \(split(trainer))\(writing)")
        case .noProgress:
            report.print("the held-out loss falls no more after \(grouped(trainer.step)) steps: the best model it is\(writing)")
        case .stopped: report.print("stopped after step \(grouped(trainer.step)), checkpoint written; --resume goes on\(writing)")
        }
    }

    /// Returns the time of a run, split into training and evaluations.
    private func split(_ trainer: Trainer) -> String {
        "\(spelt(seconds: trainer.seconds.training, tenths: true)) of training, "
            + "\(spelt(seconds: trainer.seconds.evaluation, tenths: true)) of evaluations"
    }
}

/// The scores of a run on its held-out text: a legend once, then a short row for each evaluation, beside the rows of the models that
/// have learned nothing but frequencies.
final class ScoreTable {
    private let report: Report
    /// True after the legend has been printed.
    private var hasLegend = false

    init(_ report: Report) { self.report = report }

    /// Prints the row of an evaluation.
    func add(_ evaluation: Evaluation) {
        guard let first = evaluation.results.first else { return }
        let showsObjective = first.cosine.map { abs(first.objective - $0.loss) >= 1e-3 } ?? false
        let figures = evaluation.results.map { result in
            Figure.all(of: result, showsObjective: showsObjective).map { figure in
                var figure = figure
                figure.isAlone = evaluation.results.count == 1
                return figure
            }
        }
        if !hasLegend {
            hasLegend = true
            report.print(legend(evaluation, figures[0]))
            report.print(header(evaluation.results, figures[0]))
            for (name, reference) in [("constant", \Figure.constant), ("unigram", \Figure.unigram)] {
                guard figures.joined().contains(where: { $0[keyPath: reference] != nil }) else { continue }
                report.print(row(Self.lead(name), figures, reference))
            }
        }
        let lead = Self.lead(
            "\(evaluation.step)", short(evaluation.words), Self.clock(evaluation.secondsOfTraining),
            short(whole(Double(evaluation.words) / max(1e-9, evaluation.secondsOfTraining))))
        // A mark is true for directions that have learned nothing beyond frequencies.
        let marks = evaluation.results.map { [.within, .worse].contains($0.scores.verdict) }
        report.print(row(lead, figures, \.value, marks: marks))
        for result in evaluation.results { if let exact = result.exact { report.print(text(exact, result.direction)) } }
    }

    /// Returns the scores of a continuous output over all words.
    private func text(_ exact: ExactScores, _ direction: Direction) -> String {
        var text = "\(direction.rawValue), over all \(grouped(exact.words)) words: perplexity "
        text += exact.perplexity.map { fixed($0, 1) } ?? "-"
        text += " at \(grouped(exact.positions)) positions; \(fixed(100 * exact.unknownShare, 2))% of all are of other words"
        guard let open = exact.open else { return text }
        text += "; words that the table lacks, at \(grouped(open.positions)) positions: \(fixed(100 * open.top1, 1))% first, "
        return text + "\(fixed(100 * open.top10, 1))% among the first ten of all words, median rank \(grouped(open.medianRank))"
    }

    /// A figure of one direction, and the same figure of the models that have learned nothing but frequencies.
    private struct Figure {
        let name, meaning: String
        var decimals = 1
        let value: Double?
        var constant, unigram: Double?

        /// The smallest value that is shown without decimals, so that it fits the column.
        var limit: Double { name.hasSuffix("%") ? 99.95 : 999.95 }
        /// True if the figure has a single column, which must be as wide as the name.
        var isAlone = false
        /// The width of the column in characters, including the space before it.
        var width: Int { max(name.hasSuffix("%") ? 5 : isMarked ? 8 : 7, isAlone ? name.utf8.count + (isMarked ? 2 : 1) : 0) }
        /// True if the mark is beside this figure.
        var isMarked: Bool { name == "perplexity" }

        /// Returns a value with as many decimals as fit the column.
        func text(_ value: Double) -> String {
            let places = abs(value) >= limit ? 0 : abs(value) < 10 ? decimals : min(decimals, 1)
            let whole = fixed(value, places)
            return whole.utf8.count < width ? whole : abs(value) < 1e15 ? short(Int(value)) : "inf"
        }

        /// Returns a text in `count` columns of the figure, with room for the mark where there may be one.
        func column(_ text: String, of count: Int = 1, mark: Bool = false) -> String {
            isMarked ? padded(text, width * count - 1) + (mark ? "*" : " ") : padded(text, width * count)
        }

        static func all(of result: HeldOutResult, showsObjective: Bool) -> [Figure] {
            let scores = result.scores, cosine = result.cosine, classes = result.vocabulary.map { grouped($0.size) } ?? ""
            func percent(_ share: Double) -> Double? { scores.positions > 0 ? 100 * share : nil }
            let loss = cosine != nil ? "mean cosine distance between the predicted and the right vector"
                : result.vocabulary == nil ? "mean -log p of the right word among those that it is told from"
                : "mean -log p of the right one of \(classes) classes"
            let rule = cosine == nil ? "the model's probability" : "scale x cosine + log frequency"
            var figures = [
                Figure(
                    name: "loss", meaning: loss, decimals: 4, value: cosine?.loss ?? result.objective,
                    constant: cosine?.constantLoss),
                Figure(
                    name: "top-1 %", meaning: "how often the right word ranks first, by \(rule)", value: percent(scores.top1),
                    unigram: percent(scores.unigramTop1)),
                Figure(
                    name: "top-10 %", meaning: "how often it is among the first ten", value: percent(scores.top10),
                    unigram: percent(scores.unigramTop10)),
                Figure(
                    name: "perplexity", meaning: "among the words ranked", value: scores.candidatePerplexity,
                    unigram: scores.candidatePerplexity.map { _ in scores.unigramPerplexity }),
            ]
            if showsObjective {
                let meaning = "the loss that training minimises"
                figures.insert(Figure(name: "objective", meaning: meaning, decimals: 4, value: result.objective), at: 0)
            }
            if result.vocabulary != nil {
                let meaning = "perplexity of a word among all \(classes) classes"
                figures.append(Figure(name: "ppl all", meaning: meaning, value: scores.perplexity))
            }
            return figures
        }
    }

    private func legend(_ evaluation: Evaluation, _ figures: [Figure]) -> String {
        let first = evaluation.results[0], share = fixed(100 * first.scores.coverage, 1)
        let small = first.positions < UnigramComparison.fewPositions ? " (small: the last digits say little)" : ""
        let what = first.direction == .bidirectional ? "masked words" : "positions"
        var text = "held-out text: \(grouped(first.positions)) \(what)\(small), \(share)% of them ranked among "
        text += "\(grouped(evaluation.candidates)) words"
        if let vocabulary = first.vocabulary { text += ", \(fixed(100 * vocabulary.unknownShare, 1))% in no class of their own" }
        for figure in figures { text += "\n  \(padded(figure.name, 11, left: true)) \(figure.meaning)" }
        if first.cosine != nil { text += "\n  constant    the vector that is best if it is the same everywhere" }
        text += "\n  unigram     the model that knows nothing but how frequent words are"
        return text + "\n  *           no better than the unigram model"
    }

    private func header(_ results: [HeldOutResult], _ figures: [Figure]) -> String {
        let directions = results.map { result in
            switch result.direction {
            case .forward: "fwd"
            case .backward: "bwd"
            case .bidirectional: "both"
            }
        }
        let names = figures.map { $0.column($0.name, of: results.count) }.joined()
        let columns = figures.map { figure in directions.map { figure.column($0) }.joined() }.joined()
        return Self.trimmed(Self.lead("") + names) + "\n" + Self.trimmed(Self.lead("step", "words", "time", "words/s") + columns)
    }

    /// Returns a row with one value of every figure, direction by direction.
    /// - `marks`: true for directions that are marked beside their perplexity.
    private func row(_ lead: String, _ figures: [[Figure]], _ value: KeyPath<Figure, Double?>, marks: [Bool]? = nil) -> String {
        var row = lead
        for index in figures[0].indices {
            for (direction, figures) in figures.enumerated() {
                let figure = figures[index]
                let text = figure[keyPath: value].map(figure.text) ?? "-"
                row += figure.column(text, mark: marks?[direction] ?? false)
            }
        }
        return Self.trimmed(row)
    }

    private static func trimmed(_ line: String) -> String {
        var line = line
        while line.last == " " { line.removeLast() }
        return line
    }

    private static func lead(_ step: String, _ words: String = "", _ time: String = "", _ speed: String = "") -> String {
        padded(step, 8) + padded(words, 7) + padded(time, 7) + padded(speed, 8)
    }

    /// Returns hours, minutes and seconds: 2:03, 1:02:03.
    private static func clock(_ seconds: Double) -> String {
        let total = Int(seconds.rounded()), (hours, minutes) = (total / 3600, total / 60 % 60)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return hours > 0 ? "\(hours):\(two(minutes)):\(two(total % 60))" : "\(minutes):\(two(total % 60))"
    }
}

private func padded(_ text: String, _ width: Int, left: Bool = false) -> String {
    let blanks = String(repeating: " ", count: max(0, width - text.count))
    return left ? text + blanks : blanks + text
}
