import Model
import ToolSupport
import Training

/// What `train` says on stderr.
struct TrainingReport {
    private let report: Report

    init(_ report: Report) { self.report = report }

    func attach(to trainer: Trainer) {
        trainer.onProgress = { [report] progress in
            let share = progress.ceilingShare.map { " (\(fixed(100 * $0, 0))% of the ceiling)" } ?? ""
            report.progress(
                "step \(grouped(progress.step)) of \(grouped(progress.totalSteps)), loss \(fixed(progress.loss, 4)), "
                    + "\(grouped(Int(progress.wordsPerSecond))) words/s\(share), \(spelt(seconds: progress.secondsLeft)) left")
        }
        trainer.onEvaluation = { [report] step, _, results in
            for result in results { report.print(Self.summary(result, step: step)) }
        }
        trainer.onWarning = { [report] in report.print("train: \($0)") }
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

    func resumed(at step: Int?, of trainer: Trainer) {
        if let step, step >= trainer.totalSteps {
            return report.print("all \(grouped(trainer.totalSteps)) steps had been made, \(grouped(step)) in all: nothing to train")
        }
        report.print(
            step.map { "going on after step \(grouped($0)) of \(grouped(trainer.totalSteps))" }
                ?? "no checkpoint yet: beginning at the beginning")
    }

    func end(_ outcome: TrainingOutcome, _ trainer: Trainer, _ checkpoints: CheckpointWriter?) {
        let writing = checkpoints.map { "; \(fixed($0.secondsWriting, 1)) s for checkpoints" } ?? ""
        switch outcome {
        case .finished: report.print("\(grouped(trainer.step)) steps\(writing)")
        case .outOfTime: report.print("the time is up after \(grouped(trainer.step)) steps\(writing)")
        case .noProgress:
            report.print("the held-out loss falls no more after \(grouped(trainer.step)) steps: the best model it is\(writing)")
        case .stopped: report.print("stopped after step \(grouped(trainer.step)), checkpoint written; --resume goes on\(writing)")
        }
    }

    private static func summary(_ result: HeldOutResult, step: Int) -> String {
        let scores = result.scores
        func percent(_ share: Double) -> String { fixed(100 * share, 1) + "%" }
        var text = "step \(step), held-out \(result.direction.rawValue): "
        if let cosine = result.cosine {
            if abs(result.objective - cosine.loss) >= 1e-3 { text += "objective \(fixed(result.objective, 4)), cosine " }
            text += "loss \(fixed(cosine.loss, 4)) (constant \(fixed(cosine.constantLoss, 4))); cosine top-1 "
                + "\(percent(scores.cosineTop1 ?? 0)), top-10 \(percent(scores.cosineTop10 ?? 0)); with prior "
        } else {
            text += "loss \(fixed(result.objective, 4)); top-1, top-10 "
        }
        text += scores.positions == 0 ? "not ranked"
            : "\(percent(scores.top1)), \(percent(scores.top10)) (unigram \(percent(scores.unigramTop1)), "
                + "\(percent(scores.unigramTop10)))"
        text += "; perplexity \(fixed(scores.perplexity, 1))"
        if let vocabulary = result.vocabulary {
            return text + " over \(grouped(vocabulary.size)) classes, \(percent(vocabulary.unknownShare)) unknown"
        }
        return text + " (unigram \(fixed(scores.unigramPerplexity, 1)))"
    }
}
